"""Accuracy of many simulated chips against mismatch, light and frame rate: learned thermometer, uniform one, and 8-bit ADC.

Every point exposes the same labelled frames on the same chips with the same noise for all systems, so that what differs is the
converter and the network behind it. The interval is that of a two-way bootstrap: chips and frames are both drawn anew with
replacement (A. B. Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1, 2007), as both are samples and every frame meets
every chip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Network
from owlbit.hw.fast import FastNetwork, compile_fast
from owlbit.toolchain.data.dataset import Labelled
from owlbit.toolchain.sensing.converters import Adc, BitPlanesAdc, Comparators, Converter, bits_network, network_thermometer
from owlbit.toolchain.sensing.sensor import Chip, PixelArray, Sensor, expose_for

MISMATCHES = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)  # mV rms
LIGHTS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0, 10_000.0)  # lux
RATES = (1.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)  # frames/s
RESAMPLES, CONFIDENCE = 1000, 0.95


@dataclass(frozen=True, eq=False)
class System:
    """A converter and the network behind it; `make(sensor)` is the converter, `levels` its comparators per pixel and colour."""

    name: str
    packed: FastNetwork
    levels: int
    make: Callable[[Sensor], Converter]


def systems_of(name: str, network: Network) -> list[System]:
    """Two systems of one network: its thermometer as comparators in the pixels, and as logic behind an 8-bit ADC."""
    layer = network_thermometer(network)
    packed, levels = compile_fast(bits_network(network)), layer.thresholds.shape[1]
    return [
        System(f"{name}, comparators", packed, levels, lambda sensor: Comparators(sensor, layer)),
        System(f"{name}, ADC", packed, levels, lambda sensor: Adc(sensor, layer)),
    ]


def bit_planes_system(network: Network) -> System:
    """The system of a network that reads the eight bits of an ADC's values."""
    return System("bit planes, ADC", compile_fast(network), 1, BitPlanesAdc)


@dataclass(frozen=True)
class Point:
    """One measured point: a row of the CSV. `accuracy`, `low`, `high`: shares; the latter two bound the confidence interval."""

    sweep: str
    value: float
    unit: str
    system: str
    accuracy: float
    low: float
    high: float
    chips: int
    images: int


@dataclass(frozen=True)
class Condition:
    """Under what one point is measured: the swept quantity, and all three."""

    sweep: str
    value: float
    unit: str
    mismatch_mv: float
    lux: float
    rate: float


def conditions(sensor: Sensor, lux: float, rate: float) -> list[Condition]:
    """All three sweeps, the other two quantities held at `sensor`'s mismatch, `lux` and `rate`."""
    mismatch = sensor.mismatch_mv
    return [
        *(Condition("mismatch", value, "mV", value, lux, rate) for value in MISMATCHES),
        *(Condition("light", value, "lux", mismatch, value, rate) for value in LIGHTS),
        *(Condition("frame rate", value, "frames/s", mismatch, lux, value) for value in RATES),
    ]


def measure(
    systems: Sequence[System], data: Labelled, sensor: Sensor, condition: Condition, chips: int, seed: int = 0
) -> Iterator[Point]:
    """One point a system: `data` seen by chips number `seed`, `seed` + 1, ..."""
    own = replace(sensor, mismatch_mv=condition.mismatch_mv)
    exposure = expose_for(own, condition.lux, condition.rate)
    right = np.empty((len(systems), chips, len(data)), bool)
    converters = [system.make(own) for system in systems]
    shape = (data.images.shape[1], data.images.shape[2], data.images.shape[3])
    for chip in range(chips):
        # Of one seed, chips for any number of comparators have the same pixels.
        made = {levels: Chip.make(own, shape, levels, seed + chip) for levels in {system.levels for system in systems}}
        noise = np.random.default_rng((seed + chip, 1))
        electrons = PixelArray(own, next(iter(made.values()))).expose(data.images, exposure, noise)
        for index, (system, converter) in enumerate(zip(systems, converters, strict=True)):
            reading = converter.read(electrons, exposure, made[system.levels], own.mismatch_electrons)
            right[index, chip] = system.packed.network.ranked(system.packed.simulate(reading.bits)).argmax(1) == data.labels
    for system, own_right in zip(systems, right, strict=True):
        low, high = interval(own_right, seed)
        accuracy = float(own_right.mean())
        yield Point(condition.sweep, condition.value, condition.unit, system.name, accuracy, low, high, chips, len(data))


def interval(right: NDArray[np.bool_], seed: int = 0) -> tuple[float, float]:
    """Bounds of the mean of bool [chips, frames] by the two-way bootstrap."""
    draw = np.random.default_rng(seed)
    chips, frames = right.shape
    weights = draw.multinomial(chips, np.full(chips, 1 / chips), RESAMPLES) / chips
    shares = draw.multinomial(frames, np.full(frames, 1 / frames), RESAMPLES) / frames
    means = ((weights @ right) * shares).sum(1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
