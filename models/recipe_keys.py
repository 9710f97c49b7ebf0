"""What a key of a settings file means and may hold, as annotations of a dataclass field; reader, JSON Schema and docs go by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema


def key(about: str, low: float | None = None, high: float | None = None, expected: str | None = None) -> Any:
    """For `Annotated`: what the key means, in words for a table of the docs, and its limits, both included.

    A value of another type is refused, never converted. `expected`: how a message calls what is expected, where the name of the
    type does not say enough.
    """
    extra: Any = {"expected": expected} if expected else None
    return Field(description=about or None, ge=low, le=high, strict=True, json_schema_extra=extra)


@dataclass(frozen=True)
class OneOf:
    """For `Annotated[str, ...]`: what the key means, and the texts that it may be."""

    about: str
    choices: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.literal_schema(list(self.choices))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "description": self.about}
