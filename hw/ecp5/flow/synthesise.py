"""Verilog to cells of the ECP5 by Yosys, and what they will take of a part."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from owlbit.export.files import write_text
from owlbit.hw.ecp5.flow.chain_ends import open_chain_ends
from owlbit.hw.ecp5.flow.output_registers import take_output_registers
from owlbit.hw.ecp5.flow.tools import Tools, find_tools, run_watched

# -nowidelut: a 64-bit popcount takes two thirds of the LUT4. -nodsp: multipliers that Yosys infers for small products lie on the
# critical path, a few LUT4 do not.
OPTIONS = ("-nowidelut", "-nodsp")
CELLS = "OWL_ECP5_CELLS"  # the macro that takes the vendor's cells in place of their models
BESIDE = ("*.vh", "*.hex", "*.mem")  # what Verilog includes or reads, taken along from the folder of each source
EBR_CELLS, DSP_CELLS = ("DP16KD", "PDPW16KD"), ("MULT18X18D",)


@dataclass(frozen=True)
class Used:
    """Cells of a part. `lut`: LUT4 with those of carry chains and of memories in LUTs, as nextpnr counts TRELLIS_COMB."""

    lut: int
    ff: int
    ebr: int
    dsp: int

    def __add__(self, other: Used) -> Used:
        return Used(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(Used)))


def synthesise(
    sources: Sequence[Path],
    top: str,
    folder: Path,
    *,
    defines: Sequence[str] = (),
    parameters: Mapping[str, int | str] | None = None,
    options: Sequence[str] = OPTIONS,
    progress: Callable[[str], None] = print,
    tools: Tools | None = None,
) -> Used:
    """Synthesises the Verilog module `top` and writes its netlist to TOP.synth.json in `folder`, for `place_and_route`.

    sources: Verilog files, in the order to read them; headers (.vh) and memories (.hex, .mem) beside them are taken along. defines:
    NAME or NAME=VALUE. parameters: of the top module. options: of synth_ecp5; with "-noflatten" see `module_use`.
    Raises ToolMissing without Yosys, ToolFailed with its own error line.
    """
    tools = tools or find_tools()
    with tempfile.TemporaryDirectory(prefix="owlbit-ecp5-") as name:
        # YoWASP's tools see another /tmp than we do, so all is copied to the working folder and named relative to it.
        work = Path(name)
        for path in [*(each for parent in {source.parent for source in sources} for each in _beside(parent)), *sources]:
            shutil.copy(path, work)
        (work / "synth.ys").write_text(_script(sources, top, defines, parameters or {}, options), encoding="utf-8")
        run_watched(tools.yosys, ["-q", "synth.ys"], work, f"synthesis of {top}", progress)
        netlist = json.loads((work / "netlist.json").read_text(encoding="utf-8"))
    open_chain_ends(netlist)
    take_output_registers(netlist)
    write_text(folder / f"{top}.synth.json", json.dumps(netlist))
    return total_use(netlist, top)


def total_use(netlist: Mapping[str, Any], top: str) -> Used:
    """Cells of the module `top` and of the modules in it, from Yosys' JSON."""
    own, modules = module_use(netlist), netlist["modules"]
    total = own[top]
    for kind, count in Counter(cell["type"] for cell in modules[top]["cells"].values()).items():
        if kind in own:
            inner = total_use(netlist, kind)
            for _ in range(count):
                total += inner
    return total


def module_use(netlist: Mapping[str, Any]) -> dict[str, Used]:
    """Cells of each module of ours by its name, without those of the modules in it, from Yosys' JSON of a hierarchy."""
    return {name: _use(module) for name, module in netlist["modules"].items() if not _is_library(module)}


def _use(module: Mapping[str, Any]) -> Used:
    cells = module["cells"].values()
    count = Counter(cell["type"] for cell in cells)
    carry = [cell["connections"] for cell in cells if cell["type"] == "CCU2C"]
    outputs = {bit for cell in carry for bit in cell.get("COUT", [])}
    entered = sum(bit not in outputs and bit != "x" for cell in carry for bit in cell.get("CIN", []))
    read = {
        bit
        for cell in cells
        for port, bits in cell["connections"].items()
        if cell.get("port_directions", {}).get(port) == "input" and (cell["type"], port) != ("CCU2C", "CIN")
        for bit in bits
    }
    # Where a chain begins, or ends at other cells, nextpnr adds a cell of two LUT4 that leads its carry in or out.
    chains = len(carry) + entered + len(outputs & read)
    return Used(
        lut=count["LUT4"] + 2 * chains + 6 * count["TRELLIS_DPR16X4"],
        ff=count["TRELLIS_FF"],
        ebr=sum(count[kind] for kind in EBR_CELLS),
        dsp=sum(count[kind] for kind in DSP_CELLS),
    )


def _is_library(module: Mapping[str, Any]) -> bool:
    attributes = module.get("attributes", {})
    return "blackbox" in attributes or "whitebox" in attributes


def _beside(folder: Path) -> list[Path]:
    return sorted(path for pattern in BESIDE for path in folder.glob(pattern))


def _script(
    sources: Sequence[Path], top: str, defines: Sequence[str], parameters: Mapping[str, int | str], options: Sequence[str]
) -> str:
    macros = " ".join(f"-D {define}" for define in defines)
    lines = [f"read_verilog -sv -defer {macros} {' '.join(path.name for path in sources)}"]
    if parameters:
        quoted = {name: f'"{value}"' if isinstance(value, str) else value for name, value in parameters.items()}
        lines.append(f"chparam {' '.join(f'-set {name} {value}' for name, value in quoted.items())} {top}")
    return "\n".join([*lines, f"synth_ecp5 {' '.join(options)} -top {top}", "write_json netlist.json", ""])
