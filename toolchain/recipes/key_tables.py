"""Tables of keys in the docs: made from the types that a reader checks by, and put between markers of a page.

<!-- keys: training -->
| key | value | default | what it says |
<!-- end of keys -->
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from owlbit.export.errors import OwlbitError
from owlbit.export.settings import Schema, schema_of
from owlbit.models.layer_table import Conv, Linear
from owlbit.models.paper_networks import FloatResNet18, ResNet9, ResNet18, Xnor
from owlbit.toolchain.recipes.data import Data, Extra, Input
from owlbit.toolchain.recipes.pruning import Pruning
from owlbit.toolchain.recipes.restarts import Restart
from owlbit.toolchain.recipes.schema import plain_schema
from owlbit.toolchain.recipes.training import Distillation, Training

TABLES: dict[str, type[Any]] = {
    "data": Data,
    "extra": Extra,
    "input": Input,
    "conv": Conv,
    "linear": Linear,
    "resnet18": ResNet18,
    "float-resnet18": FloatResNet18,
    "resnet9": ResNet9,
    "xnor": Xnor,
    "training": Training,
    "distillation": Distillation,
    "pruning": Pruning,
    "restarts": Restart,
}
_MARKED = re.compile(r"(<!-- keys: ([\w-]+) -->\n)(.*?)(<!-- end of keys -->)", flags=re.DOTALL)
_WORDS = {"integer": "integer", "number": "number", "boolean": "`true` or `false`", "string": "text", "object": "table"}


def recipe_tables() -> dict[str, str]:
    """The tables of all keys of a recipe, in Markdown, by the names that markers have."""
    return {name: key_table(kind) for name, kind in TABLES.items()}


def key_table(kind: type[Any]) -> str:
    """The keys of the table that becomes a `kind`, in Markdown."""
    schema = plain_schema(schema_of(kind))
    rows = [
        f"| `{name}` | {_value(key)} | {_default(key, name in schema.get('required', ()))} | {_cell(key.get('description', ''))} |"
        for name, key in schema["properties"].items()
    ]
    return "\n".join(["| key | value | default | what it says |", "|---|---|---|---|", *rows]) + "\n"


def rewrite_tables(text: str, tables: Mapping[str, str], page: Path) -> str:
    """`text`, the Markdown of `page`, with `tables` between its markers. Raises OwlbitError for a marker of another name."""

    def table(found: re.Match[str]) -> str:
        if found[2] not in tables:
            raise OwlbitError(f'{page}: <!-- keys: ... -->: expected one of {", ".join(tables)}, got "{found[2]}"')
        return f"{found[1]}{tables[found[2]]}{found[4]}"

    return _MARKED.sub(table, text)


def _value(key: Schema) -> str:
    if "enum" in key:
        return ", ".join(f'`"{choice}"`' for choice in key["enum"])
    if key.get("type") == "array":
        items = key.get("items", {})
        plural = {"integer": "integers", "number": "numbers", "string": "texts"}.get(items.get("type", ""), "values")
        counted = {2: "two", 3: "three"}.get(key.get("maxItems", 0), "list of")
        return f"{counted} {plural}{_limits(items)}"
    return _WORDS[key.get("type", "object")] + _limits(key)


def _limits(key: Schema) -> str:
    low, high = key.get("minimum"), key.get("maximum")
    if low is None and high is None:
        return ""
    return f", at least {low}" if high is None else f", at most {high}" if low is None else f", {low} to {high}"


def _default(key: Schema, required: bool) -> str:
    if "default" not in key:
        return "required" if required else ""
    value = key["default"]
    spelt = (
        {True: "true", False: "false"}[value] if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
    )
    return f"`{spelt}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
