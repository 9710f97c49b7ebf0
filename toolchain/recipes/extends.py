"""`extends = "other.toml"`: a recipe that says only what differs from another, which may itself extend a third.

A table is merged key by key; anything else, lists of tables such as [[layers]] included, takes the place of what was there; `false`
in place of a table or a list of tables leaves it out. Paths are relative to the file that they stand in. The name is not inherited.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from owlbit.export.limits import NAME_BYTES, PATH_BYTES
from owlbit.export.settings import Key, SettingError, read_toml, show

EXTENDS = "extends"
# Table by table, the keys that hold a path; what is no path there is none of a file, but a word.
_PATHS = {("data",): ("path", "test"), ("data", "extra"): ("path",), ("training",): ("from_run",), ("distillation",): ("teacher",)}
_NO_PATH = ("", "float")
_NO_PATH_BEFORE = "zoo:"


@dataclass(frozen=True)
class RecipeTables:
    """The tables of a recipe with all that it extends. `files`: the recipe, then what it extends, each with its own tables; `text`:
    word for word where it extends nothing, else written anew, so that it stands for itself."""

    tables: dict[str, Any]
    text: str
    files: tuple[tuple[Path, Mapping[str, Any]], ...]

    def file_of(self, key: Key) -> Path:
        """The file that the value at `key` is from: the nearest that has it, the recipe itself where none has."""
        return next((file for file, tables in self.files if _has(tables, key)), self.files[0][0])


def read_recipe_tables(path: Path) -> RecipeTables:
    """The tables of the recipe in the file `path`.

    Raises OwlbitError where it, or a file that it extends, is missing or no TOML, SettingError where they extend one another.
    """
    tables, text = read_toml(path, "a recipe")
    _check_paths(path, tables)
    if EXTENDS not in tables:
        return RecipeTables(tables, text, ((path, tables),))
    files: list[tuple[Path, Mapping[str, Any]]] = [(path, tables)]
    while EXTENDS in files[-1][1]:
        files.append(_read_next([file for file, _ in files], files[-1][1][EXTENDS]))
    merged_tables: dict[str, Any] = {}
    for file, own in reversed(files):
        given = {key: value for key, value in own.items() if key != EXTENDS and (key != "name" or file == path)}
        merged_tables = merged(merged_tables, with_paths(given, _move(file.parent, path.parent)))
    merged_tables = {"name": path.stem, **merged_tables}
    return RecipeTables(merged_tables, _written([file for file, _ in files], merged_tables), tuple(files))


def _read_next(files: list[Path], given: Any) -> tuple[Path, Mapping[str, Any]]:
    """The file that the last of `files` extends by the value `given`, and its tables."""
    path = files[-1]
    if not isinstance(given, str) or not given:
        raise SettingError(path, EXTENDS, "the path of a recipe, relative to this file", show(given))
    file = path.parent / given
    if file.resolve() in [each.resolve() for each in files]:
        itself = "this file itself" if file.resolve() == path.resolve() else "which extends this file"
        raise SettingError(path, EXTENDS, "a recipe that does not lead back to this one", f'"{given}", {itself}')
    if not file.is_file():
        raise SettingError(path, EXTENDS, "the path of a recipe, relative to this file", f'"{given}", where no such file is')
    tables = read_toml(file, "a recipe")[0]
    _check_paths(file, tables)
    return file, tables


def _check_paths(file: Path, tables: Mapping[str, Any], before: str = "") -> None:
    """Raises SettingError for a path that no file can have: the system would raise an error of its own where it is looked up."""
    paths = {EXTENDS: tables.get(EXTENDS)}
    for place, keys in _PATHS.items():
        if (found := _table_at(tables, place)) is not None:
            paths |= {".".join((*place, key)): found.get(key) for key in keys}
    for key, value in paths.items():
        names = value.encode().split(b"/") if isinstance(value, str) else []
        if sum(map(len, names)) > PATH_BYTES or any(len(name) > NAME_BYTES for name in names):
            expected = f"a path of at most {PATH_BYTES:,} bytes, each name in it of at most {NAME_BYTES}"
            raise SettingError(file, before + key, expected, f"one of {len(value or ''):,} characters")
    if isinstance(restarts := tables.get("restarts"), list):
        for number, each in enumerate(restarts):
            if isinstance(each, Mapping):
                _check_paths(file, each, f"{before}restarts[{number}].")


def merged(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`table` with `changes`: tables key by key, anything else in place of what was there, tables that are now false left out."""
    result = dict(table)
    for key, value in changes.items():
        if value is False and _is_table(result.get(key)):
            del result[key]
        elif isinstance(value, Mapping) and isinstance(result.get(key, {}), Mapping):
            result[key] = merged(result.get(key, {}), value)
        else:
            result[key] = value
    return result


def with_paths(recipe: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """The tables of `recipe` with each of its paths changed by `change`."""
    result = dict(recipe)
    for place, keys in _PATHS.items():
        found = _table_at(result, place)
        if found is not None:
            paths = {key: change(found[key]) for key in keys if isinstance(found.get(key), str) and _is_path(found[key])}
            changed: Mapping[str, Any] = paths
            for name in reversed(place):
                changed = {name: changed}
            result = merged(result, changed)
    if isinstance(restarts := result.get("restarts"), list):
        result["restarts"] = [with_paths(each, change) if isinstance(each, Mapping) else each for each in restarts]
    return result


def with_absolute_paths(recipe: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """The tables of `recipe`, whose paths are relative to the folder of `file`, with absolute ones."""
    return with_paths(recipe, lambda given: str((file.parent / given).resolve()))


def _table_at(tables: Mapping[str, Any], place: tuple[str, ...]) -> Mapping[str, Any] | None:
    """The table at `place`, None where there is none."""
    found: Any = tables
    for name in place:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else None


def _is_path(value: str) -> bool:
    return value not in _NO_PATH and not value.startswith(_NO_PATH_BEFORE)


def _move(old: Path, new: Path) -> Callable[[str], str]:
    """Makes a path that is relative to the folder `old` one that is relative to the folder `new`."""
    if old.resolve() == new.resolve():
        return lambda path: path
    return lambda path: path if Path(path).is_absolute() else Path(os.path.relpath(old.resolve() / path, new.resolve())).as_posix()


def _written(files: list[Path], tables: Mapping[str, Any]) -> str:
    import tomli_w  # comes with training, the one place where a recipe that extends another is read

    names = ", ".join(file.name for file in files[1:])
    return f"# {files[0].name} with what it extends: {names}\n\n{tomli_w.dumps(tables)}"


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)
    )


def _has(tables: Any, key: Key) -> bool:
    for part in key:
        name = part.partition("[")[0] if isinstance(part, str) else part
        if not isinstance(tables, Mapping):
            return True  # lists are of one file
        if name not in tables:
            return False
        tables = tables[name]
    return True
