"""Reading what nextpnr wrote of a placed and routed design (`--write`): cells with parameters, and the nets between their pins."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from owlbit.export.errors import OwlbitError

MOST_BYTES = 2**30  # of the file; that of a full 85F has some 250 MB


class NetlistError(OwlbitError):
    """A file that is no routed netlist, or a cell that no model is there for."""


@dataclass(frozen=True)
class Cell:
    """`pins`: the net of each pin that is connected. `inputs`: the names of all its inputs. Parameters are without the blank that
    nextpnr puts behind a text that looks like a number."""

    name: str
    kind: str
    parameters: Mapping[str, str]
    pins: Mapping[str, int]
    inputs: frozenset[str]

    def number(self, name: str, default: int) -> int:
        """A parameter that is a number, written in binary; bits that are unknown are 0."""
        text = self.parameters.get(name)
        return default if text is None else int(text.replace("x", "0").replace("z", "0"), 2)


@dataclass(frozen=True)
class Port:
    """A port of the design: "input", "output" or "inout", and its nets, bit 0 first."""

    direction: str
    nets: tuple[int, ...]


@dataclass(frozen=True)
class Routed:
    """The design. Nets are numbers."""

    ports: Mapping[str, Port]
    cells: tuple[Cell, ...]


def read_module(path: Path) -> dict[str, Any]:
    """The only module of nextpnr's JSON, as it is written. Raises NetlistError where it is none, OSError as always."""
    if path.stat().st_size > MOST_BYTES:
        raise NetlistError(f"{path}: expected at most {MOST_BYTES:,} bytes of a routed netlist, found more")
    with _reading(path):
        (module,) = json.loads(path.read_text(encoding="utf-8"))["modules"].values()
        if not all(isinstance(module[key], dict) for key in ("ports", "cells", "netnames")):
            raise TypeError
        return dict(module)


def read_routed(path: Path) -> Routed:
    """Reads nextpnr's JSON. Raises NetlistError where it is none, OSError as always."""
    module = read_module(path)
    with _reading(path):
        ports = {name: Port(port["direction"], tuple(port["bits"])) for name, port in module["ports"].items()}
        return Routed(ports, tuple(_cell(name, cell) for name, cell in module["cells"].items()))


def read_routed_cells(path: Path) -> list[tuple[Cell, dict[str, Any]]]:
    """The cells of nextpnr's JSON, each with its attributes, among them its place. Raises as `read_module`."""
    module = read_module(path)
    with _reading(path):
        return [(_cell(name, cell), dict(cell["attributes"])) for name, cell in module["cells"].items()]


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turns what a file of another content raises into a NetlistError."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NetlistError(f"{path}: expected the netlist that nextpnr writes, found something else; build it again") from None


def _cell(name: str, cell: Mapping[str, Any]) -> Cell:
    return Cell(
        name,
        cell["type"],
        {key: value.rstrip(" ") for key, value in cell["parameters"].items()},
        {pin: bits[0] for pin, bits in cell["connections"].items() if bits},
        frozenset(pin for pin, direction in cell["port_directions"].items() if direction == "input"),
    )
