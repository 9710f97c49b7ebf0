"""TOML tables to frozen dataclasses: every key checked for name, type and range; every complaint names the file and the key."""

from __future__ import annotations

import dataclasses
import difflib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from owlbit.export.errors import OwlbitError

T = TypeVar("T")


class SettingError(OwlbitError):
    """A recipe that cannot be used: names the file, the key, what was expected and what was found."""

    def __init__(self, file: Path, key: str, expected: str, got: str) -> None:
        super().__init__(f"{file}: {key}: expected {expected}, got {got}")


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a field's value may be: numbers in low..high (both included), or one of `choices`."""

    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    def describe(self) -> str:
        if self.choices:
            return "one of " + ", ".join(f'"{choice}"' for choice in self.choices)
        if self.high is None:
            return f"at least {self.low}"
        return f"{self.low} to {self.high}"

    def allow(self, value: Any) -> bool:
        if self.choices:
            return value in self.choices
        values = value if isinstance(value, tuple) else (value,)
        return all((self.low is None or each >= self.low) and (self.high is None or each <= self.high) for each in values)


def read_table(cls: type[T], table: Mapping[str, Any], file: Path, where: str, limits: Mapping[str, Limits] | None = None) -> T:
    """An instance of the dataclass `cls` from `table`; fields without a default are required.

    `where`: the table's name in messages; `limits`: what a field may hold, beyond its type. Raises SettingError.
    """
    fields = {field.name: field for field in dataclasses.fields(typing.cast(Any, cls))}
    hints = typing.get_type_hints(cls)
    prefix = f"{where}." if where else ""
    for key in table:
        if key not in fields:
            close = difflib.get_close_matches(key, fields, n=1)
            hint = f'did you mean "{close[0]}"?' if close else "one of " + ", ".join(fields)
            raise SettingError(file, prefix + key, f"a known key ({hint})", f'"{key}"')
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in table:
            values[name] = read_value(hints[name], table[name], file, prefix + name)
            limit = (limits or {}).get(name)
            if limit is not None and not limit.allow(values[name]):
                raise SettingError(file, prefix + name, limit.describe(), _show(table[name]))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise SettingError(file, prefix + name, _describe(hints[name]), "no such key")
    return cls(**values)


def read_value(hint: Any, value: Any, file: Path, key: str) -> Any:
    """`value` as the type `hint` says (int, float, bool, str, or a pair of ints); SettingError if it is of another type."""
    if typing.get_origin(hint) is tuple:
        if isinstance(value, list) and len(value) == 2 and all(type(item) is int for item in value):
            return tuple(value)
    elif hint is float and type(value) is int and abs(value) < 2**1023:  # beyond, there is no such float
        return float(value)
    elif type(value) is hint:
        return value
    raise SettingError(file, key, _describe(hint), _show(value))


def _describe(hint: Any) -> str:
    if typing.get_origin(hint) is tuple:
        return "two integers"
    return {int: "an integer", float: "a number", bool: "true or false", str: "a text"}[hint]


def _show(value: Any) -> str:
    kinds: dict[type, str] = {bool: "", str: "the text ", int: "", float: "", list: "the list ", dict: "a table"}
    prefix = kinds.get(type(value), type(value).__name__ + " ")
    if isinstance(value, Mapping):
        return prefix
    shown = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value).replace("'", '"')
    return prefix + shown
