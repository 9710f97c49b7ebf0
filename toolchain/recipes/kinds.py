"""Tables whose key `kind` says which dataclass the other keys are fields of: `[[layers]]` and `[network]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True)
class Kind:
    """For `Annotated`, beside pydantic's `Tag` of the same name: the dataclass is meant where the table has `kind = name`."""

    name: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_without_kind, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        reference = handler(schema)
        found = handler.resolve_ref_schema(reference)
        found["properties"] = {"kind": {"const": self.name, "type": "string"}, **found["properties"]}
        found["required"] = ["kind", *found.get("required", ())]
        return reference


def kind_of(table: Any) -> str | None:
    """For pydantic's `Discriminator`: the kind that a table names; None where it names none."""
    kind = table.get("kind") if isinstance(table, Mapping) else None
    return kind if isinstance(kind, str) else None


def _without_kind(table: Any) -> Any:
    return {key: value for key, value in table.items() if key != "kind"} if isinstance(table, Mapping) else table
