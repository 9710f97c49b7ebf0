"""The UP5K engine's RTL against the reference simulator: equal integers for every kind of layer; no damaged flash is run."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from owlbit.export.network import BinaryConv, Layer, Network, OrPool, Scores, Thermometer
from owlbit.hw import reference
from owlbit.hw.up5k.build import compile_flash
from owlbit.hw.up5k.compiler.compile_network import Up5kProgram, compile_network
from owlbit.hw.up5k.compiler.flash_format import FLASH_OFFSET, MAGIC, crc32_mpeg2
from owlbit.hw.up5k.simulate import ChipError, ChipRun, simulate_rtl
from owlbit.models.layer_table import Conv
from owlbit.toolchain.benchmarks.simulator_networks import reference96
from owlbit.toolchain.runs.untrained_network import random_bits, untrained_network
from random_networks import Varied, random_conv, random_fitting_network, random_images, random_thermometer

Images = NDArray[np.uint8]


def run_exact(network: Network, images: Images, gap_seed: int = 0) -> tuple[Up5kProgram, ChipRun]:
    """Compiles, simulates, and demands the reference's integers."""
    program = compile_network(network)
    run = simulate_rtl(compile_flash(network), network, images, gap_seed=gap_seed)
    np.testing.assert_array_equal(run.scores, reference.simulate(network, images))
    return program, run


def chain(
    seed: int,
    colours: int,
    levels: int,
    size: tuple[int, int],
    convs: list[tuple[int, int, int, int, bool]],
    classes: int = 10,
    shuffle: bool = False,
) -> Network:
    """A network of (filters, groups, kernel, stride, pool) convolutions, all padded to keep the size."""
    layers = [
        Conv(filters, kernel, stride, groups, pool=1 + pool, shuffle=shuffle) for filters, groups, kernel, stride, pool in convs
    ]
    return untrained_network((colours, *size), levels, layers, classes, Varied(np.random.default_rng(seed)))


@pytest.mark.parametrize("seed", range(24))
def test_random_networks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = random_fitting_network(rng, max_size=12)
    run_exact(network, random_images(rng, network, 3), gap_seed=seed % 2 * (seed + 1))


CASES = {
    "gray T=16, groups of 16, 32 and 64": chain(
        1, 1, 16, (12, 10), [(64, 1, 3, 1, True), (128, 4, 3, 1, False), (128, 4, 3, 1, True)]
    ),
    "shuffled groups": chain(
        2, 1, 16, (8, 8), [(64, 1, 3, 1, False), (128, 4, 3, 1, True), (256, 4, 3, 1, False), (128, 4, 1, 1, False)], shuffle=True
    ),
    "colour T=8": chain(3, 3, 8, (9, 7), [(64, 1, 3, 1, False), (64, 2, 3, 1, False)]),
    "colour T=16": chain(4, 3, 16, (5, 6), [(32, 1, 3, 1, False), (16, 1, 1, 1, False)]),
    "one level": chain(5, 1, 1, (6, 6), [(16, 1, 3, 1, True)]),
    "groups of 24 and of 3": chain(6, 1, 8, (7, 7), [(96, 1, 3, 1, False), (48, 4, 3, 1, False), (32, 16, 3, 1, False)]),
    "depthwise then pointwise": chain(
        7, 1, 16, (8, 6), [(48, 1, 1, 1, False), (48, 48, 3, 2, False), (80, 1, 1, 1, False)], shuffle=True
    ),
    "a group a colour": chain(8, 3, 4, (6, 6), [(48, 3, 3, 1, False)]),
    "stride 2 on odd sizes": chain(9, 1, 16, (11, 13), [(64, 1, 3, 2, False), (64, 2, 3, 2, False)]),
    "odd sizes pooled": chain(10, 1, 4, (11, 7), [(64, 1, 3, 1, True), (32, 1, 3, 1, True)]),
    "256 classes": chain(11, 1, 8, (4, 4), [(64, 1, 3, 1, True)], classes=256),
    "one class": chain(12, 1, 8, (4, 4), [(16, 1, 3, 1, True)], classes=1),
    "dense 128 to 128": chain(13, 1, 16, (6, 4), [(128, 1, 3, 1, False), (128, 1, 3, 1, True)]),
}


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_layer(name: str) -> None:
    network = CASES[name]
    run_exact(network, random_images(np.random.default_rng(0), network, 2))


