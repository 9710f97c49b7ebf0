"""Settings that a person writes, records that owlbit writes: TOML or JSON, checked by pydantic, refused in one sentence.

A type says what a file may hold: a dataclass or a pydantic model, its fields annotated. What pydantic finds wrong becomes a
`SettingError` that names the file, the key, what was expected and what was found. Checks across keys are validators of the type,
which raise `RefusedError`.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from owlbit.export.errors import OwlbitError
from owlbit.export.files import read_limited
from owlbit.export.guard import one_line
from owlbit.export.limits import RECORD_BYTES, TEXT_BITS, TEXT_BYTES, TEXT_DEPTH, TEXT_DOTS

T = TypeVar("T")
Schema = Mapping[str, Any]
Key = tuple[str | int, ...]  # the names of tables and keys, and the places in lists, that lead to a value

LONGEST = 1000  # characters of a message
_WORDS = {"integer": "an integer", "number": "a number", "boolean": "true or false", "string": "a text"}
_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}
_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
_MISSING = ("missing", "missing_argument")
_RANGE = ("greater_than_equal", "less_than_equal", "finite_number")


class SettingError(OwlbitError):
    """A setting that cannot be used: names the file, the key, what was expected and what was found.

    `got`: None where `expected` is the whole sentence.
    """

    def __init__(self, file: Path, key: str, expected: str, got: str | None = None) -> None:
        where = f"{file}: {key}" if key else str(file)
        super().__init__(f"{where}: {_sentence(expected, got)}")


class RefusedError(ValueError):
    """What a validator raises: `key`, relative to the table it checks, or "" for the whole table; the rest as in `SettingError`."""

    def __init__(self, key: str, expected: str, got: str | None = None) -> None:
        super().__init__(_sentence(expected, got))
        self.key = key


def _sentence(expected: str, got: str | None) -> str:
    return expected if got is None else f"expected {expected}, got {got}"


def read_toml(path: Path, what: str) -> tuple[dict[str, Any], str]:
    """(the tables, the text) of the TOML file `path`; `what` names it in messages. Raises OwlbitError where it cannot be read."""
    try:
        return load_toml(path)
    except FileNotFoundError:
        raise OwlbitError(f"{path}: expected {what}, found no such file") from None
    except IsADirectoryError:
        raise OwlbitError(f"{path}: expected {what} file, found a folder") from None
    except OSError as error:
        raise OwlbitError(f"{path}: expected {what} file, could not read it ({error.strerror})") from None
    except ValueError as error:
        raise OwlbitError(f"{path}: expected a TOML file, got: {error}") from None


def load_toml(path: Path) -> tuple[dict[str, Any], str]:
    """(the tables, the text) of the TOML file `path`.

    Raises OSError, OwlbitError for a file of more than TEXT_BYTES, and ValueError, of one line, for anything but TOML that keeps
    the other limits of `limits`.
    """
    content = read_limited(path, TEXT_BYTES)
    try:
        text = content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")  # as Python reads a text file
        for number, line in enumerate(text.split("\n"), 1):
            if line.count(".") > TEXT_DOTS:
                raise ValueError(f"{line.count('.'):,} dots in line {number}, up to {TEXT_DOTS} are read")
        tables = tomllib.loads(text)
        _check_plain(tables)
    except Exception as error:  # a RecursionError, an integer of too many digits, whatever the text makes the parser stumble over
        raise ValueError(one_line(error) or type(error).__name__) from None
    return tables, text


def _check_plain(tables: Any) -> None:
    """ValueError for integers that Python does not print, and for what is so deep that nobody wrote it by hand."""
    waiting = [(tables, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > TEXT_DEPTH:
            raise ValueError(f"tables or lists more than {TEXT_DEPTH} deep in one another")
        if isinstance(value, dict | list):
            waiting += [(each, depth + 1) for each in (value.values() if isinstance(value, dict) else value)]
        elif isinstance(value, int) and value.bit_length() > TEXT_BITS:
            raise ValueError(f"an integer of {value.bit_length():,} bits, up to {TEXT_BITS:,} are read")


def checked(kind: type[T], content: Any, file: Path, where: Key = (), file_of: Callable[[Key], Path] | None = None) -> T:
    """`content`, as it was read from `file`, as a `kind`. Raises SettingError.

    `where`: the key that `content` stands at; `file_of`: the file that a key is from, where there are several.
    """
    try:
        return _adapter(kind).validate_python(content)
    except ValidationError as error:
        key, sentence = _explain(kind, content, error)
        place = file if file_of is None else file_of(key)
        raise SettingError(place, one_line(_spelt((*where, *key))), one_line(sentence, LONGEST)) from None


def parsed(kind: type[T], text: str | bytes) -> T:
    """The JSON `text`, which owlbit wrote, as a `kind`. Raises ValueError with one sentence that names the key."""
    try:
        return _adapter(kind).validate_json(text, strict=True)
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise ValueError(f"no JSON: {one_line(error.errors()[0]['ctx']['error'])}") from None
        mistake = error
    try:
        key, sentence = _explain(kind, json.loads(text), mistake, toml=False)
    except Exception as error:  # what is too deep, or has too many digits, for Python's own parser
        raise ValueError(f"no JSON of owlbit: {one_line(error) or type(error).__name__}") from None
    raise ValueError(one_line(f"{_spelt(key)}: {sentence}" if key else sentence, LONGEST))


def read_json(kind: type[T], path: Path) -> T:
    """The JSON in the file `path`, which owlbit wrote, as a `kind`. Raises OSError, and ValueError as `parsed` does."""
    try:
        return parsed(kind, read_limited(path, RECORD_BYTES))
    except OwlbitError as error:
        raise ValueError(str(error).removeprefix(f"{path}: ")) from None


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    if kind not in _ADAPTERS:  # making one takes milliseconds
        _ADAPTERS[kind] = TypeAdapter(kind)
    adapter: TypeAdapter[T] = _ADAPTERS[kind]
    return adapter


def schema_of(kind: type[Any]) -> Schema:
    """The JSON Schema of the settings that `kind` takes, as pydantic makes it."""
    return _adapter(kind).json_schema()


def resolve(schema: Schema, root: Schema) -> Schema:
    """`schema`, or what it refers to in `root`; of a value that may be left out, that of the value."""
    if "$ref" in schema:
        return resolve(root["$defs"][str(schema["$ref"]).rpartition("/")[2]], root)
    given = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    return resolve(given[0], root) if len(given) == 1 else schema


def kinds_of(schema: Schema, root: Schema) -> dict[str, Schema]:
    """The tables that a table with a key "kind" may be, by that kind; empty for any other schema."""
    variants = [resolve(each, root) for each in schema.get("oneOf", ())]
    return {str(each["properties"]["kind"]["const"]): each for each in variants}


def show(value: Any) -> str:
    """A value as a message names it, as it is spelt in TOML."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, bool):
        return "true" if value else "false"
    prefix = {str: "the text ", int: "", float: "", list: "the list ", tuple: "the list "}.get(
        type(value), type(value).__name__ + " "
    )
    return prefix + repr(list(value) if isinstance(value, tuple) else value).replace("'", '"')


