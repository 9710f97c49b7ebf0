"""The folder of a C build, read: whether it is one, and the name of its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict, with_config

from owlbit.export.errors import OwlbitError
from owlbit.export.settings import read_json
from owlbit.hw.c.names import identifier

TARGET, BUILD = "c", "build.json"


@with_config(ConfigDict(extra="ignore"))
@dataclass(frozen=True)
class BuildFacts:
    """What is asked of build.json: the target and the name of the C files."""

    target: str | None = None
    name: str | None = None


def _facts(folder: Path) -> BuildFacts:
    try:
        return read_json(BuildFacts, folder / BUILD)
    except (OSError, ValueError):
        return BuildFacts()


def is_c_build(folder: Path) -> bool:
    """Whether `folder` is a C build by its build.json."""
    return _facts(folder).target == TARGET


def read_name(folder: Path) -> str:
    """The name of the C files of a C build. Raises OwlbitError where `folder` is none, or lacks one of them."""
    facts = _facts(folder)
    name = facts.name
    there = name is not None and identifier(name) == name and all((folder / f"{name}{end}").is_file() for end in (".h", ".c"))
    if facts.target != TARGET or name is None or not there:
        raise OwlbitError(f"{folder}: expected what `owlbit build --target c` writes, found something else; build it again")
    return name
