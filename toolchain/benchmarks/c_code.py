"""`owlbit bench c`: what the C files of every network of the zoo take: flash, RAM, instructions per frame, time on this processor.

Instructions are counted by QEMU, which knows neither pipelines nor wait states of flash.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Network
from owlbit.hw import fast, reference
from owlbit.hw.c.build import CFiles, generate
from owlbit.hw.c.host import FAST, compile_host, instructions_per_image, run_host, seconds_per_image
from owlbit.hw.c.machines import MACHINES, CodeSize, Counted, Machine, code_size, run_on
from owlbit.hw.external_tools import ToolMissing
from owlbit.hw.verification import Images
from owlbit.toolchain.benchmarks.simulators import Table
from owlbit.toolchain.data.synthetic import make_frames
from owlbit.toolchain.deploy.model_source import find_model
from owlbit.toolchain.runs.processor import processor
from owlbit.toolchain.zoo.card import Card, read_cards

T = TypeVar("T")

COMMAND = "owlbit bench c"
COUNTED = ("m0", "m4", "rv32", "rv32-zbb")
SIZED = "m4"
LEVEL = "-O2"
PLAIN = ("-O2", "-march=x86-64-v2")  # the oldest x86-64 with a popcount instruction
RUNS = 200
# (most instructions per word, fewest that the way of counting takes) of a machine.
PER_WORD = {"m4": (20, 8), "rv32-zbb": (8, 4.25)}
MOST_CODE, MOST_ARENA, MOST_SLOWER = 6000, 1.1, 3


@dataclass(frozen=True, eq=False)
class Measured:
    """A network of the zoo. `size`: of the C file on `SIZED`; `counted`: by the machines of `COUNTED`; `steps`: instructions of a
    frame on x86-64 with its popcount and without vectors; `seconds` per image on this processor with all that it has. Each is None
    where its tools are not installed. `fast_seconds`: of the fast simulator, one thread; `exact`: whether all gave the reference's
    scores."""

    card: Card
    files: CFiles
    size: CodeSize | None
    counted: dict[str, Counted | None]
    steps: int | None
    seconds: float | None
    fast_seconds: float
    exact: bool


def measure(progress: Callable[[str], None] = lambda line: None) -> list[Measured]:
    """Every network of the zoo, in order."""
    found = []
    for card in read_cards():
        progress(f"{card.name} ...")
        found.append(measure_network(card, find_model(f"zoo:{card.name}").load()))
    return found


def measure_network(card: Card, network: Network) -> Measured:
    """Compiles and runs one network on every machine whose tools are installed."""
    files = generate(network)
    images = make_frames(network.input_shape, 1)
    expected = reference.simulate(network, images)
    counted = {key: _or_none(partial(_on_machine, MACHINES[key], files, network, images)) for key in COUNTED}
    size = _or_none(lambda folder: code_size(MACHINES[SIZED], files, folder))
    timed = _or_none(partial(_time_on_host, files, network, images))
    steps = _or_none(partial(_count_on_host, files, network, images))
    scores = [each.scores for each in counted.values() if each is not None] + [
        each[1] for each in (timed, steps) if each is not None
    ]
    exact = all(np.array_equal(each, expected) for each in scores)
    seconds, instructions = timed[0] if timed else None, int(steps[0]) if steps else None
    return Measured(card, files, size, counted, instructions, seconds, _fast_seconds(network, images), exact)


def _or_none(run: Callable[[Path], T]) -> T | None:
    """What `run` returns in a folder of its own, None where a tool is missing."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return run(Path(folder))
        except ToolMissing:
            return None


def _on_machine(machine: Machine, files: CFiles, network: Network, images: Images, folder: Path) -> Counted:
    return run_on(machine, files, network, images, folder, (LEVEL,))


def _time_on_host(files: CFiles, network: Network, images: Images, folder: Path) -> tuple[float, NDArray[Any]]:
    files.write(folder)
    program = compile_host(folder, files.name, FAST)
    return seconds_per_image(program, images[0], RUNS), run_host(program, network, images).scores


def _count_on_host(files: CFiles, network: Network, images: Images, folder: Path) -> tuple[float, NDArray[Any]]:
    files.write(folder)
    program = compile_host(folder, files.name, PLAIN)
    return instructions_per_image(program, files.name, images[0]), run_host(program, network, images).scores


