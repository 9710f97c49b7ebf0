"""Class, margin and wake-up on the chip for ranked scores of every size: factors and offsets, ties, one class and many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from board_chips import Rig, flash_of_image, rig, small_network
from chip_golden import Golden, Policy
from chip_host import Host
from owlbit.export.network import Network, Scores
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.hw.up5k.compiler.flash_format import NetworkImage
from owlbit.hw.up5k.self_test import make_self_test
from owlbit.hw.up5k.wake_policy import ChipPolicy

POLICY = Policy(needed=2, of=4, margin=1, hold_off_frames=1, quiet=(1,))
Table = list[tuple[int, int]]


def images(count: int, board: Rig, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, *board.network.input_shape), dtype=np.uint8).repeat(2, 0)


def with_table(board: Rig, table: Table) -> bytes:
    """A flash whose scores rank by a factor and an offset for each class."""
    network, policy = board.network, board.policy
    image = NetworkImage(
        words=compile_network(network).words,
        input_shape=network.input_shape,
        classes=network.classes,
        name="with a table",
        policy=ChipPolicy(policy.needed, policy.of, policy.margin, policy.hold_off_frames, policy.quiet),
        class_table=np.array(table, np.int32),
        self_test=make_self_test(network),
    )
    return flash_of_image(board.board, image)


def check(board: Rig, frames: NDArray[np.uint8], table: Table | None = None) -> Golden:
    """Pushes frames and demands the golden results."""
    factors, offsets = (list(column) for column in zip(*table, strict=True)) if table else (None, None)
    golden = Golden(board.network, board.policy, factors, offsets)
    expected = golden.results(frames, pushed=True)
    with board.start({"absent": 1}, flash=with_table(board, table) if table else None) as chip:
        host = Host(chip)
        chip.run(30_000)
        assert host.status(tries=3).self_test == 1
        for frame, wanted in zip(frames, expected, strict=True):
            assert host.push(frame[0]) == wanted
        assert host.status().wakes == sum(result.wake for result in expected)
    return golden


@pytest.mark.parametrize("margin", [0, 3_000, 1_000_000_000])
def test_factors_and_offsets(margin: int) -> None:
    board = rig(network=small_network(8, 8), policy=replace(POLICY, margin=margin))
    most = 512  # inputs of a class: no score is larger
    rng = np.random.default_rng(margin)
    largest = 2**31 - 1
    table: Table = [(0, largest), (0, -largest - 1), (1, 0), (-1, 0)]
    for bits in (3, 11, 15, 16, 17, 21):
        factor = int(rng.integers(-(1 << bits), 1 << bits))
        room = largest - abs(factor) * most
        table.append((factor, int(rng.integers(-room, room))))
    table = [table[index] for index in (2, 9, 4, 8, 3, 7, 5, 6, 1, 0)]
    if margin != 1_000_000_000:
        table[-1] = (25, -40)  # else one class would always win
    check(board, images(3, board, 2), table)


def test_equal_scores_go_to_the_first_class() -> None:
    network = small_network(8, 8)
    last = network.layers[-1]
    assert isinstance(last, Scores)
    weights = np.array(last.weights)
    weights[[2, 5, 9]] = weights[7]
    weights[[4, 8]] = weights[0]
    board = rig(network=Network(network.input_shape, (*network.layers[:-1], Scores(weights))), policy=replace(POLICY, margin=0))
    golden = check(board, images(3, board, 3))
    assert golden.network.classes == 10


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("icesugar", 1),
        ("icesugar", 2),
        pytest.param("icesugar", 140, marks=pytest.mark.slow),
        pytest.param("upduino", 256, marks=pytest.mark.slow),
    ],
)
def test_one_class_and_many(name: str, classes: int) -> None:
    network = small_network(8, 8, classes)
    policy = replace(POLICY, quiet=tuple(range(3, classes, 5)), needed=1)
    board = rig(name, network=network, policy=policy)
    check(board, images(2, board, classes))
