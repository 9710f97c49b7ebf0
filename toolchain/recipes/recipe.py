"""`recipe.toml`: what to train, as frozen dataclasses.

    name = "digits"
    [data]                        # where the images come from
    [input]                       # how pixels become bits
    [[layers]]                    # one table a layer; the scores layer follows from the classes
    [network]                     # or, in place of these two, a network of a paper (see `owlbit.toolchain.recipes.network`)
    [training]
    [distillation]                # a teacher, if there is one
    [pruning]                     # heavy blocks that fade out, filters that go, if any do

See `models/recipes/` for whole ones, `docs/training.md` for what the keys compute.
Every key is checked; a message names the file, the key, what was expected and what was found.
"""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from owlbit.export.errors import OwlbitError
from owlbit.models.layer_table import GATES, Conv, Layer, Linear, Shape, TableError, layer_shapes
from owlbit.models.paper_networks import FloatResNet18, NetworkTable
from owlbit.toolchain.recipes.data import PIXELS, Data, Input, read_data, read_input
from owlbit.toolchain.recipes.network import read_network
from owlbit.toolchain.recipes.pruning import Pruning, read_pruning
from owlbit.toolchain.recipes.tables import Limits, SettingError, read_table
from owlbit.toolchain.recipes.training import Distillation, Training, read_distillation, read_training

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """A whole recipe. `path`: the file it came from; `text`: that file, word for word; `network`: in place of `layers`, or None."""

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

    @property
    def input_shape(self) -> Shape:
        """(C, H, W) of an image."""
        return self.data.colours, *self.data.size

    @property
    def thermometer_shape(self) -> Shape:
        """[C*T, H, W]: what the first layer reads."""
        return self.data.colours * self.input.thresholds, *self.data.size


LAYER_LIMITS = {
    "filters": Limits(1, 65536),
    "kernel": Limits(1, 15),
    "stride": Limits(1, 8),
    "groups": Limits(1, 65536),
    "pool": Limits(1, 8),
    "skip": Limits(choices=GATES),
    "features": Limits(1, 65536),
}


def load_recipe(path: Path | str) -> Recipe:
    """The recipe in the file `path`. Raises SettingError, or OwlbitError where the file is missing or not TOML."""
    path = Path(path)
    LOG.info("reading the recipe %s", path)
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except FileNotFoundError:
        raise OwlbitError(f"{path}: expected a recipe, found no such file") from None
    except IsADirectoryError:
        raise OwlbitError(f"{path}: expected a recipe file, found a folder") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OwlbitError(f"{path}: expected a TOML file, got: {error}") from None
    _check_top(table, path)
    data = read_data(_table(table, "data", path), path)
    network = read_network(table, (data.colours, *data.size), path)
    training = read_training(table.get("training", {}), path, real=isinstance(network, FloatResNet18))
    recipe = Recipe(
        name=table.get("name", path.stem),
        data=data,
        input=PIXELS if network else read_input(_table(table, "input", path), path),
        layers=tuple(_layer(entry, path, f"layers[{index}]") for index, entry in enumerate(table.get("layers", []))),
        training=training,
        path=path,
        text=text,
        distillation=read_distillation(_table(table, "distillation", path), path, training) if "distillation" in table else None,
        network=network,
    )
    try:
        layer_shapes(recipe.thermometer_shape, recipe.layers)
    except TableError as error:
        raise OwlbitError(f"{path}: layers[{error.index}].{error.key}: {error}") from None
    return replace(recipe, pruning=_pruning(table, recipe))


@dataclass(frozen=True)
class _Top:
    """The keys of the whole file; only their names are checked with it."""

    name: str = ""
    data: str = ""
    input: str = ""
    layers: str = ""
    network: str = ""
    training: str = ""
    distillation: str = ""
    pruning: str = ""


def with_data(recipe: Recipe, place: Path) -> Recipe:
    """`recipe` with its images taken from `place`, relative to the working folder. Raises SettingError where it reads none."""
    if recipe.data.source in ("digits", "none"):
        raise SettingError(recipe.path, "data.source", "a source that reads files, with --data", f'"{recipe.data.source}"')
    return replace(recipe, data=replace(recipe.data, path=str(place.resolve())))


def _check_top(table: Mapping[str, Any], path: Path) -> None:
    read_table(_Top, dict.fromkeys(table, ""), path, "")
    if not isinstance(table.get("name", ""), str):
        raise SettingError(path, "name", "a text", repr(table["name"]))
    if not isinstance(table.get("layers", []), list):
        raise SettingError(path, "layers", "a list of tables, each headed [[layers]]", "a table headed [layers]")
    if not isinstance(table.get("training", {}), dict):
        raise SettingError(path, "training", "a table headed [training]", repr(table["training"]))


def _table(table: Mapping[str, Any], key: str, path: Path) -> Mapping[str, Any]:
    found = table.get(key)
    if not isinstance(found, dict):
        raise SettingError(path, key, f"a table headed [{key}]", "none" if found is None else repr(found))
    return found


def _layer(entry: Any, path: Path, where: str) -> Layer:
    if not isinstance(entry, dict):
        raise SettingError(path, where, "a table headed [[layers]]", repr(entry))
    kinds: dict[str, type[Layer]] = {"conv": Conv, "linear": Linear}
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise SettingError(
            path, f"{where}.kind", Limits(choices=tuple(kinds)).describe(), "no such key" if kind is None else repr(kind)
        )
    return read_table(kinds[kind], {key: value for key, value in entry.items() if key != "kind"}, path, where, LAYER_LIMITS)


def _pruning(table: Mapping[str, Any], recipe: Recipe) -> Pruning | None:
    if "pruning" not in table:
        return None
    pruning = _table(table, "pruning", recipe.path)
    if recipe.network is not None:
        raise SettingError(recipe.path, "pruning", "no such table beside [network]; it prunes [[layers]]", "one")
    if pruning.get("blocks") and recipe.distillation is not None and recipe.distillation.attention:
        raise SettingError(recipe.path, "pruning.blocks", "no such key beside attention, which is matched block by block", "true")
    deploys = recipe.input.encoding != "bit-planes" and not recipe.training.real
    return read_pruning(pruning, recipe.path, recipe.thermometer_shape, recipe.layers, recipe.training.epochs, deploys=deploys)
