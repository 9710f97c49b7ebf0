"""`recipe.toml`: what to train, as frozen dataclasses.

    name = "digits"
    extends = "other.toml"        # what this file does not say is said there (see `owlbit.toolchain.recipes.extends`)
    [data]                        # where the images come from
    [input]                       # how pixels become bits
    [[layers]]                    # one table a layer; the scores layer follows from the classes
    [network]                     # or, in place of these two, a network of a paper (see `owlbit.toolchain.recipes.network`)
    [training]
    [distillation]                # a teacher, if there is one
    [pruning]                     # heavy blocks that fade out, filters that go, if any do
    [[restarts]]                  # further trainings, each from the weights of the one before, if there are any

See `models/recipes/` for whole ones, `docs/recipes.md` for all keys, `docs/training.md` for what they compute.
Every key is checked; a message names the file, the key, what was expected and what was found.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from owlbit.export.settings import Key, SettingError, checked
from owlbit.models.layer_table import Layer, Shape
from owlbit.models.paper_networks import NetworkTable
from owlbit.toolchain.recipes.data import PIXELS, Data, Input
from owlbit.toolchain.recipes.extends import merged, read_recipe_tables
from owlbit.toolchain.recipes.pruning import Pruning
from owlbit.toolchain.recipes.recipe_file import RecipeFile
from owlbit.toolchain.recipes.training import Distillation, Training

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """A whole recipe.

    `path`: the file it came from; `text`: that file, word for word, or with all that it extends; `network`: in place of `layers`,
    or None. Of a recipe with [[restarts]] the fields say the last training, which makes the network; `before`: those that come
    before it, in order; `tables`: what this training alone would be said by.
    """

    name: str
    data: Data
    input: Input
    layers: tuple[Layer, ...]
    training: Training
    path: Path
    text: str = field(repr=False)
    distillation: Distillation | None = None
    network: NetworkTable | None = None
    pruning: Pruning | None = None
    before: tuple[Recipe, ...] = ()
    tables: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def input_shape(self) -> Shape:
        """(C, H, W) of an image."""
        return self.data.colours, *self.data.size

    @property
    def thermometer_shape(self) -> Shape:
        """[C*T, H, W]: what the first layer reads."""
        return self.data.colours * self.input.thresholds, *self.data.size


def load_recipe(
    path: Path | str, data: Path | str | None = None, extra_data: Path | str | None = None, *, skip_bad: bool = False
) -> Recipe:
    """The recipe in the file `path`. Raises SettingError, or OwlbitError where the file is missing or not TOML.

    `data`, `extra_data`, `skip_bad`: for `with_data`, `with_extra_data` and `without_bad`, where they are given.
    """
    path = Path(path)
    LOG.info("reading the recipe %s", path)
    found = read_recipe_tables(path)
    recipe = recipe_of(found.tables, path, found.text, found.file_of)
    if data is not None:
        recipe = with_data(recipe, Path(data))
    if extra_data is not None:
        recipe = with_extra_data(recipe, Path(extra_data))
    return without_bad(recipe) if skip_bad else recipe


def recipe_of(tables: Mapping[str, Any], path: Path, text: str, file_of: Callable[[Key], Path] | None = None) -> Recipe:
    """The recipe that `tables` say; `path`, `text`: as in `Recipe`; `file_of`: as in `checked`. Raises SettingError."""
    tables = dict(_with_present_names(tables, path))
    whole = checked(RecipeFile, tables, path, file_of=file_of)
    restarts = tables.pop("restarts", [])
    trainings = [_recipe(whole, path, text, tables)]
    for number, changes in enumerate(restarts):
        tables = merged(tables, changes)
        place = path if file_of is None else file_of(("restarts",))
        file = checked(RecipeFile, tables, place, ("restarts", number))
        later = _recipe(file, path, text, tables)
        trainings.append(replace(later, training=replace(later.training, from_run="")))
    return replace(trainings[-1], before=tuple(trainings[:-1]))


def _recipe(file: RecipeFile, path: Path, text: str, tables: Mapping[str, Any]) -> Recipe:
    return Recipe(
        name=path.stem if file.name is None else file.name,
        data=file.data,
        input=file.input or PIXELS,
        layers=file.layers,
        training=file.training_of_network,
        path=path,
        text=text,
        distillation=file.distillation,
        network=file.network,
        pruning=file.pruning,
        tables=tables,
    )


def _with_present_names(tables: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """`tables` with the names that keys have now; each other name is logged."""
    distillation = tables.get("distillation")
    if not isinstance(distillation, Mapping) or "once" not in distillation or "cache_logits" in distillation:
        return tables
    LOG.warning("%s: distillation.once: this key is now called cache_logits", path)
    renamed = {("cache_logits" if name == "once" else name): value for name, value in distillation.items()}
    return {**tables, "distillation": renamed}


def with_data(recipe: Recipe, place: Path) -> Recipe:
    """`recipe` with its images taken from `place`, relative to the working folder. Raises SettingError where it reads none."""
    if recipe.data.source in ("digits", "none"):
        raise SettingError(recipe.path, "data.source", "a source that reads files, with --data", f'"{recipe.data.source}"')
    before = tuple(with_data(each, place) for each in recipe.before)
    return replace(recipe, data=replace(recipe.data, path=str(place.resolve())), before=before)


def with_extra_data(recipe: Recipe, place: Path) -> Recipe:
    """`recipe` with its additional images taken from `place`, relative to the working folder. Raises SettingError without
    [data.extra]."""
    if recipe.data.extra is None:
        raise SettingError(recipe.path, "data.extra", "a table of additional images, with --extra-data", "none")
    before = tuple(each if each.data.extra is None else with_extra_data(each, place) for each in recipe.before)
    extra = replace(recipe.data.extra, path=str(place.resolve()))
    return replace(recipe, data=replace(recipe.data, extra=extra), before=before)


def without_bad(recipe: Recipe) -> Recipe:
    """`recipe` that goes on without pictures which cannot be read. Raises SettingError where it reads no folder of pictures."""
    if recipe.data.source != "folder":
        raise SettingError(recipe.path, "data.source", '"folder", with --skip-bad', f'"{recipe.data.source}"')
    before = tuple(without_bad(each) for each in recipe.before)
    return replace(recipe, data=replace(recipe.data, skip_bad=True), before=before)
