"""The physical range of every number that `owlbit sense` takes: from the command line, a settings file, or the page.

Wide enough for any sensor that can be bought, narrow enough that no formula of the simulation overflows. A number outside is
refused in one sentence before anything is computed with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from owlbit.export.errors import OwlbitError


@dataclass(frozen=True)
class Range:
    """What a number may be, both ends included, and its `unit` in words."""

    low: float
    high: float
    unit: str = ""

    def check(self, name: str, value: object) -> float:
        """`value` as a float. Raises OwlbitError, which begins with `name`, where it is no number or outside."""
        number = as_number(value)
        if number is None or not self.low <= number <= self.high:
            raise OwlbitError(f"{name}: expected {self.low:g} to {self.high:g}{self.unit and ' '}{self.unit}, got {shown(value)}")
        return number


def as_number(value: object) -> float | None:
    """`value` as a float; None for what is no number, and for an integer that no float can hold. NaN and infinity stay."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def shown(value: object) -> str:
    """`value` for a message: short, whatever it is."""
    number = as_number(value)
    if number is not None:
        return f"{number:g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"an integer of {value.bit_length()} bits"
    text = repr(value) if isinstance(value, str | bool) or value is None else f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:60] + " ..."


LIGHT = Range(0, 1e6, "lux")  # the sun gives 1.2e5
MISMATCH = Range(0, 1000, "mV rms")
FRAME_RATE = Range(0.001, 100_000, "frames per second")

# By the names of `sensor.Sensor`. Dark current, temperature and doubling are such that their product stays below 1e17 electrons in
# the longest exposure; numpy draws Poisson numbers up to 9.2e18.
SENSOR: Mapping[str, Range] = {
    "f_number": Range(0.25, 256),
    "pixel_um": Range(0.01, 1000, "um"),
    "corner_degrees": Range(0, 89, "degrees"),
    "full_well": Range(1, 1e9, "electrons"),
    "white_electrons": Range(1e-3, 1e9, "electrons"),
    "dark_current": Range(0, 1e6, "electrons/s"),
    "dark_doubling": Range(4, 100, "kelvin"),
    "celsius": Range(-273.15, 125, "degrees Celsius"),
    "read_noise": Range(0, 1e6, "electrons rms"),
    "dsnu": Range(0, 1e6, "electrons rms"),
    "prnu": Range(0, 1, "as a share"),
    "conversion_gain": Range(1e-3, 1e5, "uV an electron"),
    "mismatch_mv": MISMATCH,
    "shortest_exposure": Range(1e-9, 1000, "s"),
    "most_gain": Range(1, 1e6),
}

# By the names of `energy.EnergyModel`.
ENERGY: Mapping[str, Range] = {
    "core_volts": Range(0, 100, "V"),
    "halted_amps": Range(0, 1000, "A"),
    "clock_amps": Range(0, 1000, "A"),
    "cell_amps_per_hz": Range(0, 1e-3, "A/Hz"),
    "cells": Range(0, 1e7, "logic cells"),
    "clock_stops": Range(0, 1),
    "comparison_joules": Range(0, 1, "J"),
    "sensor_watts": Range(0, 1e6, "W"),
    "host_watts": Range(0, 1e6, "W"),
    "host_seconds": Range(0, 1e6, "s"),
}
