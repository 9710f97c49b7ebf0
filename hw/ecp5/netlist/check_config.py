"""Whether the configuration that a bitstream is packed from holds the tables and memories of the routed netlist that is simulated.

Place and route exchanges inputs of tables where that shortens wires, and the table with them. Entries of a table that no input can
reach may be anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from owlbit.export.errors import OwlbitError
from owlbit.hw.ecp5.netlist.routed import read_module
from owlbit.hw.ecp5.weights_only import BLOCK_INITIALS, PINS, Configuration, block_words

LOW = 4  # entries of a carry cell's table that make the carry, with C and D left out


class ConfigError(OwlbitError):
    """A configuration that is not the one of a routed netlist."""


def check_configuration(netlist: Path, config: Path) -> int:
    """Compares each look-up table and block RAM of nextpnr's JSON `netlist` with the text `config`.

    Returns how many were compared. Raises ConfigError, which names the first that differs, SwapError where one is not found, and
    NetlistError where `netlist` is none.
    """
    routed = read_module(netlist)
    text = Configuration(config.read_text(encoding="ascii"), routed)
    compared = 0
    for name, cell in routed["cells"].items():
        parameters = cell["parameters"]
        if cell["type"] == "DP16KD":
            same = text.block(name) == block_words([_number(parameters.get(key, "0")) for key in BLOCK_INITIALS])
        elif cell["type"] == "TRELLIS_COMB" and parameters.get("MODE") != "RAMW_BLOCK":
            same = _same_table(cell, text.table(name), text.sources(name))
        else:
            continue
        if not same:
            raise ConfigError(f"{config}: expected the contents of {name} in the routed netlist, found others; build it again")
        compared += 1
    return compared


def _same_table(cell: Mapping[str, Any], found: int, sources: Mapping[str, str]) -> bool:
    """Whether the table `found`, whose inputs come as `sources` says, is that of the cell wherever inputs can differ."""
    table = _number(cell["parameters"].get("INITVAL", "0"))
    nets = {pin: bits[0] for pin in PINS if (bits := cell["connections"].get(pin))}
    for half in [0, LOW] if cell["parameters"].get("MODE") == "CCU2" else [0]:
        pins = [pin for pin in nets if not half or pin in "AB"]
        own = sorted({nets[pin] for pin in pins})  # two inputs may have one net
        for values in range(1 << len(own)):
            given = {pin: values >> own.index(nets[pin]) & 1 for pin in pins}
            logical, physical = _index(given, half), _index({sources.get(pin, pin): given[pin] for pin in pins}, half)
            if table >> logical & 1 != found >> physical & 1:
                return False
    return True


def _index(values: Mapping[str, int], half: int) -> int:
    """The entry for inputs with these values; others are 1, and in the low half C and D are 0."""
    return sum(values.get(pin, 0 if half and pin in "CD" else 1) << place for place, pin in enumerate(PINS))


def _number(text: str) -> int:
    """Binary digits, those unknown being 0."""
    return int(text.strip().replace("x", "0"), 2)
