"""What `precision = "auto"` stands for on this machine, told once and kept in the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from owlbit.toolchain.recipes.recipe import Recipe
from owlbit.toolchain.runs.processor import CPUINFO, fast_precision, native_bfloat16
from owlbit.toolchain.training.distributed import accelerator

AUTO = "auto"


def automatic_precision(cpuinfo: Path = CPUINFO) -> tuple[str, str]:
    """(precision, why): bfloat16 where the device multiplies such numbers natively, else float32 in its fast form.

    bfloat16 without native instructions takes several times as long as float32.
    """
    if accelerator() == "cuda":
        return "bfloat16", "on a GPU"
    native = native_bfloat16(cpuinfo)
    why = (
        f"which this processor multiplies natively ({native})"
        if native
        else "since this processor does not multiply bfloat16 natively"
    )
    return fast_precision(native), why


def with_precision(recipe: Recipe, precision: str) -> Recipe:
    """`recipe` and the trainings before it with `precision` where they say "auto"."""
    before = tuple(with_precision(each, precision) for each in recipe.before)
    if recipe.training.precision != AUTO:
        return replace(recipe, before=before)
    return replace(recipe, before=before, training=replace(recipe.training, precision=precision))


def asks_for(recipe: Recipe, precision: str) -> bool:
    """Whether a training of `recipe`, or one before it, names `precision`."""
    return any(each.training.precision == precision for each in (*recipe.before, recipe))
