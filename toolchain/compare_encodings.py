"""Learned, quantile and uniform thresholds side by side: `python -m toolchain.compare_encodings` prints a table in Markdown.

Short trainings of the digits recipe. Accuracy is that of the best epoch on validation images, which choose the epoch as well.
Accuracy on test images is not shown, so a recipe can be chosen by the table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from toolchain.recipe import Recipe, load_recipe
from toolchain.training import train

ENCODINGS = ("learned", "quantile", "uniform")
LEVELS = (2, 4, 8)
SEEDS = (0, 1)
DIGITS = Path(__file__).parents[1] / "models" / "recipes" / "digits.toml"


def variant(recipe: Recipe, encoding: str, levels: int, seed: int, epochs: int) -> Recipe:
    """`recipe` with another encoding and seed, and so many epochs."""
    return replace(
        recipe,
        input=replace(recipe.input, encoding=encoding, thresholds=levels),
        training=replace(recipe.training, seed=seed, epochs=epochs),
    )


def validation_accuracy(recipe: Recipe) -> float:
    """Of the best epoch of a training that leaves nothing behind, 0..1."""
    with tempfile.TemporaryDirectory() as folder:
        result = train(recipe, Path(folder) / "run", console=Console(quiet=True))
    assert result is not None
    return result.validation_accuracy


def table(recipe: Recipe, epochs: int, levels: tuple[int, ...] = LEVELS, seeds: tuple[int, ...] = SEEDS) -> str:
    """A line a number of thresholds, a column an encoding: validation accuracy in percent for every seed."""
    lines = ["| thresholds | " + " | ".join(ENCODINGS) + " |", "|---|" + "---|" * len(ENCODINGS)]
    for count in levels:
        cells = []
        for encoding in ENCODINGS:
            shares = [validation_accuracy(variant(recipe, encoding, count, seed, epochs)) for seed in seeds]
            cells.append(", ".join(f"{100 * share:.1f}" for share in shares))
        lines.append(f"| {count} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Reads --epochs and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m toolchain.compare_encodings", description="Compare input encodings on digits.")
    parser.add_argument("--epochs", type=int, default=12, help="of each of the 18 trainings")
    epochs = parser.parse_args().epochs
    if epochs < 1:
        parser.error(f"--epochs: expected at least 1, got {epochs}")
    sys.stdout.write(table(load_recipe(DIGITS), epochs) + "\n")


if __name__ == "__main__":
    main()
