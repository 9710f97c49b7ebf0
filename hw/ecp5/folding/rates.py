"""The fitted numbers of the cost model: measured LUTs per LUT that `stage_costs` expects, by kind; written by `measure`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from owlbit.export.files import write_text
from owlbit.hw.ecp5.folding.stage_costs import KINDS, Expected

RATES_FILE = Path(__file__).with_name("rates.json")


@dataclass(frozen=True)
class Rates:
    """LUTs per expected LUT of each kind; `stage`: LUTs of the control of a whole layer. `error`: the largest relative error of the
    LUTs of a layer, among `held_out` layers that the fit did not see."""

    lane: float = 1.0
    ram: float = 1.0
    rom: float = 1.0
    logic: float = 1.0
    stage: float = 80.0
    error: float = 0.0
    held_out: int = 0

    def luts(self, expected: Expected) -> int:
        """LUT sites, rounded."""
        return round(sum(float(getattr(self, kind) * getattr(expected, kind)) for kind in KINDS))

    def save(self, path: Path = RATES_FILE) -> None:
        """Writes the file, whole or not at all."""
        write_text(path, json.dumps(asdict(self), indent=2) + "\n")


def load_rates(path: Path = RATES_FILE) -> Rates:
    """The rates that belong to the RTL beside them."""
    return Rates(**json.loads(path.read_text(encoding="utf-8")))