@pytest.mark.parametrize("kernels", [[(4, 4)], [(3, 3), (4, 3)], [(2, 2), (2, 4), (4, 4)]])
@pytest.mark.parametrize("pool", [False, True])
def test_groups_of_16_under_wide_kernels(kernels: list[tuple[int, int]], pool: bool) -> None:
    """More than nine taps of 16 channels: sums of 8 bits no longer hold them."""
    rng = np.random.default_rng(len(kernels))
    layers: list[Layer] = [random_thermometer(rng, 1, 16, True)]
    shape = (16, 9, 10)
    for index, kernel in enumerate(kernels):
        stride = (2, 1) if kernel == (2, 4) else (1, 1)
        layers.append(random_conv(rng, shape, 52 if index else 64, 4 if index else 1, kernel, stride, (1, 1, 1, 1)))
        shape = layers[-1].output_shape(shape)
        if pool and kernel[0] == 4:
            layers.append(OrPool())
            shape = layers[-1].output_shape(shape)
    network = Network((1, 9, 10), (*layers, Scores(random_bits(rng, 5, int(np.prod(shape))))))
    run_exact(network, random_images(rng, network, 2))


@pytest.mark.parametrize(("channels", "kernel"), [(16, 1), (16, 3), (16, 4), (32, 3), (40, 3)])
def test_every_popcount_meets_every_threshold_near_it(channels: int, kernel: int) -> None:
    """All activations are 1, so a filter with n weights of 1 counts n: it fires at the threshold n and not at n + 1."""
    inputs = channels * kernel * kernel
    ones = np.repeat(np.arange(inputs + 1), 2)
    weights = (np.arange(inputs) < ones[:, None]).astype(np.uint8).reshape(-1, channels, kernel, kernel)
    thresholds = (ones + np.arange(len(ones)) % 2).astype(np.int32)
    counting = BinaryConv(weights, thresholds, 1, (1, 1), (0, 0, 0, 0))
    always = Thermometer(np.arange(1, channels + 1, dtype=np.int32)[None])
    shape = counting.output_shape((channels, kernel, kernel + 1))
    scores = Scores(random_bits(np.random.default_rng(0), 3, int(np.prod(shape))))
    network = Network((1, kernel, kernel + 1), (always, counting, scores))
    images = np.full((1, 1, kernel, kernel + 1), 255, np.uint8)
    np.testing.assert_array_equal(reference.simulate(network, images), [fired(scores, shape)])
    run_exact(network, images)


def fired(scores: Scores, shape: tuple[int, int, int]) -> NDArray[np.int32]:
    """The scores where every second channel fires."""
    bits = (np.arange(shape[0]) % 2 == 0)[:, None].repeat(shape[1] * shape[2], axis=1).reshape(-1)
    return np.asarray(2 * (scores.weights == bits).sum(axis=1) - bits.size, np.int32)


def test_scores_pause_and_pixels_pause() -> None:
    network = CASES["shuffled groups"]
    run_exact(network, random_images(np.random.default_rng(0), network, 3), gap_seed=99)


def test_reference96_is_exact_and_fast() -> None:
    network = reference96()
    program, run = run_exact(network, random_images(np.random.default_rng(0), network, 3))
    assert run.latency_cycles <= 24_000_000 / 44
    assert run.cycles_per_frame <= 24_000_000 / 51
    assert abs(program.cycles_per_frame / run.cycles_per_frame - 1) < 0.01


def test_the_next_frame_comes_in_early() -> None:
    network = reference96()
    program, run = run_exact(network, random_images(np.random.default_rng(1), network, 3))
    assert program.early_input
    assert run.cycles_per_frame < run.latency_cycles - program.input_cycles // 2


