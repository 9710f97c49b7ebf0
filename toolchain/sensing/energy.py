"""Energy of a frame: an estimate from cycle counts and constants that a user can see and change (`settings.toml`).

With T the frame time, t the time that the engine works, V the core voltage and f the clock:

    fpga    V (I_rest (T - t) + I_busy t),  I_busy = I_clock + cells * i_cell * f,  I_rest = I_halted or, if it runs on, I_clock
    array   comparisons * E_comparison + P_sensor T
    host    P_host T_host for an event, else 0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from owlbit.export.errors import OwlbitError
from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ


@dataclass(frozen=True)
class Constant:
    """`value` in `unit`, and the `source` that it is from."""

    value: float
    unit: str
    source: str


@dataclass(frozen=True)
class EnergyModel:
    """The constants of the formula above, as `settings.toml` explains them."""

    core_volts: Constant
    halted_amps: Constant
    clock_amps: Constant
    cell_amps_per_hz: Constant
    cells: Constant
    clock_stops: Constant
    comparison_joules: Constant
    sensor_watts: Constant
    host_watts: Constant
    host_seconds: Constant

    @property
    def busy_amps(self) -> float:
        """Core current while the engine works."""
        return self.clock_amps.value + self.cells.value * self.cell_amps_per_hz.value * CLOCK_HZ

    @property
    def rest_amps(self) -> float:
        """Core current between frames."""
        return self.halted_amps.value if self.clock_stops.value else self.clock_amps.value

    def changed(self, name: str, value: float) -> EnergyModel:
        """The same with another value of the constant `name`. Raises OwlbitError for an unknown name or a value below 0."""
        names = [each.name for each in fields(self)]
        if name not in names:
            raise OwlbitError(f"energy: expected one of {', '.join(names)}, got {name!r}")
        old: Constant = getattr(self, name)
        new = _read_constant({"value": value, "unit": old.unit}, f"energy: {name}")
        return replace(self, **{name: new})

    def frame_joules(self, cycles: int, frame_s: float, comparisons: int, event: bool) -> dict[str, float]:
        """Joules of one frame by consumer. An engine that is still busy when the next frame comes works all the time."""
        busy_s = min(cycles / CLOCK_HZ, frame_s)
        return {
            "fpga": self.core_volts.value * (self.rest_amps * (frame_s - busy_s) + self.busy_amps * busy_s),
            "array": comparisons * self.comparison_joules.value + self.sensor_watts.value * frame_s,
            "host": self.host_watts.value * self.host_seconds.value if event else 0.0,
        }


def read_energy(tables: Mapping[str, Any], file: Path, defaults: EnergyModel | None = None) -> EnergyModel:
    """The constants in `tables`, one a table; what they leave out is from `defaults`. Raises OwlbitError naming what is wrong."""
    names = [each.name for each in fields(EnergyModel)]
    for name in tables:
        if name not in names:
            raise OwlbitError(f"{file}: energy.{name}: expected one of {', '.join(names)}")
    given = {name: _read_constant(table, f"{file}: energy.{name}") for name, table in tables.items()}
    missing = [name for name in names if name not in given]
    if missing and defaults is None:
        raise OwlbitError(f"{file}: expected energy.{missing[0]}, found none")
    return EnergyModel(**{name: given[name] if name in given else getattr(defaults, name) for name in names})


def _read_constant(table: Any, where: str) -> Constant:
    value = table.get("value") if isinstance(table, dict) else None
    if not isinstance(value, int | float) or isinstance(value, bool) or not (np.isfinite(value) and value >= 0):
        raise OwlbitError(f"{where}: expected a table with a value of at least 0, got {value!r}")
    return Constant(float(value), str(table.get("unit", "")), str(table.get("source", "the user's")))
