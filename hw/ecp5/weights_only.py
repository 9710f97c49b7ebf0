"""`owlbit build --weights-only`: another network of the same layers and folding in a build's bitstream, without place and route.

What depends on weights and thresholds lies in block RAM and in look-up tables that synthesis leaves alone. So the other network is
synthesised, its netlist must be that of the build but for these contents, and they are written into the configuration that the
build was packed from, at the places where place and route put them. Before that the build's own contents, so placed, must give the
build's own configuration: what is not understood is not changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from owlbit.export.errors import OwlbitError

Cells = Mapping[str, Mapping[str, Any]]
MOST_BYTES = 2**30  # of a netlist
TABLE, BLOCK = "LUT4", "DP16KD"
INITIAL = re.compile(r"INIT|INITVAL_[0-3][0-9A-F]")
BLOCK_INITIALS = tuple(f"INITVAL_{index:02X}" for index in range(64))
WORD_BITS, ROW_BITS, ROWS = 9, 20, 16  # a row of an INITVAL: two words of 9 bits, then 2 bits unused
SLICES = "ABCD"
PINS = "ABCD"
# A wire that enters an input of a look-up table, in nextpnr's routing: the input of the slice whose value that input gets.
ENTERS = re.compile(r"X(\d+)/Y(\d+)/0_0_([ABCD])([0-7])->0_0_([ABCD])([0-7])_SLICE")
BEL = re.compile(r"X(\d+)/Y(\d+)/SLICE([ABCD])\.K([01])")


class SwapError(OwlbitError):
    """A build whose contents cannot be exchanged; the message says why."""


@dataclass(frozen=True)
class Contents:
    """New contents by cell: of a look-up table its 16 bits, of a block RAM its 2,048 words of 9 bits."""

    tables: Mapping[str, int]
    blocks: Mapping[str, tuple[int, ...]]


def read_netlist(path: Path, top: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON that Yosys or nextpnr wrote, and its module `top`, or its only one. Raises SwapError where it is none."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SwapError(f"{path}: expected at most {MOST_BYTES:,} bytes of a netlist, found more")
        netlist = json.loads(path.read_text(encoding="utf-8"))
        (module,) = netlist["modules"].values() if top is None else [netlist["modules"][top]]
        if not isinstance(module["cells"], dict) or not isinstance(module["netnames"], dict):
            raise TypeError
    except FileNotFoundError:
        raise SwapError(f"{path}: expected a netlist of the build, found no such file; build it again") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SwapError(f"{path}: expected a netlist of the build, found something else; build it again") from None
    return netlist, module


def compare(old: Cells, new: Cells, describe: Callable[[list[str]], str] = lambda cells: cells[0]) -> tuple[Contents, Contents]:
    """The contents of `old` and of `new`, of those cells alone in which they differ.

    `old`, `new`: cells of two netlists by Yosys. `describe`: what the message says of the names of cells that differ otherwise.
    Raises SwapError where the netlists differ in anything else.
    """
    names = [name for name in (*old, *(name for name in new if name not in old)) if not _is_note(old, new, name)]
    others = [name for name in names if name not in old or name not in new or _fixed(old[name]) != _fixed(new[name])]
    if others:
        raise SwapError(
            f"--weights-only: expected a network whose circuit differs from the build's in the contents of memories alone, got "
            f"{len(others)} other cells, {describe(others)}: some weights or thresholds are constants of the logic there; build "
            "without --weights-only"
        )
    changed = [name for name in names if old[name]["parameters"] != new[name]["parameters"]]
    return _contents(old, changed), _contents(new, changed)


def _is_note(old: Cells, new: Cells, name: str) -> bool:
    """Whether a cell only says which module some cells were in; the name of that module depends on its parameters."""
    return bool((old.get(name) or new[name])["type"] == "$scopeinfo")


def _fixed(cell: Mapping[str, Any]) -> tuple[Any, ...]:
    """What of a cell may not change."""
    contents = cell["type"] in (TABLE, BLOCK)
    kept = {key: value for key, value in cell["parameters"].items() if not (contents and INITIAL.fullmatch(key))}
    return cell["type"], cell["connections"], kept


def _contents(cells: Cells, names: Iterable[str]) -> Contents:
    tables, blocks = {}, {}
    for name in names:
        parameters = cells[name]["parameters"]
        if cells[name]["type"] == TABLE:
            tables[name] = _number(parameters["INIT"])
        else:
            blocks[name] = block_words([_number(parameters[key]) for key in BLOCK_INITIALS])
    return Contents(tables, blocks)


def _number(text: str) -> int:
    """Binary digits, those unknown being 0."""
    return int(re.sub(r"[^01]", "0", text.strip()), 2)


def block_words(initial: list[int]) -> tuple[int, ...]:
    """The 2,048 words of 9 bits of a block RAM, from its 64 INITVAL numbers of 320 bits."""
    words = []
    for value in initial:
        for row in range(ROWS):
            pair = value >> (ROW_BITS * row)
            words += [pair & 0x1FF, pair >> WORD_BITS & 0x1FF]
    return tuple(words)


def permuted(table: int, sources: Mapping[str, str]) -> int:
    """The 16 bits of a look-up table whose input P gets what enters the slice at `sources[P]`; inputs that are missing get nothing.

    Place and route exchanges the inputs of tables where that shortens wires, and the table with them.
    """
    result = 0
    for entry in range(16):
        entering = {pin: entry >> index & 1 for index, pin in enumerate(PINS)}
        index = sum(entering[sources.get(pin, pin)] << place for place, pin in enumerate(PINS))
        result |= (table >> index & 1) << entry
    return result


class Configuration:
    """The text that a bitstream is packed from, and the routed netlist beside it: contents are looked up and exchanged by cell."""

    def __init__(self, config: str, routed: Mapping[str, Any]) -> None:
        self.lines = config.split("\n")
        self.routed = routed
        self._tables: dict[tuple[str, str, str], int] = {}  # (tile, slice, half): line
        self._blocks: dict[int, int] = {}  # number: first line of the words
        tile = ""
        for number, line in enumerate(self.lines):
            if line.startswith(".tile "):
                tile = line.split()[1].partition(":")[0]
            elif match := re.match(r"word: SLICE([A-D])\.K([01])\.INIT [01]{16}$", line):
                self._tables[tile, match[1], match[2]] = number
            elif line.startswith(".bram_init "):
                self._blocks[int(line.split()[1])] = number + 1
        self._sources: dict[tuple[str, str, int], dict[str, str]] = {}
        for net in routed["netnames"].values():
            for step in str(net.get("attributes", {}).get("ROUTING", "")).split(";"):
                if (match := ENTERS.fullmatch(step)) and match[4] == match[6]:
                    self._sources.setdefault((match[1], match[2], int(match[4])), {})[match[5]] = match[3]

    def require(self, contents: Contents) -> None:
        """Raises SwapError unless configuration and routed netlist hold these contents."""
        for name, table in contents.tables.items():
            if _number(self._cell(name)["parameters"].get("INITVAL", "")) != table or self.table(name) != self._placed(name, table):
                raise self._damaged(name)
        for name, words in contents.blocks.items():
            parameters = self._cell(name)["parameters"]
            found = block_words([_number(parameters.get(key, "0")) for key in BLOCK_INITIALS])
            if found != words or self.block(name) != words:
                raise self._damaged(name)

    def exchange(self, contents: Contents) -> None:
        """Writes contents into the configuration and the routed netlist."""
        for name, table in contents.tables.items():
            line = self._table_line(name)
            self.lines[line] = f"{self.lines[line].rpartition(' ')[0]} {self._placed(name, table):016b}"
            self._cell(name)["parameters"]["INITVAL"] = f"{table:016b}"
        for name, words in contents.blocks.items():
            first = self._block_line(name)
            rows = [" ".join(f"{word:03x}" for word in words[at : at + 8]) for at in range(0, len(words), 8)]
            self.lines[first : first + len(rows)] = rows
            for index, key in enumerate(BLOCK_INITIALS):
                pairs = words[32 * index : 32 * index + 32]
                value = sum((pairs[2 * row] | pairs[2 * row + 1] << WORD_BITS) << (ROW_BITS * row) for row in range(ROWS))
                self._cell(name)["parameters"][key] = f"{value:0320b}"

    @property
    def text(self) -> str:
        """Of the configuration."""
        return "\n".join(self.lines)

    def table(self, name: str) -> int:
        """What the configuration holds at the place of a look-up table."""
        return int(self.lines[self._table_line(name)].rpartition(" ")[2], 2)

    def block(self, name: str) -> tuple[int, ...]:
        """What the configuration holds at the place of a block RAM."""
        first = self._block_line(name)
        return tuple(int(word, 16) for line in self.lines[first : first + 256] for word in line.split())

    def sources(self, name: str) -> Mapping[str, str]:
        """Of a look-up table, by each of its inputs the input of the slice that it gets, as far as wires lead there."""
        column, row, part, half = self._bel(name)
        return self._sources.get((column, row, 2 * SLICES.index(part) + int(half)), {})

    def _placed(self, name: str, table: int) -> int:
        return permuted(table, self.sources(name))

    def _table_line(self, name: str) -> int:
        column, row, part, half = self._bel(name)
        try:
            return self._tables[f"R{row}C{column}", part, half]
        except KeyError:
            raise self._damaged(name) from None

    def _block_line(self, name: str) -> int:
        number = self._cell(name)["attributes"].get("WID", "")
        try:
            return self._blocks[int(number, 2)]
        except (ValueError, KeyError):
            raise self._damaged(name) from None

    def _bel(self, name: str) -> tuple[str, str, str, str]:
        match = BEL.fullmatch(str(self._cell(name)["attributes"].get("NEXTPNR_BEL", "")))
        if match is None:
            raise self._damaged(name)
        return match[1], match[2], match[3], match[4]

    def _cell(self, name: str) -> Any:
        try:
            return self.routed["cells"][name]
        except KeyError:
            raise self._damaged(name) from None

    def _damaged(self, name: str) -> SwapError:
        return SwapError(
            f"--weights-only: expected the contents of {name} in the build's configuration where place and route put that cell, "
            "found others; build without --weights-only"
        )
