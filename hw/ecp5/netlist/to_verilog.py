"""A routed netlist as one flat Verilog module that a simulator takes, by the models of its cells."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from owlbit.hw.ecp5.netlist.cell_models import MODELS, PLL_CLOCK, net
from owlbit.hw.ecp5.netlist.routed import NetlistError, Routed

BLOCK_RAM = Path(__file__).with_name("block_ram.v")
FLASH_CLOCK = "usrmclk"


def to_verilog(routed: Routed, top: str) -> str:
    """The module `top` with the design's ports; read it together with `BLOCK_RAM`.

    A design that clocks the configuration flash (USRMCLK) has a further output for that clock, `usrmclk`; one with a PLL a further
    input for the clock that it makes, `core_clk`.
    Raises NetlistError for a cell without a model, a net with several drivers, and one without any that something reads.
    """
    unknown = Counter(cell.kind for cell in routed.cells if cell.kind not in MODELS and cell.kind != "USRMCLK")
    if unknown:
        kinds = ", ".join(f"{kind} ({count})" for kind, count in sorted(unknown.items()))
        raise NetlistError(f"routed netlist: expected cells that there is a model of, found {kinds}")
    _check_drivers(routed)
    header = [f"{port.direction} wire [{len(port.nets) - 1}:0] {name}" for name, port in routed.ports.items()]
    flash_clock = [cell for cell in routed.cells if cell.kind == "USRMCLK"]
    header += [f"output wire {FLASH_CLOCK}"] * len(flash_clock)
    header += [f"input wire {PLL_CLOCK}"] if any(cell.kind == "EHXPLLL" for cell in routed.cells) else []
    nets = {number for cell in routed.cells for number in cell.pins.values()}
    nets |= {number for port in routed.ports.values() for number in port.nets}
    lines = [f"module {top} ({', '.join(header).replace('inout wire', 'inout')});"]
    lines += [f"wire n{number};" for number in sorted(nets)]
    for name, port in routed.ports.items():
        joined = "{" + ", ".join(f"n{number}" for number in reversed(port.nets)) + "}"
        lines.append(f"assign {joined} = {name};" if port.direction == "input" else f"assign {name} = {joined};")
    for cell in routed.cells:
        lines += MODELS[cell.kind](cell) if cell.kind in MODELS else [f"assign {FLASH_CLOCK} = {net(cell, 'PADDO')};"]
    return "\n".join([*lines, "endmodule", ""])


def _check_drivers(routed: Routed) -> None:
    """Raises NetlistError unless every net that is read has one driver. A pad drives in the direction that it has."""
    drivers: Counter[int] = Counter()
    read: dict[int, str] = {}
    for name, port in routed.ports.items():
        if port.direction == "input":
            drivers.update(port.nets)
        else:
            read.update(dict.fromkeys(port.nets, name))
    for cell in routed.cells:
        for pin, number in cell.pins.items():
            reads = pin in cell.inputs or (pin == "B" and cell.kind == "TRELLIS_IO" and cell.parameters.get("DIR") == "INPUT")
            if reads:
                read.setdefault(number, cell.name)
            else:
                drivers[number] += 1
    several = [number for number, count in drivers.items() if count > 1]
    missing = [user for number, user in read.items() if number not in drivers]
    if several or missing:
        what = f"{len(several)} with several" if several else f"{len(missing)} without any, the first read by {missing[0]}"
        raise NetlistError(f"routed netlist: expected one driver of every net, found {what}")
