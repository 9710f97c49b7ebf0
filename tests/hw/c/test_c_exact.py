"""The C files give the reference's integers: random networks, every way to count bits, whole images and rows, under sanitizers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from c_programs import COUNTS, SANITIZERS, assert_exact, needs_gcc
from owlbit.export.network import BinaryConv, BinaryLinear, ChannelShuffle, LogicSkip, Network, OrPool, Scores, Thermometer
from owlbit.hw.c.build import generate
from owlbit.hw.c.host import compile_host, run_host, simulate
from owlbit.hw.reference import simulate as reference
from owlbit.toolchain.runs.untrained_network import random_bits
from random_networks import random_conv, random_images, random_network, random_thermometer, random_thresholds

pytestmark = needs_gcc
ALL = tuple(COUNTS)


def draw(seed: int) -> tuple[Network, np.ndarray]:
    rng = np.random.default_rng(seed)
    network = random_network(rng, max_channels=int(rng.choice([8, 24, 80])), max_size=int(rng.choice([5, 12])))
    return network, random_images(rng, network, 3)


@pytest.mark.parametrize("seed", range(10))
def test_random_networks(tmp_path: Path, seed: int) -> None:
    network, images = draw(seed)
    assert_exact(network, images, tmp_path, COUNTS[ALL[seed % len(ALL)]])


@pytest.mark.parametrize("seed", [20, 21])
def test_sanitizers_find_nothing(tmp_path: Path, seed: int) -> None:
    network, images = draw(seed)
    assert_exact(network, images, tmp_path, (*SANITIZERS, *COUNTS[ALL[seed % 2 * 4]][1:]))


@pytest.mark.slow
@pytest.mark.parametrize("count", ALL)
def test_many_random_networks_under_sanitizers(tmp_path: Path, count: str) -> None:
    for seed in range(100, 130):
        network, images = draw(seed + 1000 * ALL.index(count))
        folder = tmp_path / str(seed)
        folder.mkdir()
        assert_exact(network, images, folder, (*SANITIZERS, *COUNTS[count][1:]))


@pytest.mark.parametrize("count", ALL)
def test_rows_of_many_words(tmp_path: Path, count: str) -> None:
    """Rows longer than the blocks in which bits are counted, all of whose bits may differ; windows that begin within a word."""
    rng = np.random.default_rng(5)
    conv = random_conv(rng, (40, 9, 7), 70, 2, (9, 5), (1, 2), (2, 0, 1, 3))
    # The first filters differ from an image of zeros in all bits, and in none.
    weights = conv.weights.copy()
    weights[0], weights[1] = 1, 0
    conv = BinaryConv(weights, conv.thresholds, 2, (1, 2), (2, 0, 1, 3))
    inputs = int(np.prod(conv.output_shape((40, 9, 7))))
    linear = BinaryLinear(random_bits(rng, 33, inputs), random_thresholds(rng, 33, inputs))
    layers = (Thermometer(np.sort(rng.integers(1, 256, (4, 10)), axis=1)), conv, linear, Scores(random_bits(rng, 3, 33)))
    network = Network((4, 9, 7), layers)
    images = random_images(rng, network, 4)
    images[0], images[1] = 0, 255
    assert_exact(network, images, tmp_path, COUNTS[count])


def test_more_inputs_than_16_bits_count(tmp_path: Path) -> None:
    """Bounds of 32 bits, and counts beyond what one block or a field of 16 bits holds."""
    rng = np.random.default_rng(9)
    linear = BinaryLinear(random_bits(rng, 9, 70_000), random_thresholds(rng, 9, 70_000))
    weights = random_bits(rng, 3, 9)
    network = Network((7, 100, 100), (random_thermometer(rng, 7, 1, True), linear, Scores(weights)))
    images = random_images(rng, network, 3)
    images[0], images[1] = 0, 255
    files = assert_exact(network, images, tmp_path, COUNTS["tricks"])
    assert "typedef uint32_t owl_bound;" in files.source


@pytest.mark.parametrize("gate", ["or", "xor", "mux"])
def test_a_skip_of_a_map_with_other_groups(tmp_path: Path, gate: str) -> None:
    """The earlier map lies in the groups of its own reader, the target in those of another, with a shuffle between."""
    rng = np.random.default_rng(10)
    shape = (72, 3, 5)
    convs = [random_conv(rng, shape, 72, groups, (3, 3), (1, 1), (1, 1, 1, 1)) for groups in (3, 4, 1)]
    skip = LogicSkip(0, gate, random_bits(rng, 72) if gate == "mux" else None)
    shuffle = ChannelShuffle(rng.permutation(72).astype(np.int32))
    layers = (random_thermometer(rng, 2, 36, True), convs[0], shuffle, skip, convs[1], convs[2], LogicSkip(3, gate, skip.select))
    network = Network((2, 3, 5), (*layers, Scores(random_bits(rng, 3, 72 * 15))))
    assert_exact(network, random_images(rng, network, 3), tmp_path, SANITIZERS)


def test_windows_outside_the_map(tmp_path: Path) -> None:
    """Padding larger than the kernel, on every side: windows that touch no pixel, and maps smaller than the kernel."""
    rng = np.random.default_rng(6)
    shape = (6, 2, 3)
    conv = random_conv(rng, shape, 10, 2, (3, 2), (2, 3), (5, 4, 3, 6))
    wide = random_conv(rng, conv.output_shape(shape), 8, 1, (7, 9), (1, 1), (3, 4, 3, 4))
    pool = OrPool((3, 2), (2, 3))
    out = pool.output_shape(wide.output_shape(conv.output_shape(shape)))
    layers = (random_thermometer(rng, 1, 6, True), conv, wide, pool, Scores(random_bits(rng, 2, int(np.prod(out)))))
    network = Network((1, 2, 3), layers)
    assert_exact(network, random_images(rng, network, 4), tmp_path, SANITIZERS)


@pytest.mark.parametrize("whole", [False, True])
def test_factors_and_offsets(tmp_path: Path, whole: bool) -> None:
    """A product and a sum, each rounded to float32: where a compiler made one operation of them, other floats would come out."""
    rng = np.random.default_rng(7)
    network = random_network(rng, max_classes=10)
    factors = rng.integers(0, 3, network.classes) if whole else rng.uniform(0.001, 2, network.classes)
    offsets = rng.integers(-5, 5, network.classes) if whole else rng.normal(0, 3, network.classes)
    named = replace(network, score_factors=factors.astype(np.float32), score_offsets=offsets.astype(np.float32))
    assert named.score_factors is not None
    assert_exact(named, random_images(rng, named, 32), tmp_path, ("-O2", "-march=native"))


def test_equal_scores_give_the_first_class(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    weights = np.repeat(random_bits(rng, 1, 16), 4, axis=0)
    network = Network((1, 4, 4), (Thermometer(np.full((1, 1), 100, np.int32)), Scores(weights)))
    assert_exact(network, random_images(rng, network, 4), tmp_path, ("-O1",))


def test_a_flipped_weight_is_seen(tmp_path: Path) -> None:
    """The comparison fails where it should: one bit of one weight of the scores, which no threshold hides."""
    network, images = draw(2)
    files = generate(network, "net")
    files.write(tmp_path)
    text = (tmp_path / "net.c").read_text()
    start = text.index("_weights[", text.rindex("/* Layer", 0, text.index("static const owl_scores")))
    at = text.index("0x", start)
    digit = text[at + 9]
    (tmp_path / "net.c").write_text(text[: at + 9] + f"{int(digit, 16) ^ 1:x}" + text[at + 10 :])
    found = run_host(compile_host(tmp_path, "net", ("-O1",)), network, images)
    assert (found.scores != reference(network, images)).any()


def test_a_program_of_its_own_takes_what_the_build_has(tmp_path: Path) -> None:
    network, images = draw(3)
    np.testing.assert_array_equal(simulate(network, images), reference(network, images))
