"""From electrons to the network's first bits: the learned thermometer as a bank of comparators, and beside it an 8-bit ADC.

A comparator of the bank stands in every pixel for every threshold. Threshold k of 1..255 lies halfway between the electrons of
values k - 1 and k, so that an ideal pixel gives exactly the bits of the integer network; 0 always fires and 256 never does, and
neither needs a comparator.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Bits, Network, Thermometer
from owlbit.hw.reference import thermometer
from owlbit.toolchain.sensing.sensor import Chip, Electrons, Exposure, Sensor

BUBBLES = ("count", "keep")
ALWAYS, NEVER = 0, 256  # thresholds


@dataclass(frozen=True, eq=False)
class Reading:
    """What leaves the pixel array.

    `bits`: uint8 0 and 1 [N, C*T, H, W]; `codes`: uint8 [N, C, H, W], the pixel values that have just these bits, None where no
    value has them.
    """

    bits: Bits
    codes: NDArray[np.uint8] | None


class Converter(Protocol):
    """Electrons float32 [N, C, H, W] of a chip to a `Reading`; `mismatch`: electrons rms."""

    def read(self, electrons: Electrons, exposure: Exposure, chip: Chip, mismatch: float) -> Reading:
        """Converts a batch."""
        ...


def network_thermometer(network: Network) -> Thermometer:
    """The first layer."""
    layer = network.layers[0]
    assert isinstance(layer, Thermometer)
    return layer


class Comparators:
    """The thermometer in the pixels, no ADC anywhere.

    `bubbles`: what happens where mismatch makes a higher threshold fire and a lower one not. "count" sends how many comparators
    of a pixel fired, as flash converters do, so that the bits are in order again; "keep" sends the bits as they are. Raises
    OwlbitError for another word.
    """

    def __init__(self, sensor: Sensor, thermometer: Thermometer, bubbles: str = "count") -> None:
        if bubbles not in BUBBLES:
            raise OwlbitError(f"bubbles: expected one of {', '.join(BUBBLES)}, got {bubbles!r}")
        self.thermometer = thermometer
        self.bubbles = bubbles
        self.light = sensor.to_light(thermometer.thresholds - 0.5)
        # Per colour: the thresholds that a comparator decides, each once, and where each of them stands first.
        physical = [[level for level in np.unique(row) if ALWAYS < level < NEVER] for row in thermometer.thresholds]
        self.levels = [np.array([0, *levels], np.uint8) for levels in physical]
        self.first = [
            [int(np.flatnonzero(row == level)[0]) for level in levels]
            for row, levels in zip(thermometer.thresholds, physical, strict=True)
        ]

    def references(self, exposure: Exposure) -> NDArray[np.float64]:
        """Electrons float64 [C, T] with which the comparators compare; meaningless for thresholds 0 and 256, which have none."""
        return exposure.dark + exposure.reference * self.light

    def read(self, electrons: Electrons, exposure: Exposure, chip: Chip, mismatch: float) -> Reading:
        """As `Converter.read`."""
        references = self.references(exposure).astype(np.float32)
        if self.bubbles == "keep":
            return Reading(self._raw_bits(electrons, references, chip, mismatch), None)
        codes = np.empty(electrons.shape, np.uint8)
        for colour, (levels, first) in enumerate(zip(self.levels, self.first, strict=True)):
            fired = np.zeros((len(electrons), *electrons.shape[2:]), np.uint8)
            for level in first:
                fired += electrons[:, colour] >= references[colour, level] + np.float32(mismatch) * chip.mismatch[colour, level]
            codes[:, colour] = levels[fired]
        return Reading(thermometer(self.thermometer, codes), codes)

    def _raw_bits(self, electrons: Electrons, references: Electrons, chip: Chip, mismatch: float) -> Bits:
        count, colours, height, width = electrons.shape
        bits = np.empty((count, colours, references.shape[1], height, width), np.uint8)
        for (colour, level), threshold in np.ndenumerate(self.thermometer.thresholds):
            if ALWAYS < threshold < NEVER:
                meets = references[colour, level] + np.float32(mismatch) * chip.mismatch[colour, level]
                bits[:, colour, level] = electrons[:, colour] >= meets
            else:
                bits[:, colour, level] = threshold == ALWAYS
        return bits.reshape(count, -1, height, width)


class Digitiser:
    """A conventional 8-bit converter: electrons to values uint8 [N, C, H, W].

    One comparator serves a column: its offset shifts all values of that column alike. Values are even steps of light; where
    pictures have another tone, a table follows.
    """

    def __init__(self, sensor: Sensor) -> None:
        self.table = np.clip(np.rint(sensor.to_value(np.arange(256) / 255)), 0, 255).astype(np.uint8)

    def __call__(self, electrons: Electrons, exposure: Exposure, chip: Chip, mismatch: float) -> NDArray[np.uint8]:
        """Converts a batch; the arguments are `Converter.read`'s."""
        signal = electrons - np.float32(exposure.dark) - np.float32(mismatch) * chip.columns
        steps = np.clip(np.rint(signal * np.float32(255 / exposure.reference)), 0, 255).astype(np.uint8)
        values: NDArray[np.uint8] = self.table[steps]
        return values


class Adc:
    """An 8-bit converter in front of a thermometer that is logic."""

    def __init__(self, sensor: Sensor, thermometer: Thermometer) -> None:
        self.thermometer = thermometer
        self.digitise = Digitiser(sensor)

    def read(self, electrons: Electrons, exposure: Exposure, chip: Chip, mismatch: float) -> Reading:
        """As `Converter.read`."""
        codes = self.digitise(electrons, exposure, chip, mismatch)
        return Reading(thermometer(self.thermometer, codes), codes)


class BitPlanesAdc:
    """The same converter in front of a network that reads the eight bits of each value: channel c * 8 + k is bit k of colour c."""

    def __init__(self, sensor: Sensor) -> None:
        self.digitise = Digitiser(sensor)

    def read(self, electrons: Electrons, exposure: Exposure, chip: Chip, mismatch: float) -> Reading:
        """As `Converter.read`."""
        codes = self.digitise(electrons, exposure, chip, mismatch)
        return Reading(bit_planes(codes), codes)


def bit_planes(codes: NDArray[np.uint8]) -> Bits:
    """uint8 [N, C, H, W] to bits [N, C*8, H, W]: channel c * 8 + k is bit k, from the least, of colour c."""
    planes: Bits = (codes[:, :, None] >> np.arange(8, dtype=np.uint8)[:, None, None]) & np.uint8(1)
    return planes.reshape(len(codes), -1, *codes.shape[2:])


def bits_network(network: Network) -> Network:
    """The same network that reads bits uint8 [N, C*T, H, W] instead of pixels: every one of its thresholds is 1."""
    channels, height, width = network.shapes[0]
    unit = Thermometer(np.ones((channels, 1), np.int32))
    layers = (unit, *network.layers[1:])
    return replace(network, input_shape=(channels, height, width), layers=layers, input_scale=1.0, input_offset=0.0)


CONVERTERS = ("comparators", "adc")


def make_converter(name: str, sensor: Sensor, network: Network, bubbles: str = "count") -> Converter:
    """The converter of that name in front of `network`. Raises OwlbitError for another name."""
    if name not in CONVERTERS:
        raise OwlbitError(f"converter: expected one of {', '.join(CONVERTERS)}, got {name!r}")
    layer = network_thermometer(network)
    return Comparators(sensor, layer, bubbles) if name == "comparators" else Adc(sensor, layer)
