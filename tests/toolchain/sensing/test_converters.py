"""Comparators and ADC: an ideal sensor gives exactly the integer network's bits; mismatch acts as its closed form says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network, Scores, Thermometer
from owlbit.hw import fast, reference
from owlbit.toolchain.sensing.converters import Adc, BitPlanesAdc, Comparators, bit_planes, bits_network, make_converter
from owlbit.toolchain.sensing.sensor import Chip, Exposure, PixelArray, Sensor, expose_for
from random_networks import random_images, random_network

ALL_VALUES = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
Z = 4.5


def levels(rows: Sequence[Sequence[int]]) -> Thermometer:
    return Thermometer(np.array(rows, np.int32))


def thermometers() -> list[Thermometer]:
    """Rising thresholds, every one of 0..256, equal ones, unordered ones, two colours."""
    return [
        levels([[18, 31, 45, 59, 200]]),
        levels([range(257)]),
        levels([[0, 0, 100, 100, 256, 256]]),
        levels([[200, 3, 256, 90, 0, 255, 1]]),
        levels([[5, 250], [100, 101]]),
    ]


@pytest.mark.parametrize("tone", ["linear", "srgb"])
@pytest.mark.parametrize("lux", [3.0, 500.0])
@pytest.mark.parametrize("layer", thermometers(), ids=lambda layer: f"{layer.thresholds.shape}")
def test_ideal_comparators_give_the_reference_bits(layer: Thermometer, lux: float, tone: str) -> None:
    sensor = Sensor(tone=tone).ideal()
    frames = np.repeat(ALL_VALUES, len(layer.thresholds), axis=1)
    chip = Chip.make(sensor, frames.shape[1:], layer.thresholds.shape[1], 0)
    exposure = expose_for(sensor, lux, 30)
    electrons = PixelArray(sensor, chip).expose(frames, exposure, np.random.default_rng(0))
    expected = reference.thermometer(layer, frames)
    for bubbles in ("count", "keep"):
        reading = Comparators(sensor, layer, bubbles).read(electrons, exposure, chip, sensor.mismatch_electrons)
        np.testing.assert_array_equal(reading.bits, expected)
    if tone == "linear":
        np.testing.assert_array_equal(Adc(sensor, layer).read(electrons, exposure, chip, 0.0).bits, expected)
        np.testing.assert_array_equal(BitPlanesAdc(sensor).read(electrons, exposure, chip, 0.0).bits, bit_planes(frames))


@pytest.mark.parametrize("seed", range(12))
def test_network_on_bits_is_the_network_on_pixels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng, max_size=8, colours=range(1, 4), levels=[1 + seed % 6], blocks=seed % 4)
    images = random_images(rng, network, 5)
    sensor = Sensor().ideal()
    chip = Chip.make(sensor, network.input_shape, 1 + seed % 6, 0)
    exposure = expose_for(sensor, 100, 30)
    electrons = PixelArray(sensor, chip).expose(images, exposure, rng)
    reading = make_converter("comparators", sensor, network, "keep").read(electrons, exposure, chip, 0.0)
    expected = reference.simulate(network, images)
    np.testing.assert_array_equal(reference.simulate(bits_network(network), reading.bits), expected)
    np.testing.assert_array_equal(fast.simulate(bits_network(network), reading.bits), expected)


@pytest.mark.parametrize("distance", [-1.5, -0.5, 0.0, 1.0])
def test_mismatch_fires_with_the_normal_probability(distance: float) -> None:
    """A comparator `distance` standard deviations above the signal fires with probability Phi(-distance)."""
    sensor, layer, sigma = Sensor().ideal(), levels([[100]]), 50.0
    shape = (1, 200, 200)
    chip = Chip.make(sensor, shape, 1, 2)
    exposure = Exposure(0.01, 4000.0, 4000.0, 0.0)
    bank = Comparators(sensor, layer, "keep")
    electrons = np.full((1, *shape), bank.references(exposure)[0, 0] - distance * sigma, np.float32)
    share = bank.read(electrons, exposure, chip, sigma).bits.mean()
    expected = norm.cdf(-distance)
    assert abs(share - expected) < Z * np.sqrt(expected * (1 - expected) / (200 * 200))


def test_counting_puts_bubbles_in_order_and_keeping_does_not() -> None:
    sensor, layer = Sensor(), levels([range(100, 116)])
    shape = (1, 30, 30)
    chip = Chip.make(sensor, shape, 16, 0)
    exposure = Exposure(0.01, 4000.0, 4000.0, 0.0)
    electrons = np.full((1, *shape), 4000 * 108 / 255, np.float32)
    kept = Comparators(sensor, layer, "keep").read(electrons, exposure, chip, 200.0)
    counted = Comparators(sensor, layer, "count").read(electrons, exposure, chip, 200.0)
    assert (np.diff(kept.bits.astype(int), axis=1) > 0).any()
    assert not (np.diff(counted.bits.astype(int), axis=1) > 0).any()
    np.testing.assert_array_equal(kept.bits.sum(1), counted.bits.sum(1))
    assert counted.codes is not None
    np.testing.assert_array_equal(reference.thermometer(layer, counted.codes), counted.bits)
    assert kept.codes is None


def test_adc_offset_is_one_a_column() -> None:
    sensor, layer = Sensor().ideal(), levels([range(1, 256)])
    shape = (1, 6, 50)
    chip = Chip.make(sensor, shape, 1, 0)
    exposure = Exposure(0.01, 4000.0, 4000.0, 12.0)
    electrons = np.full((1, *shape), 12 + 4000 * 120 / 255, np.float32)
    codes = Adc(sensor, layer).read(electrons, exposure, chip, 100.0).codes
    assert codes is not None
    assert (codes == codes[:, :, :1]).all()
    expected = np.rint(120 - 100 * chip.columns[0, 0].astype(np.float64) * 255 / 4000)
    np.testing.assert_array_equal(codes[0, 0, 0], expected)


def test_adc_saturates_at_both_ends() -> None:
    sensor, layer = Sensor(), levels([[1, 255]])
    chip = Chip.make(sensor, (1, 1, 2), 2, 0)
    electrons = np.array([[[[-50.0, 9000.0]]]], np.float32)
    codes = Adc(sensor, layer).read(electrons, Exposure(0.01, 4000.0, 4000.0, 0.0), chip, 0.0).codes
    np.testing.assert_array_equal(codes, [[[[0, 255]]]])


def test_unknown_words_are_refused() -> None:
    network = Network((1, 1, 1), (levels([[1]]), Scores(np.ones((2, 1), np.uint8))))
    with pytest.raises(OwlbitError, match="bubbles: expected one of count, keep, got 'pop'"):
        make_converter("comparators", Sensor(), network, "pop")
    with pytest.raises(OwlbitError, match="converter: expected one of comparators, adc, got 'dac'"):
        make_converter("dac", Sensor(), network)


def test_noise_alone_moves_bits_of_a_real_sensor() -> None:
    """What keeps the test above from passing whatever the sensor does."""
    sensor, layer = replace(Sensor(), mismatch_mv=0.0), thermometers()[0]
    chip = Chip.make(sensor, (1, 16, 16), 5, 0)
    exposure = expose_for(sensor, 3.0, 30)
    electrons = PixelArray(sensor, chip).expose(ALL_VALUES, exposure, np.random.default_rng(0))
    bits = Comparators(sensor, layer).read(electrons, exposure, chip, 0.0).bits
    assert (bits != reference.thermometer(layer, ALL_VALUES)).any()
