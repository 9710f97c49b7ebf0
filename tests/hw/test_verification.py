"""Verification: what each row says, and that a single wrong integer or a missing tool is never reported as exact."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import BinaryConv, Network, OrPool, Scores, Thermometer
from owlbit.hw.reference import simulate
from owlbit.hw.verification import Backend, Images, NotRun, Outcome, Row, any_wrong, compare, describe_difference, format_table


@pytest.fixture
def network() -> Network:
    draw = np.random.default_rng(1)
    return Network(
        (1, 6, 4),
        (
            Thermometer(np.array([[32, 96, 160, 224]], dtype=np.int32)),
            BinaryConv(draw.integers(0, 2, (6, 4, 3, 3), np.uint8), draw.integers(0, 38, 6, np.int32), padding=(1, 1, 1, 1)),
            OrPool(),
            Scores(draw.integers(0, 2, (3, 6 * 3 * 2), np.uint8)),
        ),
    )


@pytest.fixture
def images() -> Images:
    return np.random.default_rng(2).integers(0, 256, (7, 1, 6, 4), dtype=np.uint8)


def compared(network: Network, images: Images, backends: Sequence[Backend]) -> list[Row]:
    """The rows of `backends` behind the reference simulator of `network`."""
    return list(compare(Backend("reference", len(images), lambda given: Outcome(simulate(network, given))), images, backends))


def flip_one_weight(network: Network) -> Network:
    scores = network.layers[-1]
    assert isinstance(scores, Scores)
    weights = scores.weights.copy()
    weights[0, 0] ^= 1
    return Network(network.input_shape, (*network.layers[:-1], Scores(weights)))


def test_rows_come_in_order_with_the_reference_first(network: Network, images: Images) -> None:
    seen: list[int] = []

    def count_and_simulate(given: Images) -> Outcome:
        seen.append(len(given))
        return Outcome(simulate(network, given), cycles_per_frame=240_000)

    def refuse(_: Images) -> Outcome:
        raise NotRun("frobnicate is not installed")

    backends = [Backend("many", 5, count_and_simulate), Backend("none", 9, refuse), Backend("all", 99, count_and_simulate)]
    rows = compared(network, images, backends)
    assert [(row.backend, row.status, row.images) for row in rows] == [
        ("reference", "reference", 7),
        ("many", "exact", 5),
        ("none", "not run", 0),
        ("all", "exact", 7),
    ]
    assert seen == [5, 7]
    assert rows[1].frames_per_second == 100.0
    assert rows[2].note == "frobnicate is not installed"
    assert not any_wrong(rows)


def test_one_flipped_weight_is_seen(network: Network, images: Images) -> None:
    wrong = flip_one_weight(network)
    rows = compared(network, images, [Backend("flipped", 7, lambda given: Outcome(simulate(wrong, given)))])
    assert rows[1].status == "differs"
    assert rows[1].note.startswith("7 of 21 scores differ, first at image 0, class 0: expected ")
    assert any_wrong(rows)


def test_a_score_of_the_wrong_shape_differs(network: Network, images: Images) -> None:
    rows = compared(network, images, [Backend("short", 7, lambda given: Outcome(simulate(network, given)[:3]))])
    assert (rows[1].status, rows[1].note) == ("differs", "expected scores [7, 3], got [3, 3]")


def test_a_backend_that_refuses_has_failed_and_the_next_is_still_run(network: Network, images: Images) -> None:
    def refuse(_: Images) -> Outcome:
        raise OwlbitError("the flash holds no whole network")

    backends = [Backend("refusing", 7, refuse), Backend("next", 2, lambda given: Outcome(simulate(network, given)))]
    rows = compared(network, images, backends)
    assert [(row.status, row.note) for row in rows[1:]] == [("failed", "the flash holds no whole network"), ("exact", "")]
    assert any_wrong(rows)


def test_a_fault_in_a_backend_is_not_hidden(network: Network, images: Images) -> None:
    def fail(_: Images) -> Outcome:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        compared(network, images, [Backend("broken", 1, fail)])


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([[1, -3], [5, 7]], ""),
        ([[1, -3], [5, 8]], "1 of 4 scores differ, first at image 1, class 1: expected 7, got 8"),
        ([[2, -4], [5, 7]], "2 of 4 scores differ, first at image 0, class 0: expected 1, got 2"),
    ],
)
def test_differences_are_counted_and_placed(scores: NDArray[np.int32], expected: str) -> None:
    assert describe_difference(np.array([[1, -3], [5, 7]], dtype=np.int32), np.array(scores)) == expected


def test_table_and_json() -> None:
    rows = [
        Row("reference", "reference", 12, 0.5),
        Row("rtl", "exact", 3, 12.25, 888_000),
        Row("bitstream", "not run", 0, 0.0, note="icebox_vlog is missing"),
    ]
    assert format_table(rows).splitlines() == [
        "backend    images  verdict    cycles/frame  frames/s at 24 MHz  seconds",
        "---------  ------  ---------  ------------  ------------------  -------",
        "reference  12      reference  -             -                   0.50",
        "rtl        3       exact      888,000       27.0                12.25",
        "bitstream  -       not run    -             -                   0.00",
        "",
        "bitstream: icebox_vlog is missing",
    ]
    assert json.loads(json.dumps([row.as_json() for row in rows]))[1] == {
        "backend": "rtl",
        "status": "exact",
        "images": 3,
        "seconds": 12.25,
        "cycles_per_frame": 888_000,
        "clock_hz": 24_000_000,
        "frames_per_second": 27.03,
        "note": "",
    }


def test_another_clock_gives_another_rate() -> None:
    row = Row("ecp5-rtl", "exact", 3, 1.0, 50_000, clock_hz=100e6)
    assert row.as_json()["frames_per_second"] == 2000.0
    assert format_table([row]).splitlines()[0] == "backend   images  verdict  cycles/frame  frames/s at 100 MHz  seconds"
    assert "clock_hz" not in Row("fast", "exact", 3, 1.0).as_json()
