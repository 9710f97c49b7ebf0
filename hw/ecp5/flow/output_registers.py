"""Registers behind block RAMs move into them: a block RAM's own output register is six times as fast as its memory.

Yosys leaves DP16KD without it. Where every bit that is read goes to one flip-flop only, without enable and reset and on the same
clock, these flip-flops become the output register (Lattice FPGA-TN-02204, "ECP5 and ECP5-5G Memory"). Both ports take it: a
memory that is read at one port has none to lose at the other, and at 36 bits one word leaves at both.
"""

from __future__ import annotations

from collections import Counter
from typing import Any


def take_output_registers(netlist: dict[str, Any]) -> int:
    """Moves these registers in the modules of Yosys' JSON, in place, and returns how many block RAMs took theirs."""
    return sum(_take_in(module) for module in netlist["modules"].values())


def _take_in(module: dict[str, Any]) -> int:
    cells: dict[str, Any] = module["cells"]
    uses = Counter(bit for cell in cells.values() for bits in cell["connections"].values() for bit in bits)
    uses.update(bit for port in module["ports"].values() for bit in port["bits"])
    registers: dict[Any, str] = {}
    for name, cell in cells.items():
        if cell["type"] == "TRELLIS_FF" and _is_plain(cell):
            registers[cell["connections"]["DI"][0]] = name
    taken = 0
    for cell in [cell for cell in cells.values() if cell["type"] == "DP16KD"]:
        pins, parameters = cell["connections"], cell["parameters"]
        read = [pin for pin in pins if pin.startswith(("DOA", "DOB")) and any(uses[bit] > 1 for bit in pins[pin])]
        clock = _read_clock(pins, parameters, read)
        behind = [registers[pins[pin][0]] for pin in read if uses[pins[pin][0]] == 2 and pins[pin][0] in registers]
        if clock is None or len(behind) != len(read) or any(cells[name]["connections"]["CLK"] != clock for name in behind):
            continue
        for pin, name in zip(read, behind, strict=True):
            pins[pin] = cells.pop(name)["connections"]["Q"]
        parameters |= {"REGMODE_A": "OUTREG", "REGMODE_B": "OUTREG"}
        taken += 1
    return taken


def _is_plain(cell: dict[str, Any]) -> bool:
    """Whether a flip-flop has neither enable nor reset, rises with the clock, and may go."""
    pins, parameters = cell["connections"], cell["parameters"]
    always = str(parameters.get("CEMUX", "1")).strip() == "1" and parameters.get("CLKMUX", "CLK") == "CLK"  # Yosys writes "1 "
    return bool(always and pins.get("LSR", ["0"]) == ["0"] and pins.get("DI") and "keep" not in cell.get("attributes", {}))


def _read_clock(pins: dict[str, Any], parameters: dict[str, Any], read: list[str]) -> Any:
    """The net of the clock of all that is read, where it is one port's and its output register is always enabled; else None."""
    wide = int(str(parameters.get("DATA_WIDTH_B", "0")), 2) == 36
    ports = {"B"} if wide else {pin[2] for pin in read}
    if len(ports) != 1:
        return None
    port = ports.pop()
    other = "AB".replace(port, "")
    if parameters.get("REGMODE_A") != "NOREG" or parameters.get("REGMODE_B") != "NOREG" or pins.get(f"OCE{port}") != ["1"]:
        return None
    if not wide and any(pin.startswith(f"DO{other}") for pin in read):
        return None
    return pins.get(f"CLK{port}") if parameters.get(f"CLK{port}MUX", f"CLK{port}") == f"CLK{port}" else None
