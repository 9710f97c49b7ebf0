"""Simulates a routed netlist: its Verilog in Verilator, kept by a hash as every simulation is."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from owlbit.hw.ecp5.netlist.routed import read_routed
from owlbit.hw.ecp5.netlist.to_verilog import BLOCK_RAM, to_verilog
from owlbit.hw.verilator import verilate


def verilate_netlist(
    netlist: Path, module: str, bench: Path, *, top: str | None = None, around: Sequence[Path] = (), cache: Path | None = None
) -> Path:
    """The executable of the C++ `bench` with the routed design of nextpnr's JSON `netlist` as the Verilog module `module`.

    top: the module that the bench drives, of the further Verilog `around`; by default `module` itself.
    Raises NetlistError for a file or a cell that is not understood, ToolMissing without Verilator or a compiler.
    """
    with tempfile.TemporaryDirectory(prefix="owlbit-netlist-") as name:
        source = Path(name) / f"{module}.v"
        source.write_text(to_verilog(read_routed(netlist), module), encoding="ascii")
        return verilate([source, BLOCK_RAM, *around], top or module, bench, optimisation="-O1", cache=cache)
