"""The folder of an ECP5 build: the names of its files, and what is read back from its build.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from pydantic import ConfigDict, with_config

from owlbit.export.errors import OwlbitError
from owlbit.export.settings import read_json
from owlbit.hw.ecp5.parts import PARTS

BUILD = "build.json"
DATAFLOW, ENGINE = "dataflow", "engine"  # what `circuit` says
RTL, BOARD, FOLDING = "rtl", "board", "folding.json"  # of a dataflow build
FLASH = "flash.bin"  # of an engine build
NETWORK_PART = "network.bin"  # of an engine build, and of a board's
TRUSTED = (
    "no open tool turns an ECP5 bitstream back into a netlist, so what its bits make of the configuration is trusted; checked is "
    "that the configuration has the tables, memories, modes and wires of the routed netlist, that the packed file unpacks to those "
    "of the configuration, and that it packs to the same bytes again"
)


@with_config(ConfigDict(extra="ignore"))
@dataclass(frozen=True)
class Ecp5Facts:
    """What is asked of build.json. `target`: the part; `circuit`: "dataflow" or "engine"; `top`: the Verilog module that the files
    are named after; `board`: None for the bare circuit; `network_offset`: in the flash, of an engine; `sha256`: of each file."""

    target: str | None = None
    circuit: str | None = None
    top: str | None = None
    board: str | None = None
    clock_mhz: float | None = None
    cycles_per_frame: int | None = None
    frames_per_second: float | None = None
    network_offset: int | None = None
    sha256: Mapping[str, str] = field(default_factory=dict)


def read_facts(folder: Path) -> Ecp5Facts:
    """From build.json in `folder`. Raises OwlbitError where there is none, or it is not that of an ECP5 build."""
    try:
        facts = read_json(Ecp5Facts, folder / BUILD)
    except FileNotFoundError:
        raise OwlbitError(
            f"{folder}: expected an ECP5 build, found no {BUILD}; `owlbit build --target ecp5-45f` makes one"
        ) from None
    except (OSError, ValueError):
        raise OwlbitError(f"{folder / BUILD}: expected what `owlbit build` writes, got something else; build it again") from None
    if facts.target not in PARTS:
        other = "another target" if facts.target is None else f"target {facts.target}"
        raise OwlbitError(f"{folder}: expected an ECP5 build, found a build for {other}; build for one of {', '.join(PARTS)}")
    return facts


def is_ecp5_build(folder: Path) -> bool:
    """Whether `folder` is an ECP5 build by its build.json."""
    try:
        read_facts(folder)
    except OwlbitError:
        return False
    return True


def check_files(folder: Path) -> None:
    """Raises OwlbitError unless configuration and bitstream are those that the build wrote, by their SHA-256 in build.json."""
    for name, expected in read_facts(folder).sha256.items():
        path = folder / Path(name).name
        if path.suffix in (".config", ".bit"):
            found = sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
            if found != expected:
                raise OwlbitError(f"{path}: expected the file with SHA-256 {expected[:16]}..., found {found[:16]}; build it again")


def build_file(folder: Path, ending: str) -> Path:
    """A file of the build that is named after its top module, such as the routed netlist (".json").

    Raises OwlbitError where build.json names no module, or the file is missing.
    """
    top = read_facts(folder).top
    path = folder / f"{top}{ending}"
    if not top or Path(top).name != top or not path.is_file():
        raise OwlbitError(f"{folder}: expected a complete ECP5 build, found none of its files *{ending}; build it again")
    return path
