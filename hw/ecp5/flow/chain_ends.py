"""The ends of carry chains in Yosys' netlist, so that nextpnr adds no cells to them.

Yosys ties a first CCU2C's carry in to 0 and gives a last one's carry out a net that nobody reads. nextpnr adds a cell of two LUT4
for each: of a lane of 144 products, whose chains are short, a fifth. Where neither can matter, the pin is left open ("x" in JSON).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

OPEN = ["x"]


def open_chain_ends(netlist: dict[str, Any]) -> int:
    """Opens these pins in the modules of Yosys' JSON, in place, and returns how many."""
    return sum(_open_in(module) for module in netlist["modules"].values())


def _open_in(module: dict[str, Any]) -> int:
    cells = module["cells"].values()
    uses = Counter(bit for cell in cells for bits in cell["connections"].values() for bit in bits)
    uses.update(bit for port in module["ports"].values() for bit in port["bits"])
    opened = 0
    for cell in cells:
        if cell["type"] != "CCU2C":
            continue
        pins = cell["connections"]
        unread = all(uses[bit] == 1 for bit in pins.get("S0", []))
        if pins.get("CIN") in (["0"], ["1"]) and unread and _ignores_carry(cell):
            pins["CIN"] = OPEN
            opened += 1
        if len(pins.get("COUT", [])) == 1 and isinstance(pins["COUT"][0], int) and uses[pins["COUT"][0]] == 1:
            pins["COUT"] = OPEN
            opened += 1
    return opened


def _ignores_carry(cell: dict[str, Any]) -> bool:
    """Whether the first site hands on no carry that comes in: its LUT gives 0 whatever A and B are."""
    pins = cell["connections"]
    return bool(pins["C0"] == pins["D0"] == ["1"] and cell["parameters"]["INIT0"][-16:][:4] == "0000")
