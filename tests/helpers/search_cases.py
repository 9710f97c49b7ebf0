"""A small space to search, and trials that were never trained."""

from __future__ import annotations

from pathlib import Path

from owlbit.toolchain.search.records import FINISHED, Outcome, Trial
from tiny_recipe import recipe_for

SPACE = """
name = "tiny"
extends = "recipe.toml"
[input]
thresholds = { choices = [2, 3] }
[[layers]]
kind = "conv"
filters = { low = 8, high = 24, step = 8 }
pool = 2
[[layers]]
kind = "conv"
filters = 8
groups = { choices = [1, 2, 3] }
repeat = { low = 0, high = 2 }
[training]
epochs = 2
rate = { low = 0.001, high = 0.1, log = true }
[constraints]
target = "up5k"
bits = 4000
[search]
objectives = ["accuracy", "bits"]
trials = 2
finals = 0
"""


def space_file(folder: Path, text: str = SPACE) -> Path:
    """SPACE.toml, the recipe that it extends and its 80 pictures in `folder`."""
    recipe_for(folder)
    (folder / "space.toml").write_text(text)
    return folder / "space.toml"


def trial(
    number: int,
    accuracy: float | None,
    *,
    bits: float = 1000,
    kind: str = FINISHED,
    curve: tuple[float, ...] = (),
    study: tuple[str, int] = ("tpe", 0),
) -> Trial:
    """A trial with these figures, as a study would have it."""
    outcome = Outcome(kind, accuracy, curve, 10.0)
    values = {"input.thresholds": 2 + number % 2, "layers[0].filters": 8}
    return Trial(study, number, kind, values, {}, {"bits": bits}, f"{number}", "", (), outcome, 0.1)
