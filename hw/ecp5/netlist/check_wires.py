"""Whether the configuration that a bitstream is packed from joins the pins that the routed netlist joins.

nextpnr's netlist says for each net through which switches it was routed. Three things are checked: a net's route is one piece,
from its driver to each pin that the netlist has on it; no wire belongs to two nets; and the switches that the configuration sets
are those of the routes. A switch is a pair of wires. Left out are the clock network's own wires, and pins of cells other than
slices, block RAMs and pads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from owlbit.hw.ecp5.netlist.check_config import ConfigError
from owlbit.hw.ecp5.netlist.routed import read_module

Place = tuple[int, int]  # column and row
Wire = tuple[int, int, str]  # its name at a place
Switch = tuple[Place, Wire, Wire]  # the tile that has it, from, to
SLICES = "ABCD"
ROUTE = re.compile(r"X(\d+)/Y(\d+)/(-?\d+)_(-?\d+)_(.+)->(-?\d+)_(-?\d+)_(.+)")
NAMED = re.compile(r"X(\d+)/Y(\d+)/(.+)")
# Wires of the fabric: a switch that leads to one has bits. Others are always closed, or belong to a clock, a pad or a PLL.
FABRIC = re.compile(r"[HV]0\d[NSEWLRTBM]\d+|[ABCDFM]\d|CE\d|LSR\d|CLK\d|MUX(CLK|LSR)\d|J[ABCD]\d|JCE\d|JLSR\d|JCLK\d")
CENTRE = re.compile(r"[BLRT]MID_.*|CMUX_.*")  # tiles in the middle of the clock network
GLOBAL = re.compile(r"(.*->)?(G_.*|R_HPBX\d+)")  # its wires
OFFSET = re.compile(r"([NSEW])(\d+)")


@dataclass(frozen=True)
class Compared:
    """How many nets, switches and pins were compared."""

    nets: int
    switches: int
    pins: int


def check_wires(netlist: Path, config: Path) -> Compared:
    """Compares nextpnr's JSON `netlist` with the text `config`. Raises ConfigError, which names the first net that differs."""
    module = read_module(netlist)
    routes = {name: _route(net["attributes"].get("ROUTING", "")) for name, net in module["netnames"].items()}
    owners: dict[Wire, str] = {}
    for name, route in routes.items():
        for wire in route:
            if owners.setdefault(wire, name) != name:
                raise ConfigError(f"{netlist}: expected a wire for one net, found {_text(wire)} in {name} and {owners[wire]}")
        _check_tree(name, route, netlist)
    pins = _check_pins(module, routes, netlist)
    switches = {switch for route in routes.values() for switch in route.values() if switch is not None}
    named = {switch: name for name, route in routes.items() for switch in route.values() if switch is not None}
    settings = _settings(config.read_text(encoding="ascii"))
    missing = [switch for switch in switches - settings if FABRIC.fullmatch(switch[2][2])]
    if missing:
        where = ", ".join(sorted(_switch_text(switch) for switch in missing)[:3])
        raise ConfigError(
            f"{config}: expected the route of {named[missing[0]]}, {len(missing)} switches are not set, such as {where}"
        )
    extra = [switch for switch in settings - switches if FABRIC.fullmatch(switch[2][2])]
    if extra:
        where = ", ".join(sorted(_switch_text(switch) for switch in extra)[:3])
        raise ConfigError(f"{config}: expected the switches of the routes alone, found {len(extra)} others, such as {where}")
    return Compared(sum(bool(route) for route in routes.values()), len(settings), pins)


def _route(text: str) -> dict[Wire, Switch | None]:
    """A net's wires, each with the switch that drives it, None at its driver: triples of wire, switch and strength."""
    parts = text.strip().split(";") if text.strip() else []
    route: dict[Wire, Switch | None] = {}
    for wire, switch in zip(parts[::3], parts[1::3], strict=False):
        named, passed = NAMED.fullmatch(wire), ROUTE.fullmatch(switch)
        if named:
            route[int(named[1]), int(named[2]), named[3]] = _switch(passed) if passed else None
    return route


def _switch(match: re.Match[str]) -> Switch:
    column, row = int(match[1]), int(match[2])
    source = (column + int(match[3]), row + int(match[4]), match[5])
    return (column, row), source, (column + int(match[6]), row + int(match[7]), match[8])


def _check_tree(name: str, route: Mapping[Wire, Switch | None], netlist: Path) -> None:
    """Each wire is driven by a switch that leads to it from a wire of the same net; one has no switch, but of a clock several."""
    ends = [wire for wire, switch in route.items() if switch is None and not GLOBAL.fullmatch(wire[2])]
    wrong = [
        wire
        for wire, switch in route.items()
        if switch is not None and (switch[2] != wire or (switch[1] not in route and not GLOBAL.fullmatch(switch[1][2])))
    ]
    if wrong or len(ends) > 1:
        raise ConfigError(f"{netlist}: expected the route of {name} in one piece, found a gap at {_text((wrong or ends)[0])}")


