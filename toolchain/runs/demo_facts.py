"""demo.json: what `owlbit demo` leaves, for `make bench` to print again; also the sign that the next demo may replace a folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from owlbit.export.errors import OwlbitError
from owlbit.export.files import write_text
from owlbit.export.settings import read_json
from owlbit.hw.verification import Row

FACTS = "demo.json"


@dataclass(frozen=True)
class DemoFacts:
    """What the demo found; while it runs, and after it was stopped, there are no test images.

    `stages`: wall seconds of each; `seconds`: of all; `test_accuracy`: a share 0..1; `weight_bits`: binary weights; `flash_bytes`:
    of the flash image; `cycles_per_frame`: in the simulated Verilog, None where it did not run; `verification`: a row a backend.
    """

    stages: dict[str, float]
    seconds: float
    test_images: int = 0
    test_accuracy: float = 0.0
    weight_bits: int = 0
    flash_bytes: int = 0
    cycles_per_frame: int | None = None
    verification: list[Row] = field(default_factory=list)


def write_demo_facts(folder: Path, facts: DemoFacts) -> None:
    """Writes demo.json."""
    content: dict[str, Any] = {**asdict(facts), "verification": [row.as_json() for row in facts.verification]}
    write_text(folder / FACTS, json.dumps(content, indent=2) + "\n")


def read_demo_facts(folder: Path) -> DemoFacts | None:
    """What the demo in `folder` found; None where none has ended there. Raises OwlbitError where demo.json is damaged."""
    path = folder / FACTS
    try:
        facts = read_json(DemoFacts, path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise OwlbitError(f"{path}: expected what `owlbit demo` writes, could not read it ({error}); run the demo again") from None
    return facts if facts.test_images else None