def _explain(kind: type[Any], content: Any, error: ValidationError, toml: bool = True) -> tuple[Key, str]:
    """(key, sentence) of the mistake to be told first: an unknown key, since what is missing may be what it was meant for."""
    ranks = {**dict.fromkeys(_UNKNOWN, 0), **dict.fromkeys(_MISSING, 2)}
    details = min(error.errors(include_url=False), key=lambda each: ranks.get(each["type"], 1))
    key, schema = _find(details, schema_of(kind))
    cause = details.get("ctx", {}).get("error")
    if isinstance(cause, Exception):
        inner = tuple(cause.key.split(".")) if isinstance(cause, RefusedError) and cause.key else ()
        return (*key, *inner), str(cause)
    if details["type"] in _UNKNOWN:
        return key, _unknown(str(key[-1]), [name for name, each in schema["properties"].items() if "const" not in each])
    value = _value(content, key)
    if details["type"].startswith("union_tag") and isinstance(value, Mapping):
        found = repr(value["kind"]) if "kind" in value else "no such key"
        return (*key, "kind"), f"expected {_choices(kinds_of(schema, schema_of(kind)))}, got {found}"
    if details["type"] in _MISSING and not isinstance(value, list | tuple):
        expected = _expected(schema, key, toml)
        return key, f"expected {expected}, got {'none' if expected.startswith('a table') else 'no such key'}"
    if details["type"] == "literal_error" and isinstance(value, str):
        return key, f"expected {_choices(schema['enum'])}, got {show(value)}"
    if details["type"] in _RANGE:
        return key, f"expected {_limits(schema)}, got {show(value)}"
    got = show(value)
    if isinstance(value, Mapping):
        got = "an object" if not toml else f"a table headed [{key[-1]}]" if schema.get("type") == "array" else got
    return key, f"expected {_expected(schema, key, toml)}, got {got}"


