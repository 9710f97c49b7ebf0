"""`owlbit pack` and `owlbit adopt`: training on a machine without network, and what comes back from there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.cli.errors import when_stopped
from owlbit.toolchain.cli.terminal import ExtraData, out

MEGABYTE = 1_000_000


@when_stopped("stopped; nothing was written")
def pack(
    recipes: Annotated[
        list[Path], typer.Argument(metavar="RECIPE...", help="Recipes, in the order of training.", show_default=False)
    ],
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder for the parts.", show_default=False)],
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A local copy of the images (default: each recipe's data.path).")
    ] = None,
    extra_data: ExtraData = None,
    part: Annotated[int, typer.Option("--part-mb", metavar="MB", min=1, help="Largest size of a part.")] = 58,
    python: Annotated[str, typer.Option(metavar="VERSION", help="Python version of the other machine.")] = "3.12",
    wheels: Annotated[
        bool, typer.Option("--wheels/--no-wheels", help="Download the packages that a machine with torch often lacks.")
    ] = True,
) -> None:
    """Pack trainings for a machine without network access: images, recipes, owlbit, and a script that trains for fixed times.

    On that machine copy the files of all parts into one FOLDER, and run `python3 FOLDER/there.py FOLDER OUT MINUTES...` with the
    minutes for each recipe. OUT gets the run folders; copy them back for `owlbit adopt`. A teacher's recipe precedes its student's.

    Example: `owlbit pack models/recipes/cifar10_resnet9.toml models/recipes/cifar10_866k.toml --data DIR --out packed`
    """
    from owlbit.toolchain.recipes.recipe import load_recipe, with_extra_data
    from owlbit.toolchain.training.offline.pack import WHEELS, pack_training

    loaded = [load_recipe(path, data) for path in recipes]
    if extra_data is not None:
        loaded = [with_extra_data(recipe, extra_data) if recipe.data.extra is not None else recipe for recipe in loaded]
    packed = pack_training(
        loaded, folder, part * MEGABYTE, python=python, wheels=WHEELS if wheels else (), progress=lambda line: out.print(line)
    )
    for place, size in packed.parts:
        typer.echo(f"packed: {place}, {size / MEGABYTE:.1f} MB")
    typer.echo(f"there: python3 FOLDER/there.py FOLDER OUT {' '.join(f'MINUTES_OF_{name}' for name in packed.recipes)}")


@when_stopped("stopped; {folder} is incomplete: give --overwrite the next time")
def adopt(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder from the other machine.", show_default=False)],
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe that was packed.", show_default=False)],
    folder: Annotated[Path, typer.Option("--out", metavar="RUN", help="The run folder to make.", show_default=False)],
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A local copy of the images (default: the recipe's data.path).")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing run.")] = False,
) -> None:
    """Turn a training from another machine into a run, and evaluate its validation and test images here.

    Example: `owlbit adopt back/cifar10_866k models/recipes/cifar10_866k.toml --data DIR --out runs/cifar10_866k`
    """
    from owlbit.toolchain.cli.train import tell_result
    from owlbit.toolchain.recipes.recipe import load_recipe

    if run.resolve() == folder.resolve():
        raise OwlbitError(f"{folder}: expected another folder than that of the run; choose another one")
    loaded = load_recipe(recipe, data)
    from owlbit.toolchain.training.offline.adopt import adopt_run  # torch: a bad recipe is told without waiting for it

    tell_result(folder, adopt_run(run, loaded, folder, out, overwrite=overwrite))
