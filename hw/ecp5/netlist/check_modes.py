"""Whether the configuration that a bitstream is packed from sets the cells of the routed netlist to the modes that they have there.

Of a slice: what its halves are, how carries begin, where registers take data and enable from and what they are reset to. Of a block
RAM: widths, registers, what a write gives, and the multiplexers of its control pins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from owlbit.hw.ecp5.netlist.check_config import ConfigError
from owlbit.hw.ecp5.netlist.routed import Cell, read_routed_cells

SLICE = re.compile(r"X(\d+)/Y(\d+)/SLICE([A-D])\.(K|FF)([01])")
ALWAYS_WRITES = ("WEA", "WEB")  # of a block RAM 36 bits wide, whose writes have an enable per byte
Settings = Mapping[str, Mapping[str, str]]  # by a tile or a block RAM's number: values by name


def check_modes(netlist: Path, config: Path) -> int:
    """Compares nextpnr's JSON `netlist` with the text `config`; returns how many settings were compared.

    Raises ConfigError, which names the first that differs.
    """
    settings = _read(config.read_text(encoding="ascii"))
    compared = 0
    for cell, place in read_routed_cells(netlist):
        for name, expected in _expected(cell, place):
            found = settings.get(_key(cell, place), {}).get(name)
            if found != expected:
                raise ConfigError(
                    f"{config}: expected {name} {expected} of {cell.name}, found {found or 'nothing'}; build it again"
                )
            compared += 1
    return compared


def _key(cell: Cell, place: Mapping[str, Any]) -> str:
    """Where the settings of a cell are: its tile, or of a block RAM its number."""
    if cell.kind == "DP16KD":
        return f"EBR {int(str(place['WID']), 2)}"
    match = SLICE.fullmatch(str(place.get("NEXTPNR_BEL", "")))
    return f"R{match[2]}C{match[1]}" if match else ""


def _expected(cell: Cell, place: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and value of each setting that the configuration must have for a cell."""
    given = cell.parameters
    if cell.kind == "DP16KD":
        yield from _block_ram(cell)
    elif match := SLICE.fullmatch(str(place.get("NEXTPNR_BEL", ""))):
        own, half = f"SLICE{match[3]}", match[5]
        mode = given.get("MODE", "LOGIC")
        if cell.kind == "TRELLIS_COMB" and mode != "RAMW_BLOCK":
            yield f"{own}.MODE", mode
            if mode == "CCU2":
                yield f"{own}.CCU2.INJECT1_{half}", given.get("CCU2_INJECT1", "NO")
        elif cell.kind == "TRELLIS_FF":
            yield f"{own}.REG{half}.SD", given.get("SD", "0")
            yield f"{own}.REG{half}.REGSET", given.get("REGSET", "RESET")
            yield f"{own}.REG{half}.LSRMODE", given.get("LSRMODE", "LSR")
            yield f"{own}.CEMUX", given.get("CEMUX", "1")


def _block_ram(cell: Cell) -> Iterator[tuple[str, str]]:
    simple = cell.number("DATA_WIDTH_A", 18) == 36
    if simple:
        yield "MODE", "PDPW16KD"
        yield "PDPW16KD.DATA_WIDTH_R", str(cell.number("DATA_WIDTH_B", 36))
    else:
        yield "MODE", "DP16KD"
    for port in "AB":
        if not simple:
            yield f"DP16KD.DATA_WIDTH_{port}", str(cell.number(f"DATA_WIDTH_{port}", 18))
            yield f"DP16KD.WRITEMODE_{port}", cell.parameters.get(f"WRITEMODE_{port}", "NORMAL")
        yield f"REGMODE_{port}", cell.parameters.get(f"REGMODE_{port}", "NOREG")
        for pin in (f"CLK{port}", f"CE{port}", f"OCE{port}", f"WE{port}", f"RST{port}"):
            if not (simple and pin in ALWAYS_WRITES):
                # What is not connected and has no multiplexer is 0, but an enable is 1: behind a pin that is 1.
                open_pin = pin if pin in cell.pins or "CE" in pin else "INV"
                yield f"{pin}MUX", cell.parameters.get(f"{pin}MUX", open_pin)


def _read(config: str) -> Settings:
    """The settings of a configuration as text, each block RAM's without its place in front."""
    found: dict[str, dict[str, str]] = {}
    for block in config.split("\n\n"):
        lines = block.strip().splitlines()
        tile = re.match(r"\.tile .*R(\d+)C(\d+):", lines[0]) if lines else None
        values: dict[str, str] = {}
        for name, value in (line.split()[1:3] for line in lines[1:] if line.startswith(("enum: ", "word: "))):
            # Both halves of a slice say what they share.
            values[name] = value if values.get(name, value) == value else f"{values[name]} and {value}"
        if tile:
            found.setdefault(f"R{tile[1]}C{tile[2]}", {}).update(values)
        for name, value in values.items():
            if match := re.fullmatch(r"(EBR\d)\.WID", name):
                number = int(value[::-1], 2)  # the lowest bit first
                own = {key.removeprefix(f"{match[1]}."): each for key, each in values.items() if key.startswith(f"{match[1]}.")}
                found[f"EBR {number}"] = own
    return found