def _find(details: ErrorDetails, root: Schema) -> tuple[Key, Schema]:
    """The key that a mistake is at and its schema; the schema of the table around it for a key that it does not have."""
    key: list[str | int] = []
    schema = resolve(root, root)
    for part in details["loc"]:
        kinds = kinds_of(schema, root)
        if part in kinds:  # pydantic tells the kind of a table among the keys
            schema = kinds[str(part)]
            continue
        if "prefixItems" in schema or "expected" in schema:
            break  # it is told as a whole
        if isinstance(part, int):
            schema = schema.get("items", {})
        elif part in schema.get("properties", {}):
            schema = schema["properties"][part]
        elif isinstance(schema.get("additionalProperties"), Mapping):
            schema = schema["additionalProperties"]
        elif details["type"] not in _UNKNOWN:
            break  # one of several types that a value may have
        schema = resolve(schema, root) if "expected" not in schema else schema
        key.append(part)
    return tuple(key), schema


def _value(content: Any, key: Key) -> Any:
    """The value at `key`; None where there is none."""
    for part in key:
        if isinstance(content, Mapping):
            content = content.get(part)
        elif isinstance(content, list | tuple) and isinstance(part, int) and part < len(content):
            content = content[part]
        else:
            return None
    return content


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f'did you mean "{close[0]}"?' if close else "one of " + ", ".join(known)
    return f'expected a known key ({hint}), got "{name}"'


def _choices(names: Any) -> str:
    return "one of " + ", ".join(f'"{name}"' for name in names)


def _limits(schema: Schema) -> str:
    if "prefixItems" in schema:
        return _limits(schema["prefixItems"][0])
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None and high is None:
        return _WORDS[schema["type"]]
    return f"at least {low}" if high is None else f"at most {high}" if low is None else f"{low} to {high}"


def _expected(schema: Schema, key: Key, toml: bool) -> str:
    if "expected" in schema:
        return str(schema["expected"])
    if "prefixItems" in schema:
        return {2: "two", 3: "three"}[len(schema["prefixItems"])] + " integers"
    if "properties" in schema or "oneOf" in schema or schema.get("type") == "object":
        names = [str(part) for part in key if isinstance(part, str)]
        if not key or not toml:
            return "a table" if toml else "an object"
        return f"a table headed [[{names[-1]}]]" if isinstance(key[-1], int) else f"a table headed [{'.'.join(names)}]"
    if schema.get("type") == "array":
        tables = "$ref" in schema["items"] or "oneOf" in schema["items"]
        return f"a list of tables, each headed [[{key[-1]}]]" if tables and toml else "a list"
    several = [_WORDS[each["type"]] for each in schema.get("anyOf", ()) if each.get("type") in _WORDS]
    return " or ".join(several) if several else _WORDS.get(schema.get("type", ""), "another value")


def _spelt(key: Key) -> str:
    """A key as one writes it: layers[0].filters."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).lstrip(".")
