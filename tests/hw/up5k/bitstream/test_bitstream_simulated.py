"""The packed bitstream, simulated, gives the reference's integers in the RTL's cycles; damaged weights or logic give others."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from owlbit.export.network import Network, OrPool, Scores
from owlbit.hw import reference
from owlbit.hw.up5k.bitstream.plan import ENGINE_BIN
from owlbit.hw.up5k.bitstream.unpack import missing_tools, unpack_bitstream
from owlbit.hw.up5k.build import compile_flash
from owlbit.hw.up5k.simulate import ChipError, simulate_bitstream, simulate_rtl
from owlbit.hw.verilator import missing_tools as missing_verilator
from owlbit.toolchain.runs.untrained_network import random_bits
from random_networks import random_conv, random_images, random_thermometer

Images = NDArray[np.uint8]
MISSING = missing_tools() + missing_verilator()
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"missing: {MISSING}")


@pytest.fixture(scope="module")
def network() -> Network:
    """Every mode of the lanes: dense on 16, groups of 16, 32 and 64 channels, a pool, a linear layer of scores."""
    rng = np.random.default_rng(5)
    convs = []
    shape = (16, 8, 8)
    for filters, groups in ((64, 1), (64, 4), (64, 2), (64, 1)):
        convs.append(random_conv(rng, shape, filters, groups, (3, 3), (1, 1), (1, 1, 1, 1)))
        shape = convs[-1].output_shape(shape)
    scores = Scores(random_bits(rng, 10, 64 * 4 * 4))
    return Network((1, 8, 8), (random_thermometer(rng, 1, 16, learned=True), *convs[:2], OrPool(), *convs[2:], scores))


@pytest.fixture(scope="module")
def images(network: Network) -> Images:
    return random_images(np.random.default_rng(6), network, 2)


def flash(network: Network) -> bytes:
    return compile_flash(network)


def test_it_is_exact_and_keeps_the_cycles(network: Network, images: Images) -> None:
    gates, rtl = simulate_bitstream(flash(network), network, images), simulate_rtl(flash(network), network, images)
    np.testing.assert_array_equal(gates.scores, reference.simulate(network, images))
    np.testing.assert_array_equal(gates.scores, rtl.scores)
    assert (gates.boot_cycles, gates.cycles_per_frame) == (rtl.boot_cycles, rtl.cycles_per_frame)


def test_one_flipped_weight_bit_is_noticed(network: Network, images: Images) -> None:
    last = network.layers[-1]
    assert isinstance(last, Scores)
    weights = last.weights.copy()
    weights[3, 17] ^= 1
    wrong = replace(network, layers=(*network.layers[:-1], Scores(weights)))
    changed = simulate_bitstream(flash(wrong), network, images).scores != reference.simulate(network, images)
    assert changed[:, 3].all() and changed.sum() == len(images)


@pytest.mark.slow
def test_flipped_logic_is_noticed(network: Network, images: Images, tmp_path: Path) -> None:
    _, chip, *_ = unpack_bitstream(ENGINE_BIN)
    # The sum of three bits, as in the lanes' popcounts, decoded as (a ? (b ? c : !c) : ...).
    total = re.search(r"/\* LUT +(\d+) +(\d+) +(\d+) \*/ \(n\d+ \? \(n\d+ \? (n\d+) : !\4\)", chip.read_text(encoding="utf-8"))
    assert total is not None
    x, y, lut = (int(number) for number in total.groups()[:3])
    subprocess.run(["iceunpack", ENGINE_BIN, tmp_path / "chip.asc"], check=True)
    lines = (tmp_path / "chip.asc").read_text(encoding="ascii").splitlines()
    # A logic tile has two rows of 54 bits a cell; columns 36 to 43 of both are the truth table: invert the first half.
    row = lines.index(f".logic_tile {x} {y}") + 1 + 2 * lut
    lines[row] = lines[row][:36] + "".join("10"[int(bit)] for bit in lines[row][36:44]) + lines[row][44:]
    (tmp_path / "wrong.asc").write_text("\n".join([*lines, ""]), encoding="ascii")
    subprocess.run(["icepack", "-s", tmp_path / "wrong.asc", tmp_path / "wrong.bin"], check=True)
    try:
        scores = simulate_bitstream(
            flash(network), network, images, bitstream=tmp_path / "wrong.bin", cache=tmp_path / "cache"
        ).scores
    except ChipError:
        return
    assert (scores != reference.simulate(network, images)).any()
