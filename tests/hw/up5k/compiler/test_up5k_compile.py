"""The UP5K compiler: its flash format, where it puts things, and the sentences with which it refuses what does not fit."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from owlbit.export.network import BinaryConv, ChannelShuffle, Layer, LogicSkip, Network, OrPool, Scores
from owlbit.hw.up5k.build import build_up5k, compile_flash, network_image
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.hw.up5k.compiler.flash_format import FLASH_OFFSET, crc32_mpeg2
from owlbit.hw.up5k.compiler.layout import INERT, lay_out_map
from owlbit.hw.up5k.compiler.legality import MEMORY_WORDS, Up5kError
from owlbit.hw.up5k.compiler.passes import plan_passes
from owlbit.hw.up5k.compiler.stages import split_stages
from owlbit.toolchain.runs.untrained_network import random_bits
from random_networks import random_conv, random_fitting_network, random_network, random_thermometer


def network_of(*layers: Layer, shape: tuple[int, int, int] = (1, 8, 8), levels: int = 16, classes: int = 10) -> Network:
    """A thermometer, the given layers, and scores over what they leave."""
    rng = np.random.default_rng(0)
    every: list[Layer] = [random_thermometer(rng, shape[0], levels, True), *layers]
    current = shape
    for layer in every:
        current = layer.output_shape(current)
    return Network(shape, (*every, Scores(random_bits(rng, classes, int(np.prod(current))))))


def conv(channels: int, filters: int, groups: int = 1, kernel: int = 3, pad: int = 1, size: int = 8) -> BinaryConv:
    rng = np.random.default_rng(1)
    return random_conv(rng, (channels, size, size), filters, groups, (kernel, kernel), (1, 1), (pad,) * 4)


def test_checksum_is_the_catalogued_one() -> None:
    assert crc32_mpeg2(b"123456789") == 0x0376E6E7  # the check value of CRC-32/MPEG-2


def test_checksum_of_data_and_checksum_is_zero() -> None:
    data = bytes(range(200))
    assert crc32_mpeg2(data + crc32_mpeg2(data).to_bytes(4, "big")) == 0


def test_living_maps_never_overlap() -> None:
    for seed in range(30):
        network = random_fitting_network(np.random.default_rng(seed), max_size=20)
        program = compile_network(network)
        regions = program.regions
        for first, second in [(0, index) for index in range(1, len(regions))] + [(i, i + 1) for i in range(1, len(regions) - 1)]:
            a, b = regions[first], regions[second]
            assert a.start + a.words <= b.start or b.start + b.words <= a.start
        assert all(region.start + region.words <= MEMORY_WORDS for region in regions)


def test_every_filter_is_computed_once_and_no_nibble_twice() -> None:
    for seed in range(30):
        network = random_network(np.random.default_rng(seed), plain=True, max_channels=100, linear=False, blocks=4, skip=False)
        _, stages = split_stages(network)
        layouts = [lay_out_map(writer, reader) for writer, reader in itertools.pairwise(stages)]
        for writer, reads, writes in zip(stages[1:], layouts, [*layouts[1:], None], strict=False):
            slots = [slot for each in plan_passes(writer, reads, writes) for slot in each.slots if slot is not None]
            computed = sorted(chosen for slot in slots for chosen in slot.filters if chosen != INERT)
            assert computed == list(range(writer.filters))
            assert len({slot.nibble for slot in slots}) == len(slots)


def test_a_shuffle_of_groups_costs_no_cycles() -> None:
    plain = network_of(conv(16, 64), conv(64, 64, 4))
    shuffled = network_of(conv(16, 64), ChannelShuffle.of_groups(64, 4), conv(64, 64, 4))
    assert compile_network(plain).cycles_per_frame == compile_network(shuffled).cycles_per_frame


def test_build_writes_bitstream_and_network(tmp_path: Path) -> None:
    network = network_of(conv(16, 32))
    program = build_up5k(network, tmp_path)
    flash = (tmp_path / "flash.bin").read_bytes()
    assert flash[FLASH_OFFSET:] == network_image(network, program)
    assert len(flash) < 256 * 1024
    report = json.loads((tmp_path / "build.json").read_text())
    assert report["flash_bytes"] == len(flash)
    assert report["cycles_per_frame"] == program.cycles_per_frame
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["build.json", "flash.bin"]


def test_equal_networks_give_equal_flash() -> None:
    assert compile_flash(network_of(conv(16, 32))) == compile_flash(network_of(conv(16, 32)))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (network_of(conv(16, 16, kernel=5, pad=2)), r"conv1 has a 5x5 kernel; up to 4x4 fits"),
        (network_of(conv(16, 16, kernel=3, pad=2)), r"conv1 has a padding of 2; 0 and 1 fit"),
        (network_of(conv(16, 16), OrPool((3, 3), (2, 2))), r"pool1 pools 3x3 every 2x2; 2x2 every 2x2 fits"),
        (network_of(OrPool()), r"pool1 pools what no convolution directly before it made"),
        (network_of(conv(16, 16), OrPool(), OrPool()), r"pool2 pools what no convolution"),
        (
            network_of(conv(16, 16), LogicSkip(0, "or"), conv(16, 16), LogicSkip(2, "xor")),
            r"skip1 is a logic skip; the engine has none, as it keeps only the map that a layer reads and the one that it writes",
        ),
        (network_of(classes=257), r"257 classes; up to 256 fit"),
        (network_of(shape=(1, 260, 4), levels=1), r"260x4; up to 256x256 fit"),
        (network_of(levels=65), r"128 bits per pixel, inert ones included, 64 too many"),
        (
            network_of(conv(16, 512), OrPool(), conv(512, 512, size=4), OrPool()),
            r"weights and descriptors take \d+ words of 64 bits, \d+ too many",
        ),
        (network_of(conv(16, 512, size=96), shape=(1, 96, 96)), r"[\d,]+ inputs per filter, inert ones included, [\d,]+ too many"),
        (
            network_of(conv(16, 128, size=96), conv(128, 64, 2, size=96), OrPool(), OrPool(), shape=(1, 96, 96)),
            r"pools what no convolution",
        ),
    ],
)
def test_refusals_name_the_layer_and_say_by_how_much(network: Network, message: str) -> None:
    with pytest.raises(Up5kError, match="^up5k: .*" + message):
        compile_network(network)


def test_maps_too_large_for_the_memory() -> None:
    layers: list[Layer] = [conv(16, 128, size=96)]
    for width, size in ((128, 96), (16, 48), (16, 24)):
        layers += [conv(width, 16, size=size), OrPool()]
    with pytest.raises(Up5kError, match=r"\d+ too many; 16384 fit \(\d+ kbit over\)"):
        compile_network(network_of(*layers, shape=(1, 96, 96)))
