"""`owlbit bench simulators`: every way to run a binarised network here, side by side, in one run.

All take the same network and the same images, all may use the same cores, all are timed in turn, round after round; a ratio is the
median of the rounds' ratios, so that a disturbance hits neighbours alike. What each returns is compared with the reference.
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Network
from owlbit.export.network_cost import layer_costs, total_cost
from owlbit.export.network_file import save_network
from owlbit.export.qonnx.write import qonnx_model
from owlbit.hw import fast, reference
from owlbit.hw.verification import Images
from owlbit.toolchain.benchmarks import roofline
from owlbit.toolchain.benchmarks.simulator_networks import cifar_sized, reference96, torch_equivalent, write_float_onnx
from owlbit.toolchain.runs.processor import cores, processor

ROUNDS = 9
BATCHES = (1, 8, 64, 512, 4096)
FLOAT_BATCHES = (1, 8, 64)
STREAMED = 10_000
PAUSE = 0.05
FINN_PART = "xc7z020clg400-1"
COMMAND = "owlbit bench simulators"


@dataclass(frozen=True, eq=False)
class Contender:
    """A simulator ready to run: `run` takes nothing and returns the scores of the first `images` images."""

    name: str
    images: int
    run: Callable[[], NDArray[Any]]


@dataclass(frozen=True)
class Table:
    """Text cells under headings."""

    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def markdown(self) -> str:
        """As a Markdown table whose columns line up as plain text too."""
        lines = [self.headings, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.headings))]
        text = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines]
        text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return f"**{self.title}**\n\n" + "\n".join(text)


def seconds(run: Callable[[], Any], pause: float = PAUSE) -> float:
    """Wall time of one run, begun once the worker threads of what ran before have stopped spinning."""
    time.sleep(pause)
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def contenders(network: Network, images: Images, folder: Path) -> Iterator[Contender]:
    """Everything that can be measured here; fast is first."""
    packed = fast.compile_fast(network)
    yield Contender("fast", len(images), lambda: packed.simulate(images))
    yield Contender("reference", 16, lambda: reference.simulate(network, images[:16]))
    yield qonnx_contender(network, images)
    if importlib.util.find_spec("finn"):
        yield finn_contender(network, images, folder)
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(cores())
        floats = images[:64].astype(np.float32)
        for dtype in ("float32", "bfloat16"):
            yield Contender(f"torch eval, {dtype}", len(floats), partial(torch_equivalent(network, dtype), floats))
    yield best_of([onnxruntime_contender(network, images, batch, folder) for batch in FLOAT_BATCHES])


def finn_contender(network: Network, images: Images, folder: Path) -> Contender:
    """FINN's hardware graph of the network, executed layer by layer in Python; building it is not counted."""
    from owlbit.hw.finn.build_finn import Options, build_finn
    from owlbit.hw.finn.build_folder import BuildFolder
    from owlbit.hw.finn.execute import step_runner
    from owlbit.hw.finn.step_names import FOLDED

    build_finn(network, folder / "finn", Options(FINN_PART, frames_per_second=1, last=FOLDED), lambda line: None)
    run = step_runner(BuildFolder(folder / "finn"), FOLDED, network)
    return Contender("FINN, Python execution", 2, lambda: run(images[:2]))


def qonnx_contender(network: Network, images: Images) -> Contender:
    """QONNX's executor on the QONNX file of the network, node by node; reading the file is not counted."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx

    model = ModelWrapper(qonnx_model(network))
    feed, result = model.graph.input[0].name, model.graph.output[0].name
    floats = images[:4].astype(np.float32)
    return Contender(
        "QONNX executor",
        len(floats),
        lambda: np.concatenate([execute_onnx(model, {feed: image[None]})[result] for image in floats]),
    )


def onnxruntime_contender(network: Network, images: Images, batch: int, folder: Path) -> Contender:
    """onnxruntime on the float equivalent, for a fixed batch."""
    import onnxruntime  # type: ignore[import-untyped]

    path = folder / f"float{batch}.onnx"
    write_float_onnx(network, path, batch)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    groups = [images[first : first + batch].astype(np.float32) for first in range(0, 64, batch)]
    return Contender(
        f"onnxruntime, float32, batch {batch}",
        64,
        lambda: np.concatenate([session.run(None, {"image": group})[0] for group in groups]),
    )


def best_of(candidates: Sequence[Contender]) -> Contender:
    """The fastest, by the best of three runs each."""
    return min(candidates, key=lambda own: min(seconds(own.run) for _ in range(3)) / own.images)


def compare(network: Network, count: int, rounds: int) -> tuple[Table, dict[str, float]]:
    """All simulators on `count` images, and the figures that have targets: fast against others, and its share of the roofline."""
    images = np.random.default_rng(1).integers(0, 256, (count, *network.input_shape), dtype=np.uint8)
    expected = reference.simulate(network, images[:64])
    macs = total_cost(layer_costs(network)).macs
    with tempfile.TemporaryDirectory() as folder:
        given = list(contenders(network, images, Path(folder)))
        same = [np.array_equal(expected[: own.images], own.run()[:64]) for own in given]
        roofline.measure(cores())
        taken, limits = [], []
        for _ in range(rounds):
            taken.append([seconds(own.run) / own.images for own in given])
            limits.append(roofline.measure(cores()))
    rows, figures = [], {}
    for index, own in enumerate(given):
        ratio = statistics.median(line[index] / line[0] for line in taken)
        rate = statistics.median(1 / line[index] for line in taken)
        figures[own.name.split(",")[0] if "onnxruntime" in own.name else own.name] = ratio
        rows.append((own.name, f"{rate:,.1f}", f"{ratio:,.1f}", "same" if same[index] else "differ"))
    if importlib.util.find_spec("finn") is None:
        rows.append(("FINN, Python execution", "finn-plus is not installed", "-", "-"))
    # The roofline is a limit: its best round. What is measured against it is the median.
    reached, limit = statistics.median(macs / line[0] for line in taken), max(limits)
    figures["share"] = reached / limit
    share = f"{reached / 1e12:.2f} of {limit / 1e12:.2f} T bit/s"
    rows.append(("fast, share of the popcount roofline", share, f"{figures['share']:.0%}", "-"))
    size = total_cost(layer_costs(network)).weight_bits
    title = f"{network.name}: {size / 1000:.0f} kbit, {macs / 1e6:.0f} million binary MACs per image, {count} images"
    return Table(title, ("simulator", "images/s", "speed-up of fast", "integers"), rows), figures


def scaling(network: Network) -> Table:
    """Images per second of fast, by batch size and threads, batch after batch without a pause."""
    packed = fast.compile_fast(network)
    images = np.random.default_rng(1).integers(0, 256, (max(BATCHES), *network.input_shape), dtype=np.uint8)
    threads = sorted({1, cores()})
    rows = []
    for batch in BATCHES:
        cells = []
        for count in threads:
            repeats = max(3, min(50, 1024 // batch))
            taken = statistics.median(seconds(partial(packed.simulate, images[:batch], count), pause=0) for _ in range(repeats))
            cells += [f"{taken * 1e3:,.2f}", f"{batch / taken:,.0f}"]
        rows.append((str(batch), *cells))
    headings = [f"{what}, {count} thread{'s' * (count > 1)}" for count in threads for what in ("ms per batch", "images/s")]
    return Table(f"{network.name}: fast, by batch size and threads", ("batch", *headings), rows)


STREAM = """
import sys, time
import numpy as np
from owlbit.export.network_file import load_network
network, images = load_network(sys.argv[1]), np.load(sys.argv[2], mmap_mode="r")
start = time.perf_counter()
from owlbit.hw import fast
packed = fast.compile_fast(network)
packed.simulate(images[:1])
first = time.perf_counter() - start
for begin in range(0, len(images), 1000):
    packed.simulate(images[begin:begin + 1000])
