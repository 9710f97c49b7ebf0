"""Pipelines under Verilator give the reference's scores, in exactly the cycles of their plan; several networks share one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from owlbit.export.load_model import load_model
from owlbit.export.network import BinaryConv, ChannelShuffle, LogicSkip, Network, OrPool, Scores, Thermometer
from owlbit.hw import reference
from owlbit.hw.ecp5.dataflow.contents import hex_lines
from owlbit.hw.ecp5.dataflow.generate import rtl_sources, verilog
from owlbit.hw.ecp5.dataflow.geometry import legal_foldings
from owlbit.hw.ecp5.dataflow.plan import plan_dataflow
from owlbit.hw.ecp5.dataflow.stages import Plan
from owlbit.hw.ecp5.folding_file import Folding, LayerFolding, weighted_layers
from random_networks import random_images, random_network
from sockets import build, instance, run

CYCLES = 25_000  # of a run, so that the pace of short frames is steady at its end
DIGITS = Path(__file__).parents[4] / "models" / "zoo" / "digits" / "model.onnx"
LARGEST_WORD = 300  # products per cycle in a test


@dataclass(frozen=True)
class Model:
    """Pipelines in one executable, `folder` holds the files of their ROMs."""

    executable: Path
    folder: Path
    plans: list[Plan]
    images: list[NDArray[np.uint8]]


def random_folding(rng: np.random.Generator, network: Network) -> Folding:
    entries = []
    for index, _ in weighted_layers(network):
        legal = legal_foldings(network, index)
        small = [pair for pair in legal if pair[0] * pair[1] <= LARGEST_WORD] or legal[:1]
        memories = [str(rng.choice(["auto", "ebr", "lut"])) for _ in range(2)]
        entries.append(LayerFolding(index, *small[rng.integers(len(small))], *memories))
    return Folding(tuple(entries))


def grouped_network(rng: np.random.Generator) -> Network:
    """Groups, depthwise, shuffles between groups, a stride, pools of both kinds and a skip: several groups are computed at once."""

    def conv(outputs: int, inputs: int, groups: int, size: int, stride: int, side: int) -> BinaryConv:
        weights = rng.integers(0, 2, (outputs, inputs // groups, size, size), dtype=np.uint8)
        middle = inputs // groups * size * size // 2
        return BinaryConv(weights, rng.integers(0, middle * 2 + 2, outputs, dtype=np.int32), groups, (stride, stride), (side,) * 4)

    layers = (
        Thermometer(np.array([[40, 90, 140, 200]])),
        conv(12, 4, 2, 3, 1, 1),
        ChannelShuffle.of_groups(12, 2),
        conv(12, 12, 12, 3, 1, 1),
        LogicSkip(1, "xor"),
        OrPool((3, 3), (2, 2)),
        conv(8, 12, 4, 1, 1, 0),
        ChannelShuffle.of_groups(8, 4),
        conv(8, 8, 2, 2, 2, 0),
        Scores(rng.integers(0, 2, (3, 8), dtype=np.uint8)),
    )
    return Network((1, 7, 6), layers)


def make_model(folder: Path, networks: Sequence[Network], rng: np.random.Generator, optimisation: str = "-O1") -> Model:
    plans = [plan_dataflow(network, random_folding(rng, network)) for network in networks]
    sources, sockets = rtl_sources(), []
    for index, plan in enumerate(plans):
        name = f"owl_dataflow_{index}"
        (folder / f"{name}.v").write_text(verilog(plan, name, f"{name}_"))
        sources.append(folder / f"{name}.v")
        for file, content in plan.contents.items():
            (folder / f"{name}_{file}").write_text(hex_lines(content.bits))
        sockets.append(instance(name, {}, 8, 8))
    images = [random_images(rng, plan.network, int(np.clip(CYCLES // plan.frame_cycles, 3, 60))) for plan in plans]
    return Model(build(folder, sources, sockets, optimisation), folder, plans, images)


def scores(model: Model, gap_seed: int = 0, reset_at: int = 0) -> tuple[list[NDArray[np.int32]], list[list[int]]]:
    """The scores of each network, and the cycle of each frame's last one."""
    given = [np.unpackbits(images.transpose(0, 2, 3, 1).reshape(-1, 1), axis=1, bitorder="little") for images in model.images]
    sizes = [2 * plan.network.classes for plan in model.plans]
    counts = [len(images) * size for images, size in zip(model.images, sizes, strict=True)]
    found = run(model.executable, model.folder, given, counts, gap_seed, reset_at)
    values = [np.packbits(words.data[:, :8], axis=1, bitorder="little").reshape(-1).view("<i2").astype(np.int32) for words in found]
    ends = [words.cycles[size - 1 :: size].tolist() for words, size in zip(found, sizes, strict=True)]
    return [value.reshape(len(images), -1) for value, images in zip(values, model.images, strict=True)], ends


def assert_exact(model: Model, found: Sequence[NDArray[np.int32]]) -> None:
    for plan, images, values in zip(model.plans, model.images, found, strict=True):
        np.testing.assert_array_equal(values, reference.simulate(plan.network, images), err_msg=repr(plan.network))


def assert_all(model: Model) -> None:
    found, ends = scores(model)
    assert_exact(model, found)
    for plan, at in zip(model.plans, ends, strict=True):
        begin = (len(at) - 1) // 2  # where two stages are nearly as slow, frames may take a few cycles more and less in turns
        pace = (at[-1] - at[begin]) / (len(at) - 1 - begin)
        assert abs(pace - plan.frame_cycles) < 1, plan.network
    assert_exact(model, scores(model, gap_seed=1)[0])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    rng = np.random.default_rng(11)
    networks = [load_model(DIGITS), grouped_network(rng), random_network(rng)]
    return make_model(tmp_path_factory.mktemp("pipelines"), networks, rng, "-O0")


def test_scores_and_cycles(model: Model) -> None:
    assert_all(model)


def test_exact_after_a_reset_in_a_frame(model: Model) -> None:
    assert_exact(model, scores(model, 3, reset_at=1501)[0])


def test_a_flipped_weight_is_noticed(model: Model) -> None:
    name = next(name for name in model.plans[0].contents if "weights" in name)
    file = model.folder / f"owl_dataflow_0_{name}"
    text = file.read_text()
    words = model.plans[0].contents[name].bits.copy()
    words[0, 5] ^= 1
    try:
        file.write_text(hex_lines(words))
        found, _ = scores(model)
    finally:
        file.write_text(text)
    network, images = model.plans[0].network, model.images[0]
    assert (found[0] != reference.simulate(network, images)).any()
    np.testing.assert_array_equal(found[1], reference.simulate(model.plans[1].network, model.images[1]))


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(6))
def test_sixty_random_networks(batch: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(100 + batch)
    networks = [random_network(rng, max_channels=40 if index % 2 else 24) for index in range(10)]
    assert_all(make_model(tmp_path, networks, rng, "-O0"))
