"""Both engines give the reference's scores; the circuit's cycles are near the cost model's, which the fast engine reports."""

from __future__ import annotations

import numpy as np
import pytest

from owlbit.export.errors import OwlbitError
from owlbit.hw import reference
from owlbit.hw.verilator import missing_tools
from owlbit.toolchain.sensing.converters import Reading
from owlbit.toolchain.sensing.engine import FastEngine, RtlEngine, make_engine
from random_networks import random_network
from sensing_tools import demo_network, digits


def readings(count: int) -> list[Reading]:
    images, _ = digits(count)
    bits = reference.thermometer(demo_network().layers[0], images)  # type: ignore[arg-type]
    return [Reading(bits[index : index + 1], images[index : index + 1]) for index in range(count)]


@pytest.mark.skipif(bool(missing_tools()), reason="Verilator or a C++ compiler is missing")
def test_rtl_gives_the_same_scores_and_its_own_cycles() -> None:
    network = demo_network()
    expected = reference.simulate(network, digits(3)[0])
    fast, rtl = FastEngine(network), RtlEngine(network)
    for reading, scores in zip(readings(3), expected, strict=True):
        by_fast, by_rtl = fast.infer(reading), rtl.infer(reading)
        np.testing.assert_array_equal(by_fast.scores, scores)
        np.testing.assert_array_equal(by_rtl.scores, scores)
        np.testing.assert_array_equal(by_rtl.activity, by_fast.activity)
        assert by_fast.cycles is not None and by_rtl.cycles is not None
        assert abs(by_rtl.cycles - by_fast.cycles) / by_rtl.cycles < 0.05


def test_rtl_refuses_bits_that_no_byte_gives() -> None:
    bits = readings(1)[0].bits
    with pytest.raises(OwlbitError, match='level rtl: the engine takes a byte per pixel; use bubbles "count"'):
        RtlEngine(demo_network()).infer(Reading(bits, None))


def test_a_network_beyond_the_engine_has_no_cycles_and_says_so() -> None:
    network = random_network(np.random.default_rng(1), max_size=300, colours=range(5, 6), levels=[16], blocks=1)
    engine = FastEngine(network)
    assert engine.cycles is None
    assert engine.note.startswith("up5k: ") and engine.note.endswith("so there are no cycles, no latency and no energy")
    with pytest.raises(OwlbitError, match="up5k: "):
        make_engine("rtl", network)


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(OwlbitError, match="level 'slow': expected one of fast, rtl"):
        make_engine("slow", demo_network())
