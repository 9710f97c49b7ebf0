"""Verilog to a packed ECP5 bitstream: synthesis, place and route with several seeds, packing; reproducible.

The same sources, options and tools give the same bytes: seeds are tried in order and the first that closes the clock is kept.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.export.files import make_folder
from owlbit.hw.ecp5.flow.pack import pack
from owlbit.hw.ecp5.flow.report import PathStep, Report, describe_path, read_report
from owlbit.hw.ecp5.flow.synthesise import OPTIONS, synthesise
from owlbit.hw.ecp5.flow.tools import Tools, find_tools, run_watched
from owlbit.hw.ecp5.parts import PACKAGE, SPEED_GRADE, Part, check_room

# The beginnings of lines in which nextpnr says what it begins.
PHASES = {
    "Info: Packing": "packing cells",
    "Info: Creating initial": "placing",
    "Info: Running simulated annealing": "placing",
    "Info: Running main analytical placer": "placing",
    "Info: Routing": "routing",
}
HOPELESS = 0.75  # of the clock: seeds differ by less than what is missing then


class ClockError(OwlbitError):
    """No seed closes the clock; the message says what was reached and by which path."""


@dataclass(frozen=True)
class FlowResult:
    """What place and route made. Counts as in `Used`, of nextpnr's report; `fmax_mhz`: the highest clock it closes at; `clock_mhz`:
    what was asked for; of several clocks the one with the least to spare; `seed`: that gave it; `seeds`: clock in MHz by each seed
    that was tried; `bit_bytes`, `compressed_bytes`: of the bitstream; `critical_path`: from register to register; `tools`: their
    versions.

    Files: `netlist` is nextpnr's JSON of the routed design, `config` its configuration as text, `bit` the compressed bitstream.
    """

    lut: int
    ff: int
    ebr: int
    dsp: int
    fmax_mhz: float
    clock_mhz: float
    seed: int
    seeds: Mapping[int, float]
    bit_bytes: int
    compressed_bytes: int
    critical_path: tuple[PathStep, ...]
    tools: Mapping[str, str]
    netlist: Path
    config: Path
    bit: Path

    @property
    def closed(self) -> bool:
        """Whether the clock is reached."""
        return self.fmax_mhz >= self.clock_mhz

    def require_clock(self) -> None:
        """Raises ClockError unless the clock is reached."""
        if not self.closed:
            raise ClockError(
                f"place and route: expected {self.clock_mhz:g} MHz, reached {self.fmax_mhz:g} MHz with the best of "
                f"{len(self.seeds)} seeds; the critical path is {describe_path(self.critical_path)}; give a slower --clock"
            )


def place_and_route(
    sources: Sequence[Path],
    top: str,
    part: Part,
    folder: Path,
    clock_mhz: float,
    lpf: Path | str | None = None,
    seeds: Sequence[int] = range(1, 9),
    progress: Callable[[str], None] = print,
    defines: Sequence[str] = (),
    parameters: Mapping[str, int | str] | None = None,
    *,
    package: str = PACKAGE,
    speed: int = SPEED_GRADE,
    free_pins: bool = False,
    options: Sequence[str] = OPTIONS,
    pack_options: Sequence[str] = (),
) -> FlowResult:
    """Builds module `top` for `part` into TOP.synth.json (the netlist before), TOP.json, TOP.config and TOP.bit in `folder`; see
    FlowResult.

    sources, defines, parameters, options: see `synthesise`. lpf: a file of pins and constraints, or its text; without it nextpnr
    chooses the pins, and with `free_pins` those that it does not name. clock_mhz: of clocks that `lpf` does not constrain. seeds:
    tried in this order until all clocks close, or one is far from it; where none does, the fastest is kept: `closed` is False.
    pack_options: for ecppack, such as --freq and --spimode of a board's flash.
    Raises PartError where the part is too small, ToolMissing, and ToolFailed with a tool's own error line.
    """
    tools = find_tools()
    make_folder(folder)
    with tempfile.TemporaryDirectory(prefix="owlbit-ecp5-") as name:
        work = Path(name)
        used = synthesise(
            sources, top, work, defines=defines, parameters=parameters, options=options, progress=progress, tools=tools
        )
        check_room(part, used.lut, used.ebr, used.dsp, top)
        pins = ["--lpf-allow-unconstrained"] if free_pins or lpf is None else []
        if lpf is not None:
            (work / "pins.lpf").write_text(lpf if isinstance(lpf, str) else lpf.read_text(encoding="utf-8"), encoding="utf-8")
            pins += ["--lpf", "pins.lpf"]
        device = [part.option, "--package", package, "--speed", str(speed), "--json", f"{top}.synth.json"]
        reports: dict[int, Report] = {}
        best = -1
        for seed in seeds:
            reports[seed] = _try_seed(tools, work, top, [*device, *pins, "--freq", f"{clock_mhz:g}"], seed, progress)
            if best < 0 or reports[seed].margin > reports[best].margin:
                best = seed
                for ending in ("json", "config"):
                    (work / f"seed.{ending}").replace(work / f"{top}.{ending}")
            if not HOPELESS <= reports[seed].margin < 1:
                break
        packed = pack(work / f"{top}.config", work / f"{top}.bit", pack_options, tools, progress)
        for ending in ("synth.json", "json", "config", "bit"):
            shutil.copy(work / f"{top}.{ending}", folder / f"{top}.{ending}")
    report = reports[best]
    return FlowResult(
        lut=report.used.lut,
        ff=report.used.ff,
        ebr=report.used.ebr,
        dsp=report.used.dsp,
        fmax_mhz=report.fmax_mhz,
        clock_mhz=report.clock_mhz,
        seed=best,
        seeds={seed: each.fmax_mhz for seed, each in reports.items()},
        bit_bytes=packed.plain_bytes,
        compressed_bytes=packed.compressed_bytes,
        critical_path=report.path,
        tools=tools.versions(),
        netlist=folder / f"{top}.json",
        config=folder / f"{top}.config",
        bit=folder / f"{top}.bit",
    )


def _try_seed(tools: Tools, work: Path, top: str, arguments: Sequence[str], seed: int, progress: Callable[[str], None]) -> Report:
    """Places and routes once, leaving seed.json and seed.config in `work`."""
    files = ["--report", "seed.report", "--textcfg", "seed.config", "--write", "seed.json"]
    # With --timing-allow-fail a clock that is missed is reported, not an error.
    chosen = [*arguments, "--seed", str(seed), "--timing-allow-fail", *files]
    run_watched(tools.nextpnr, chosen, work, f"place and route of {top}, seed {seed}", progress, _phase)
    report = read_report(json.loads((work / "seed.report").read_text(encoding="utf-8")))
    progress(f"seed {seed}: {report.fmax_mhz:g} MHz; {describe_path(report.path)}")
    return report


def _phase(line: str) -> str | None:
    """What nextpnr begins to do, by a line that it prints."""
    return next((phase for beginning, phase in PHASES.items() if line.startswith(beginning)), None)