@pytest.mark.parametrize("position", [200, 900, 2000])
def test_a_flipped_weight_bit_is_noticed(position: int) -> None:
    network = chain(1, 1, 16, (8, 8), [(64, 1, 3, 1, True)])
    weights = np.array(network.layers[-1].weights)  # type: ignore[union-attr]
    weights.reshape(-1)[position] ^= 1
    flipped = Network(network.input_shape, (*network.layers[:-1], Scores(weights)))
    images = random_images(np.random.default_rng(0), network, 2)
    run = simulate_rtl(compile_flash(flipped), network, images)
    wrong = np.flatnonzero((run.scores != reference.simulate(network, images)).any(axis=0))
    np.testing.assert_array_equal(wrong, [position // weights.shape[1]])


@pytest.fixture(scope="module")
def small() -> tuple[Network, bytes]:
    network = chain(1, 1, 8, (6, 6), [(16, 1, 3, 1, True)])
    return network, compile_flash(network)


def with_checksum(flash: bytes) -> bytes:
    """The same flash with the network's last four bytes made right again."""
    return flash[:-4] + crc32_mpeg2(flash[FLASH_OFFSET:-4]).to_bytes(4, "big")


def damage(flash: bytes, how: str) -> bytes:
    start = FLASH_OFFSET
    match how:
        case "blank":
            return b"\xff" * len(flash)
        case "all zero":
            return bytes(len(flash))
        case "bitstream only":
            return flash[:start]
        case "cut off":
            return flash[:-40]
        case "one bit":
            middle = start + (len(flash) - start) // 2
            return flash[:middle] + bytes([flash[middle] ^ 0x10]) + flash[middle + 1 :]
        case "one bit of the tail":
            return flash[:-10] + bytes([flash[-10] ^ 1]) + flash[-9:]
        case "tail too long":
            return with_checksum(flash[: start + 0x1F] + bytes([flash[start + 0x1F] + 1]) + flash[start + 0x20 :])
        case "checksum":
            return flash[:-1] + bytes([flash[-1] ^ 1])
        case "newer version":
            return with_checksum(flash[: start + 4] + b"\x03" + flash[start + 5 :])
        case "length zero":
            return with_checksum(flash[: start + 6] + b"\x00\x00" + flash[start + 8 :])
        case _:
            return with_checksum(flash[: start + 6] + b"\xff\xff" + flash[start + 8 :])


@pytest.mark.parametrize(
    "how",
    [
        "blank",
        "all zero",
        "bitstream only",
        "cut off",
        "one bit",
        "one bit of the tail",
        "tail too long",
        "checksum",
        "newer version",
        "length zero",
        "length too long",
    ],
)
def test_a_damaged_flash_raises_the_error_pin(small: tuple[Network, bytes], how: str) -> None:
    network, flash = small
    images = random_images(np.random.default_rng(0), network, 1)
    with pytest.raises(ChipError, match="error pin"):
        simulate_rtl(damage(flash, how), network, images)


def test_an_undamaged_flash_does_not(small: tuple[Network, bytes]) -> None:
    network, flash = small
    assert flash[FLASH_OFFSET : FLASH_OFFSET + 4] == MAGIC
    images = random_images(np.random.default_rng(0), network, 1)
    np.testing.assert_array_equal(simulate_rtl(with_checksum(flash), network, images).scores, reference.simulate(network, images))


def test_constant_channels_and_pads_stay_zero() -> None:
    """Channels that always fire meet the padding, where even they are 0."""
    rng = np.random.default_rng(5)
    weights = random_bits(rng, 20, 16, 3, 3)
    always = BinaryConv(weights, np.zeros(20, np.int32), 1, (1, 1), (1, 1, 1, 1))
    counting = random_conv(rng, (20, 5, 5), 24, 4, (3, 3), (1, 1), (1, 1, 1, 1))
    layers = (random_thermometer(rng, 1, 16, True), always, counting, Scores(random_bits(rng, 3, 24 * 25)))
    network = Network((1, 5, 5), layers)
    run_exact(network, random_images(rng, network, 2))