def _check_pins(module: Mapping[str, Any], routes: Mapping[str, Mapping[Wire, Switch | None]], netlist: Path) -> int:
    """Every pin of a slice, block RAM or pad lies on the route of its net; returns how many there are."""
    by_number = {bit: name for name, net in module["netnames"].items() for bit in net["bits"] if routes[name]}
    cells = module["cells"].values()
    read = {
        bits[0] for cell in cells for pin, bits in cell["connections"].items() if bits and cell["port_directions"][pin] != "output"
    }
    checked = 0
    for name, cell in module["cells"].items():
        for pin, bits in cell["connections"].items():
            wire = _pin_wire(cell, pin) if bits and bits[0] in read else None
            if wire is None:
                continue
            if wire not in routes.get(by_number.get(bits[0], ""), {}):
                raise ConfigError(
                    f"{netlist}: expected pin {pin} of {name} on the route of its net, which does not reach {_text(wire)}"
                )
            checked += 1
    return checked


def _pin_wire(cell: Mapping[str, Any], pin: str) -> Wire | None:
    """The wire that a pin of a placed cell is; None for a pin whose wire is not known here."""
    placed = NAMED.fullmatch(str(cell["attributes"].get("NEXTPNR_BEL", "")))
    if placed is None:
        return None
    column, row, site = int(placed[1]), int(placed[2]), placed[3]
    if match := re.fullmatch(r"SLICE([A-D])\.(K|FF)([01])", site):
        name = _slice_pin(cell, pin, match[1], int(match[3]))
    elif site.startswith("SLICEC.RAMW"):
        name = f"{pin}C_SLICE" if pin.startswith("W") else f"{pin[0]}{4 + int(pin[1])}_SLICE"
    elif site.startswith("EBR"):
        name = f"J{pin}_EBR"
    elif cell["type"] == "TRELLIS_IO" and pin in ("I", "O"):
        name = f"{'PADDO' if pin == 'I' else 'JPADDI'}{site[-1]}_PIO"
    else:
        name = ""
    return (column, row, name) if name else None


def _slice_pin(cell: Mapping[str, Any], pin: str, letter: str, half: int) -> str:
    index = SLICES.index(letter)
    if pin in ("FCI", "FCO"):
        if (pin == "FCO") == (half == 0):
            return f"FCI{letter}1_SLICE"  # between the halves
        first, last = ("FCI_SLICE", "FCO_SLICE")
        return (
            (first if letter == "A" else f"FCI{letter}_SLICE")
            if pin == "FCI"
            else (last if letter == "D" else f"FCO{letter}_SLICE")
        )
    if pin in ("CLK", "CE", "LSR", "WCK", "WRE"):
        return f"{pin}{index}_SLICE"
    if re.fullmatch(r"WAD\d", pin):
        return f"{pin}{letter}_SLICE"
    if pin == "WD":
        return f"WD{half}{letter}_SLICE"
    return "" if pin in ("OFX", "F1", "FXA", "FXB") else f"{pin}{2 * index + half}_SLICE"


def _settings(config: str) -> set[Switch]:
    """The switches that a configuration as text sets, but for those in the middle of the clock network."""
    found: set[Switch] = set()
    place: Place | None = None
    for line in config.splitlines():
        if line.startswith("."):
            tile = re.match(r"\.tile .*R(\d+)C(\d+):(\w+)", line)
            place = (int(tile[2]), int(tile[1])) if tile and not CENTRE.fullmatch(tile[3]) else None
        elif place is not None and line.startswith("arc: "):
            sink, source = (_near(name, place) for name in line.removeprefix("arc: ").split())
            found.add((place, source, sink))
    return found


def _near(name: str, place: Place) -> Wire:
    """A wire as a tile at `place` names it: with its distance in front, as in E3_H06E0303."""
    head, _, tail = name.partition("_")
    column, row = place
    if tail and re.fullmatch(r"([NSEW]\d+)+", head):
        for direction, count in OFFSET.findall(head):
            step = int(count) if direction in "ES" else -int(count)
            column, row = (column + step, row) if direction in "EW" else (column, row + step)
        return column, row, tail
    return column, row, name


def _text(wire: Wire) -> str:
    return f"R{wire[1]}C{wire[0]} {wire[2]}"


def _switch_text(switch: Switch) -> str:
    return f"{_text(switch[1])} to {_text(switch[2])}"
