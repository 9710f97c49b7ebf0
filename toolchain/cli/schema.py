"""`owlbit schema`: the JSON Schema of a recipe for editors, and the tables of keys in the docs, both from the types of settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def schema(
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The file to write (default: print the schema).", show_default=False)
    ] = None,
    docs: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also rewrite the tables of keys in the pages (*.md) of this folder.", show_default=False),
    ] = None,
) -> None:
    """Write the JSON Schema of a recipe, with which an editor completes and checks its keys.

    Editors with TOML support find it by the line `#:schema FILE` at the top of a recipe; see docs/recipes.md.

    Example: `owlbit schema --out recipe.schema.json`
    """
    from owlbit.export.files import write_text
    from owlbit.toolchain.recipes.schema import schema_text

    if out is not None:
        write_text(out, schema_text())
    elif docs is None:
        typer.echo(schema_text(), nl=False)
    if docs is not None:
        for page in rewrite_docs(docs):
            typer.echo(f"tables of keys: {page}")


def rewrite_docs(docs: Path) -> list[Path]:
    """Puts the tables of keys as they are now into the pages (*.md) of the folder `docs`; returns the pages that have changed.

    Raises OwlbitError where a page asks for a table that there is none of.
    """
    from owlbit.export.files import write_text
    from owlbit.toolchain.boards.describe import wiring_tables
    from owlbit.toolchain.recipes.key_tables import recipe_tables, rewrite_tables
    from owlbit.toolchain.search.key_tables import space_tables
    from owlbit.toolchain.sensing.key_tables import settings_tables

    tables = {**recipe_tables(), **space_tables(), **settings_tables(), **wiring_tables()}
    changed = []
    for page in sorted(docs.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if (renewed := rewrite_tables(text, tables, page)) != text:
            write_text(page, renewed)
            changed.append(page)
    return changed
