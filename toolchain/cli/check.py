"""`owlbit check`: whether a recipe fits, before it is trained, and the two lines of the same that `owlbit train` begins with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from owlbit.toolchain.cli.errors import FAILED
from owlbit.toolchain.cli.terminal import ExtraData, SkipBad, out

if TYPE_CHECKING:
    from owlbit.toolchain.checks.check_recipe import RecipeCheck


def check(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe.toml: data, layers, training.", show_default=False)],
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A local copy of the images: a folder or archive (default: the recipe's data.path)."),
    ] = None,
    extra_data: ExtraData = None,
    skip_bad: SkipBad = False,
    target: Annotated[
        str, typer.Option(metavar="TARGET", help="The target to check for: up5k, ecp5-25f, ecp5-45f, ecp5-85f or finn.")
    ] = "up5k",
) -> None:
    """Check a recipe before training: whether its network fits, its cost, its images, and the training time.

    Trains nothing and needs no torch. Bits, cycles, frames per second and the memory map are those of the finished network; the
    time per epoch is an estimate for this processor. If the network does not fit TARGET, the command suggests changes that make it
    fit, each of them tested, and ends with exit code 1.

    Example: `owlbit check models/recipes/digits.toml`
    """
    from owlbit.export.errors import OwlbitError
    from owlbit.toolchain.checks.check_recipe import check_recipe
    from owlbit.toolchain.checks.targets import TARGETS
    from owlbit.toolchain.data.load_dataset import load_dataset
    from owlbit.toolchain.recipes.recipe import load_recipe

    if target not in TARGETS:
        raise OwlbitError(f"--target: expected one of {', '.join(TARGETS)}, got {target!r}")
    loaded = load_recipe(recipe, data, extra_data, skip_bad=skip_bad)
    dataset = None if loaded.data.source == "none" else load_dataset(loaded.data, loaded.path.parent, extra=True)
    found = check_recipe(loaded, dataset)
    show(found)
    row = found.target(target)
    if row is None or not row.fits:
        raise SystemExit(FAILED)


def show(found: RecipeCheck) -> None:
    """Prints everything that a check found."""
    from owlbit.toolchain.cli.tables import check_tables

    out.print(found.recipe.name, highlight=False, markup=False, style="bold")
    for table in check_tables(found):
        out.print(table)
    for row in found.targets:
        out.print(
            f"{row.target}: {'fits: ' + row.summary if row.fits else 'does not fit'}", highlight=False, markup=False, soft_wrap=True
        )
    if found.images:
        out.print(found.summary[1], highlight=False, markup=False, soft_wrap=True)
    for line in found.warnings:
        out.print(f"warning: {line}", highlight=False, markup=False, style="yellow", soft_wrap=True)