def _fast_seconds(network: Network, images: Images) -> float:
    packed = fast.compile_fast(network)
    taken = []
    for _ in range(RUNS):
        start = time.perf_counter()
        packed.simulate(images, 1)
        taken.append(time.perf_counter() - start)
    return min(taken)


def zoo_table(found: Sequence[Measured]) -> Table:
    """One row per network."""
    headings = (
        *("network", "accuracy", "flash, bytes", "of it code", "arena, bytes", "stack window, bytes"),
        *(f"{MACHINES[key].name}, instructions" for key in COUNTED),
        *("x86-64, instructions", "x86-64, ms", "scores"),
    )
    rows = []
    for each in found:
        plan, size = each.files.plan, each.size
        rows.append(
            (
                each.card.name,
                f"{each.card.test_accuracy:.2%}",
                f"{size.code + size.weights:,}" if size else "not run",
                f"{size.code:,}" if size else "not run",
                f"{4 * plan.arena.words:,}",
                f"{4 * plan.window_words:,}",
                *(f"{counted.instructions[0]:,}" if counted else "not run" for counted in each.counted.values()),
                f"{each.steps:,}" if each.steps else "not run",
                f"{1e3 * each.seconds:.3f}" if each.seconds else "not run",
                "exact" if each.exact else "differ",
            )
        )
    return Table(f"One frame; flash at -Os on {MACHINES[SIZED].name}, instructions at {LEVEL}", headings, rows)


def targets(found: Sequence[Measured]) -> Table:
    """The figures that are promised, each the worst of all networks."""
    rows = []
    for key, (most, floor) in PER_WORD.items():
        taken = [counted.per_word for each in found if (counted := each.counted[key])]
        what = f"{MACHINES[key].name}: instructions per 32-bit word of weights in the inner loop (floor of the method: {floor:g})"
        rows.append(_row(what, max(taken, default=None), most))
    codes = [float(each.size.code) for each in found if each.size]
    rows.append(
        _row(f"{MACHINES[SIZED].name}, -Os: bytes of code beside weights and thresholds", max(codes, default=None), MOST_CODE)
    )
    arenas = [32 * each.files.plan.arena.words / each.files.plan.most_bits for each in found]
    rows.append(_row("arena / largest sum of maps alive at once", max(arenas), MOST_ARENA))
    slower = [each.seconds / each.fast_seconds for each in found if each.seconds]
    rows.append(_row("x86-64: time of a single image / the fast simulator's", max(slower, default=None), MOST_SLOWER))
    rows.append(_row("networks whose scores differ anywhere", float(sum(not each.exact for each in found)), 0))
    return Table("Targets, the worst of all networks", ("figure", "measured", "at most", ""), rows)


def _row(what: str, value: float | None, most: float) -> tuple[str, str, str, str]:
    if value is None:
        return what, "not run", f"{most:,}", "not run"
    shown = f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.2f}"
    return what, shown, f"{most:,}", "reached" if value <= most else "missed"


METHOD = """\
Instructions are an estimate of the time on a chip: QEMU counts them, and knows neither pipelines nor wait states of flash. The
frame is made up; without a popcount instruction the number depends on it a little, for filters that have fired are left out in
the rest of a pool's window. Flash is the C file alone, without start-up code. RAM is the arena and, on the stack, the largest
window and some 400 bytes more; an image takes none where its rows come from a camera. On x86-64 valgrind counts the instructions
of code with popcount and without vectors (`-march=x86-64-v2`); the time is that of the fastest of 200 runs of one image in one
thread, compiled with `-O3 -march=native`, and the fast simulator's is measured alike. The floor on Cortex-M4 is two loads, an
exclusive or and the five operations of a full adder per word; that with Zbb is a load of weights and a quarter of one of the
window, an exclusive or, `cpop` and an addition. Debian's packages gcc-arm-none-eabi, gcc-riscv64-unknown-elf, qemu-system-arm,
qemu-system-misc and valgrind bring the tools; without them "not run" stands in a cell."""


def page(found: Sequence[Measured]) -> str:
    """The tables as a page of documentation."""
    how = f"Processor: {processor()}. Command: `{COMMAND} --write docs/bench_c.md`"
    return "\n\n".join(["# The C code measured", how, METHOD, zoo_table(found).markdown(), targets(found).markdown()])


def any_missed(found: Sequence[Measured]) -> bool:
    """Whether a target was missed."""
    return any(row[-1] == "missed" for row in targets(found).rows)
