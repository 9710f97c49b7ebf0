"""`owlbit bench figures`: every figure as measured now, its target, and the command that measures it.

Leaves runs/bench/ with the reference network (random weights) and its build. The demo's rows repeat the figures of `make demo`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from owlbit.export.load_model import ONNX
from owlbit.export.network import Network
from owlbit.export.network_cost import layer_costs, total_cost
from owlbit.export.qonnx.write import write_qonnx
from owlbit.hw.reference import simulate
from owlbit.hw.up5k.bitstream.plan import ENGINE_JSON, NEEDED_MHZ, PART
from owlbit.hw.up5k.build import compile_flash
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ
from owlbit.hw.verification import Images, NotRun, Outcome
from owlbit.toolchain.benchmarks.simulator_networks import reference96
from owlbit.toolchain.data.synthetic import make_frames
from owlbit.toolchain.deploy.backends import rtl_backend
from owlbit.toolchain.runs.demo_facts import read_demo_facts

DEMO, BENCH = Path("runs/demo"), Path("runs/bench")
RTL_FRAMES = 3


@dataclass(frozen=True)
class Figure:
    """One row. `reached`: None without a target, or if nothing could be measured."""

    what: str
    measured: str
    target: str = ""
    reached: bool | None = None
    command: str = "make bench"


def demo_figures() -> Iterator[Figure]:
    """The figures that the last demo wrote, or one row that says to run it."""
    facts = read_demo_facts(DEMO)
    if facts is None:
        yield Figure("demo", "not run yet", command="make demo")
        return
    accuracy, seconds, size = facts.test_accuracy, facts.seconds, facts.flash_bytes
    yield Figure("demo, all stages", f"{seconds:.0f} s", "at most 360 s", seconds <= 360, "make demo")
    yield Figure("demo, test accuracy", f"{accuracy:.2%} of {facts.test_images:,}", "at least 95 %", accuracy >= 0.95, "make demo")
    yield Figure("demo, flash image", f"{size:,} bytes", "below 262,144 bytes", size < 256 * 1024, "make demo")
    yield Figure("demo, weights", f"{facts.weight_bits / 1000:.1f} kbit", command="make demo")
    backends = [row for row in facts.verification if row.status != "reference"]
    states = ", ".join(f"{row.backend} {row.status}" for row in backends)
    found = {row.status for row in backends}
    # A backend that could not be run on this machine counts neither as reached nor as missed.
    exact = False if found & {"differs", "failed"} else None if "not run" in found else True
    yield Figure("demo, verification", states, "all exact", exact, "make demo")
    cycles = facts.cycles_per_frame
    if cycles:
        yield Figure("demo, speed in RTL", f"{cycles:,} cycles, {CLOCK_HZ / cycles:,.0f} frames/s", command="make demo")


def reference_network() -> Network:
    """The reference network with random weights, written into runs/bench/."""
    network = reference96()
    write_qonnx(network, BENCH / ONNX)
    return network


def network_figures(network: Network) -> Iterator[Figure]:
    """Size, speed predicted and simulated, and flash image of the reference network."""
    total = total_cost(layer_costs(network))
    yield Figure("reference96, size", f"{total.weight_bits / 1000:.0f} kbit, {total.macs / 1e6:.0f} MMAC")
    program = compile_network(network)
    predicted = program.cycles_per_frame
    yield Figure("reference96, predicted", f"{predicted:,} cycles, {total.macs / predicted:.0f} MAC per cycle")
    flash = compile_flash(network)
    images = make_frames(network.input_shape, RTL_FRAMES)
    try:
        outcome = rtl_backend(flash, network, RTL_FRAMES).run(images)
    except NotRun as reason:
        yield Figure("reference96, in RTL", f"not run: {reason}", "at least 27 frames/s")
    else:
        yield from rtl_figures(network, images, outcome)
    yield Figure("reference96, flash image", f"{len(flash):,} bytes")


def rtl_figures(network: Network, images: Images, outcome: Outcome) -> Iterator[Figure]:
    """Cycles of the simulated Verilog, and whether its scores are the reference's."""
    exact = np.array_equal(outcome.scores, simulate(network, images))
    yield Figure("reference96, RTL scores", "exact" if exact else "differ", "exact", exact)
    if outcome.cycles_per_frame:
        rate = CLOCK_HZ / outcome.cycles_per_frame
        yield Figure(
            "reference96, in RTL", f"{outcome.cycles_per_frame:,} cycles, {rate:.1f} frames/s", "at least 27 frames/s", rate >= 27
        )


def engine_figures() -> Iterator[Figure]:
    """The report of place and route for the bitstream in the repository."""
    engine = json.loads(ENGINE_JSON.read_text(encoding="utf-8"))
    used, fmax = engine["used"], engine["fmax_mhz"]
    limits = {"logic cells": PART["ICESTORM_LC"], "EBR": PART["ICESTORM_RAM"], "SPRAM": PART["ICESTORM_SPRAM"]}
    for name, limit in limits.items():
        yield Figure(f"engine, {name}", f"{used[name]:,}", f"at most {limit:,}", used[name] <= limit, "make bitstream")
    yield Figure("engine, highest clock", f"{fmax:.1f} MHz", f"at least {NEEDED_MHZ:.1f} MHz", fmax >= NEEDED_MHZ, "make bitstream")


def build_figure() -> Figure:
    """Wall time of `owlbit build` as a user starts it, the better of two runs."""
    out = BENCH / "up5k"
    command = [
        sys.executable,
        "-c",
        "from owlbit.toolchain.cli.app import main; main()",
        "build",
        str(BENCH / ONNX),
        "--out",
        str(out),
    ]
    taken = []
    for _ in range(2):
        shutil.rmtree(out, ignore_errors=True)
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - start)
    what = "owlbit build model.onnx, Python's start included"
    return Figure(what, f"{min(taken):.2f} s", "at most 5 s", min(taken) <= 5, f"owlbit build {BENCH / ONNX}")


def measure() -> list[Figure]:
    """Every figure; those of simulators and of training are in modules of their own."""
    network = reference_network()
    return [*demo_figures(), *network_figures(network), *engine_figures(), build_figure()]


def figures_table(figures: Sequence[Figure]) -> Table:
    """One row per figure."""
    table = Table("figure", "measured", "target", "", "command", title="owlbit, measured on this machine", title_justify="left")
    for figure in figures:
        verdict = {True: "[green]reached[/]", False: "[bold red]missed[/]", None: ""}[figure.reached]
        table.add_row(figure.what, figure.measured, figure.target, verdict, figure.command)
    return table
