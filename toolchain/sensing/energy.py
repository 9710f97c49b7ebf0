"""Energy of a frame: an estimate from cycle counts and constants that a user can see and change (`settings.toml`).

With T the frame time, t the time that the engine works, V the core voltage and f the clock:

    fpga    V (I_rest (T - t) + I_busy t),  I_busy = I_clock + cells * i_cell * f,  I_rest = I_halted or, if it runs on, I_clock
    array   comparisons * E_comparison + P_sensor T
    host    P_host T_host for an event, else 0
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Annotated, Any

from pydantic import BeforeValidator

from owlbit.export.errors import OwlbitError
from owlbit.export.settings import RefusedError
from owlbit.hw.up5k.board import Board
from owlbit.hw.up5k.board_flash import bitstream_facts
from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ
from owlbit.models.recipe_keys import key
from owlbit.toolchain.sensing.ranges import ENERGY, as_number, shown


def _check_value(table: Any) -> Any:
    """`table` where it has a value that a constant can have."""
    value = table.get("value") if isinstance(table, dict) else None
    number = as_number(value)
    if number is None or not 0 <= number < float("inf"):
        raise RefusedError("", "a table with a value of at least 0", shown(value))
    return table


@dataclass(frozen=True)
class Constant:
    """`value` in `unit`, and the `source` that it is from."""

    value: Annotated[float, key("a number of at least 0")]
    unit: Annotated[str, key("its unit")] = ""
    source: Annotated[str, key("who measured it, a data sheet, or that it is an assumption")] = "the user's"


ConstantTable = Annotated[Constant, BeforeValidator(_check_value)]


@dataclass(frozen=True)
class EnergyModel:
    """The constants of the formula above, as `settings.toml` explains them."""

    core_volts: ConstantTable
    halted_amps: ConstantTable
    clock_amps: ConstantTable
    cell_amps_per_hz: ConstantTable
    cells: ConstantTable
    clock_stops: ConstantTable
    comparison_joules: ConstantTable
    sensor_watts: ConstantTable
    host_watts: ConstantTable
    host_seconds: ConstantTable

    def __post_init__(self) -> None:
        """Raises OwlbitError for a constant outside its range."""
        for name, allowed in ENERGY.items():
            allowed.check(f"energy.{name}.value", getattr(self, name).value)

    def busy_amps(self, clock_hz: float = CLOCK_HZ) -> float:
        """Core current while the engine works."""
        return self.clock_amps.value + self.cells.value * self.cell_amps_per_hz.value * clock_hz

    @property
    def rest_amps(self) -> float:
        """Core current between frames."""
        return self.halted_amps.value if self.clock_stops.value else self.clock_amps.value

    def changed(self, name: str, value: float) -> EnergyModel:
        """The same with another value of the constant `name`. Raises OwlbitError for an unknown name or a value below 0."""
        names = [each.name for each in fields(self)]
        if name not in names:
            raise OwlbitError(f"energy: expected one of {', '.join(names)}, got {shown(name)}")
        old: Constant = getattr(self, name)
        try:
            _check_value({"value": value})
        except RefusedError as error:
            raise OwlbitError(f"energy: {name}: {error}") from None
        return replace(self, **{name: Constant(float(value), old.unit)})

    def on_board(self, board: Board) -> EnergyModel:
        """The same for a board: the cells of its bitstream, and a clock that stops between frames only where that makes it stop."""
        source = f"the bitstream of the board {board.name}"
        stops = Constant(float(board.clock_gating), self.clock_stops.unit, source)
        used = (bitstream_facts(board) or {}).get("used", {}).get("logic cells")
        cells = self.cells if used is None else Constant(float(used), self.cells.unit, source)
        return replace(self, clock_stops=stops, cells=cells)

    def frame_joules(
        self, cycles: int, frame_s: float, comparisons: int, event: bool, clock_hz: float = CLOCK_HZ
    ) -> dict[str, float]:
        """Joules of one frame by consumer. An engine that is still busy when the next frame comes works all the time."""
        busy_s = min(cycles / clock_hz, frame_s)
        return {
            "fpga": self.core_volts.value * (self.rest_amps * (frame_s - busy_s) + self.busy_amps(clock_hz) * busy_s),
            "array": comparisons * self.comparison_joules.value + self.sensor_watts.value * frame_s,
            "host": self.host_watts.value * self.host_seconds.value if event else 0.0,
        }
