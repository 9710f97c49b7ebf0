"""The JSON Schema of a recipe, by which an editor completes and checks keys, made from the types that the reader checks by.

It is kept to what older validators know too (draft 7, without `const` and `prefixItems`). What it cannot say, what keys demand of
one another, only `load_recipe` knows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from owlbit import models
from owlbit.export.settings import Schema, schema_of
from owlbit.toolchain.recipes.recipe_file import RecipeFile

SCHEMA = Path(models.__file__).parent / "recipes" / "recipe.schema.json"
_DRAFT = "http://json-schema.org/draft-07/schema#"
_LEFT_OUT = {"enum": [False], "description": "leaves it out of what the recipe that this one extends says"}


def recipe_schema() -> dict[str, Any]:
    """The JSON Schema of a recipe.

    A recipe that extends another may leave out any key of a table, so a table demands its keys only in one that extends none.
    [[layers]] take the place of the other recipe's, and demand theirs always.
    """
    schema = {"$schema": _DRAFT, **plain_schema(schema_of(RecipeFile))}
    _complete_restarts(schema)
    properties, demanded = schema["properties"], {}
    for name in [each for each in properties if each not in ("name", "extends")]:
        choices = properties[name].get("oneOf", [properties[name]])
        demanded[name] = {"type": properties[name].get("type", "object")}
        if name not in ("layers", "restarts"):
            required = [schema["$defs"][each["$ref"].rpartition("/")[2]].pop("required", []) for each in choices]
            demanded[name] |= {"required": required[0]} if required[0] else {}
        properties[name] = {"anyOf": [*choices, _LEFT_OUT]}
    schema["if"] = {"not": {"required": ["extends"]}}
    schema["then"] = {"required": schema.pop("required"), "properties": demanded}
    return schema


def _complete_restarts(schema: dict[str, Any]) -> None:
    """Lets the tables of a restart have the keys of the recipe's own ones."""
    tables = schema["$defs"]["Restart"]["properties"]
    for name in ("data", "training"):
        tables[name] = {"$ref": f"#/$defs/{name.capitalize()}", "description": tables[name]["description"]}
    kinds = [{"$ref": "#/$defs/Distillation"}, {"enum": [False]}]
    tables["distillation"] = {"anyOf": kinds, "description": tables["distillation"]["description"]}


def schema_text() -> str:
    """The file of it."""
    return json.dumps(recipe_schema(), indent=1, ensure_ascii=False) + "\n"


def plain_schema(schema: Any) -> Any:
    """A schema as pydantic makes it without titles, null, defaults that say nothing, and what older validators do not know."""
    if isinstance(schema, list):
        return [plain_schema(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    given = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if len(given) == 1:
        return plain_schema({**given[0], **{word: value for word, value in schema.items() if word != "anyOf"}})
    plain = {word: plain_schema(value) for word, value in schema.items() if word not in _DROPPED}
    for names in [word for word in ("properties", "$defs") if word in schema]:  # the names in them are no words of a schema
        plain[names] = {name: plain_schema(value) for name, value in schema[names].items()}
    if "const" in schema:
        plain["enum"] = [schema["const"]]
    if "prefixItems" in schema:
        plain["items"] = plain_schema(schema["prefixItems"][0])
    if "default" in schema and _is_value(schema["default"], schema):
        plain["default"] = schema["default"]
    return plain


_DROPPED = ("title", "expected", "const", "prefixItems", "default")


def _is_value(default: Any, schema: Schema) -> bool:
    """Whether a default is one that a recipe could say too; others stand for a key that is left out."""
    if default in ("", None) or isinstance(default, dict | list):
        return False
    return default in schema.get("enum", (default,)) and bool(schema.get("minimum", default) <= default)