peak = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1]
print(first, int(peak) / 1000)
"""


def fresh_process(network: Network) -> tuple[float, float]:
    """Seconds from importing the simulator to its first scores with a warm cache, and peak memory in MB after 10,000 images."""
    with tempfile.TemporaryDirectory() as folder:
        model, images = Path(folder) / "network.npz", Path(folder) / "images.npy"
        save_network(network, model)
        np.save(images, np.random.default_rng(1).integers(0, 256, (STREAMED, *network.input_shape), dtype=np.uint8))
        found = [run_stream(model, images) for _ in range(3)]
    return statistics.median(first for first, _ in found), max(peak for _, peak in found)


def run_stream(model: Path, images: Path) -> tuple[float, float]:
    """The high-water mark is read by the process itself: what its parent holds does not count."""
    command = [sys.executable, "-c", STREAM, str(model), str(images)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    first, peak = done.stdout.split()
    return float(first), float(peak)


def targets(figures: dict[str, float], first: float, peak: float) -> Table:
    """The targets for the CIFAR-10-sized network, and whether they are reached."""
    lines = [
        ("fast / onnxruntime", f"{figures['onnxruntime']:.1f}", "at least 3", figures["onnxruntime"] >= 3),
        ("fast / QONNX executor", f"{figures['QONNX executor']:,.0f}", "at least 500", figures["QONNX executor"] >= 500),
        ("share of the popcount roofline", f"{figures['share']:.0%}", "at least 40 %", figures["share"] >= 0.4),
        (f"peak memory, {STREAMED:,} images streamed", f"{peak:.0f} MB", "below 500 MB", peak < 500),
        ("import and first call, warm cache", f"{first:.2f} s", "below 1 s", first < 1),
    ]
    rows = [(what, measured, target, "reached" if reached else "missed") for what, measured, target, reached in lines]
    return Table("cifar-sized: targets", ("figure", "measured", "target", ""), rows)


def any_missed(tables: Sequence[Table]) -> bool:
    """Whether a target was missed."""
    return any(row[-1] == "missed" for table in tables for row in table.rows)


def measure(rounds: int = ROUNDS) -> list[Table]:
    """Every table, in about two minutes."""
    small, large = cifar_sized(), reference96()
    first_table, figures = compare(small, 1024, rounds)
    second_table, _ = compare(large, 256, rounds)
    return [first_table, second_table, targets(figures, *fresh_process(small)), scaling(small)]


METHOD = """\
All simulators ran in one process on the same images with all cores, one after the other, for several rounds. Figures are medians
over rounds; ratios are medians of each round's ratio. Weights are random. The float equivalents (torch, onnxruntime) represent bits
as 0.0 and 1.0 and thresholds as bias and clamp. torch takes batches of 64 images, onnxruntime the fastest of 1, 8 and 64. Reading
and preparing models is not counted. The roofline is the best round of the faster of two loops of xor, popcount and add on vectors
in the first-level cache (`toolchain/benchmarks/roofline.py`); one binary MAC counts as one bit."""


def page(tables: Sequence[Table]) -> str:
    """The tables as a page of documentation."""
    how = f"Processor: {processor()}. Command: `{COMMAND} --write docs/bench_simulators.md`"
    return "\n\n".join(["# Simulators compared", how, METHOD, *(table.markdown() for table in tables)])
