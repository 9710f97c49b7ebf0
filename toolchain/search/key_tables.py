"""The tables of the keys of a space for the docs, made from the types that check them."""

from __future__ import annotations

from owlbit.toolchain.recipes.key_tables import key_table
from owlbit.toolchain.search.space_file import ConstraintsTable, SearchTable


def space_tables() -> dict[str, str]:
    """In Markdown, by the names that markers in the docs have."""
    return {"constraints": key_table(ConstraintsTable), "search": key_table(SearchTable)}
