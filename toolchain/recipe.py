"""`recipe.toml`: what to train, as frozen dataclasses.

    name = "digits"
    [data]                        # where the images come from
    [input]                       # how pixels become bits
    [[layers]]                    # one table a layer; the scores layer follows from the classes
    [network]                     # or, in place of these two, a network of a paper (see `toolchain.network_recipe`)
    [training]
    [distillation]                # a teacher, if there is one
    [pruning]                     # heavy blocks that fade out, filters that go, if any do

See `models/recipes/` for whole ones, `docs/training.md` for what the keys compute.
Every key is checked; a message names the file, the key, what was expected and what was found.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from export.errors import OwlbitError
from models.layer_table import GATES, Conv, Layer, Linear, Shape, TableError, layer_shapes
from models.network_table import FloatResNet18, NetworkTable
from toolchain.light import LIGHTS
from toolchain.network_recipe import read_network
from toolchain.pruning_recipe import Pruning, read_pruning
from toolchain.typed_table import Limits, RecipeError, read_table

OFFICIAL = ("cifar10", "cifar100", "stl10", "vww", "imagenet")


@dataclass(frozen=True)
class Data:
    """Where images come from and how they are split.

    `source`: "digits" (made from a data set that comes with scikit-learn), "folder" (one folder a class), "npz" (arrays `images`
    and `labels`), one of `OFFICIAL` (see `toolchain.official_sets`; all but "vww" have their own test images), or "none" (no
    images: the network is only measured, with random weights); `path`: the folder or npz, relative to the recipe, or a local copy
    of an official set, left out to fetch cifar10, cifar100 or stl10; `size`: rows and columns; `colour`: "gray" or "rgb";
    `classes`: how many, for source "none" only; `validation`: share of the training images kept for choosing the epoch; `test`: a
    folder or npz of test images, or "" to keep back `test_share` of the images; `flip`: mirror left to right at random; `shift`:
    move by up to so many pixels at random; `light`: "day", "dark" or "mixed", the scene that `toolchain.light` makes of all images.
    """

    source: str
    size: tuple[int, int]
    path: str = ""
    colour: str = "gray"
    classes: int = 0
    validation: float = 0.15
    test: str = ""
    test_share: float = 0.0
    flip: bool = False
    shift: int = 0
    light: str = "day"

    @property
    def colours(self) -> int:
        """C: 1 for gray, 3 for rgb."""
        return 3 if self.colour == "rgb" else 1


@dataclass(frozen=True)
class Input:
    """How pixels become bits: `thresholds` a colour, `shared` by all colours or each colour's own.

    `encoding`: "learned" thresholds, which begin at the data's quantiles or evenly spaced as `start` says; thresholds fixed at
    "quantile" or "uniform" places; or "bit-planes", the eight digits of the pixel, which do not deploy. `window`: how many times
    as wide as at the end the window of the thresholds' gradient is at first. Beside [network] the recipe has no [input], and this
    is `PIXELS`.
    """

    thresholds: int
    encoding: str = "learned"
    start: str = "quantile"
    shared: bool = False
    window: float = 1.0

    @property
    def trained(self) -> bool:
        """Whether training moves the thresholds."""
        return self.encoding == "learned"

    @property
    def placed(self) -> str:
        """Where thresholds are before training: "quantile" or "uniform"."""
        return self.start if self.encoding == "learned" else self.encoding


PIXELS = Input(thresholds=1, encoding="pixels")  # as they are, in place of a thermometer


@dataclass(frozen=True)
class Training:
    """`epochs`; `batch`: images a step; `rate`: of Adam, falling to zero along a cosine; `threshold_rate`: times `rate` for the
    thermometer; `label_smoothing`; `seed`: of weights, order and distortions; `estimator`: of the sign's gradient, "clipped" or
    "triangular"; `stages`: of equal length; with 2 the first has real weights, which decay by `weight_decay`; with 3 one with
    tanh in place of sign comes before them; `precision`: of the arithmetic in training, "float32", or "bfloat16" for the fast form
    of `models.fused`; the finished network is judged and exported in float32 either way; `numbers`: "binary", or "real" for a float
    network of the same layers, to be a teacher."""

    epochs: int = 60
    batch: int = 64
    rate: float = 0.01
    threshold_rate: float = 5.0
    label_smoothing: float = 0.1
    seed: int = 0
    estimator: str = "clipped"
    stages: int = 1
    weight_decay: float = 1e-5
    precision: str = "float32"
    numbers: str = "binary"

    @property
    def real(self) -> bool:
        """Whether the network is a float one."""
        return self.numbers == "real"

    @property
    def fast(self) -> bool:
        """Whether training runs in the fast form."""
        return self.precision == "bfloat16"

    @property
    def stage_borders(self) -> tuple[int, ...]:
        """The epochs that stages begin with, and the number of epochs."""
        return tuple(number * self.epochs // self.stages for number in range(self.stages + 1))


@dataclass(frozen=True)
class Distillation:
    """Learning from a teacher too: `teacher`: "float", the same layers with real numbers, trained first for `epochs` at `rate`, or
    the run folder of a finished training, relative to the recipe; `dense`: the float teacher's convolutions have one group.

    The loss is (1 - `weight`) times that of the labels and `weight` times that of the teacher's logits at `temperature`. With
    `once` the teacher looks at every training image once, plain and mirrored if the recipe flips, instead of at each variation.
    `attention`: weight of attention matching, on top of that. With `progressive` the teacher teaches the first stage alone, and
    each stage the next, the last one by logits only.
    """

    teacher: str
    epochs: int = 30
    rate: float = 0.003
    temperature: float = 4.0
    weight: float = 0.5
    dense: bool = False
    once: bool = False
    attention: float = 0.0
    progressive: bool = False

    @property
    def trained_first(self) -> bool:
        """Whether the teacher is trained within the run."""
        return self.teacher == "float"


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


DATA_LIMITS = {
    "source": Limits(choices=("digits", "folder", "npz", *OFFICIAL, "none")),
    "size": Limits(4, 1024),
    "colour": Limits(choices=("gray", "rgb")),
    "classes": Limits(2, 256),
    "validation": Limits(0.01, 0.9),
    "test_share": Limits(0, 0.9),
    "shift": Limits(0, 64),
    "light": Limits(choices=LIGHTS),
}
INPUT_LIMITS = {
    "thresholds": Limits(1, 128),
    "encoding": Limits(choices=("learned", "uniform", "quantile", "bit-planes")),
    "start": Limits(choices=("quantile", "uniform")),
    "window": Limits(1, 64),
}
LAYER_LIMITS = {
    "filters": Limits(1, 65536),
    "kernel": Limits(1, 15),
    "stride": Limits(1, 8),
    "groups": Limits(1, 65536),
    "pool": Limits(1, 8),
    "skip": Limits(choices=GATES),
    "features": Limits(1, 65536),
}
TRAINING_LIMITS = {
    "epochs": Limits(1, 100000),
    "batch": Limits(2, 65536),
    "rate": Limits(1e-8, 10),
    "threshold_rate": Limits(0, 1000),
    "label_smoothing": Limits(0, 0.9),
    "seed": Limits(0, 2**32 - 1),
    "estimator": Limits(choices=("clipped", "triangular")),
    "stages": Limits(1, 3),
    "weight_decay": Limits(0, 1),
    "precision": Limits(choices=("float32", "bfloat16")),
    "numbers": Limits(choices=("binary", "real")),
}
DISTILLATION_LIMITS = {
    "epochs": Limits(1, 100000),
    "rate": Limits(1e-8, 10),
    "temperature": Limits(0.1, 100),
    "weight": Limits(0, 1),
    "attention": Limits(0, 10000),
}


def load_recipe(path: Path | str) -> Recipe:
    """The recipe in the file `path`. Raises RecipeError, or OwlbitError where the file is missing or not TOML."""
    path = Path(path)
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
    data = read_table(Data, _table(table, "data", path), path, "data", DATA_LIMITS)
    network = read_network(table, (data.colours, *data.size), path)
    training = read_table(Training, table.get("training", {}), path, "training", TRAINING_LIMITS)
    recipe = Recipe(
        name=table.get("name", path.stem),
        data=data,
        input=PIXELS if network else read_table(Input, _table(table, "input", path), path, "input", INPUT_LIMITS),
        layers=tuple(_layer(entry, path, f"layers[{index}]") for index, entry in enumerate(table.get("layers", []))),
        training=replace(training, numbers="real") if isinstance(network, FloatResNet18) else training,
        path=path,
        text=text,
        distillation=_distillation(table, path),
        network=network,
    )
    _check_data(recipe.data, path)
    _check_techniques(recipe.input, recipe.training, path)
    if recipe.distillation is not None:
        _check_distillation(recipe.distillation, recipe.training, path)
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
    """`recipe` with its images taken from `place`, relative to the working folder. Raises RecipeError where it reads none."""
    if recipe.data.source in ("digits", "none"):
        raise RecipeError(recipe.path, "data.source", "a source that reads files, with --data", f'"{recipe.data.source}"')
    return replace(recipe, data=replace(recipe.data, path=str(place.resolve())))


def _check_top(table: Mapping[str, Any], path: Path) -> None:
    read_table(_Top, dict.fromkeys(table, ""), path, "")
    if not isinstance(table.get("name", ""), str):
        raise RecipeError(path, "name", "a text", repr(table["name"]))
    if not isinstance(table.get("layers", []), list):
        raise RecipeError(path, "layers", "a list of tables, each headed [[layers]]", "a table headed [layers]")
    if not isinstance(table.get("training", {}), dict):
        raise RecipeError(path, "training", "a table headed [training]", repr(table["training"]))


def _table(table: Mapping[str, Any], key: str, path: Path) -> Mapping[str, Any]:
    found = table.get(key)
    if not isinstance(found, dict):
        raise RecipeError(path, key, f"a table headed [{key}]", "none" if found is None else repr(found))
    return found


def _layer(entry: Any, path: Path, where: str) -> Layer:
    if not isinstance(entry, dict):
        raise RecipeError(path, where, "a table headed [[layers]]", repr(entry))
    kinds: dict[str, type[Layer]] = {"conv": Conv, "linear": Linear}
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise RecipeError(
            path, f"{where}.kind", Limits(choices=tuple(kinds)).describe(), "no such key" if kind is None else repr(kind)
        )
    return read_table(kinds[kind], {key: value for key, value in entry.items() if key != "kind"}, path, where, LAYER_LIMITS)


def _distillation(table: Mapping[str, Any], path: Path) -> Distillation | None:
    if "distillation" not in table:
        return None
    found = read_table(Distillation, _table(table, "distillation", path), path, "distillation", DISTILLATION_LIMITS)
    if not found.trained_first:
        for key in ("epochs", "rate", "dense"):
            if key in table["distillation"]:
                raise RecipeError(
                    path, f"distillation.{key}", 'no such key unless teacher is "float"', str(table["distillation"][key])
                )
    return found


def _pruning(table: Mapping[str, Any], recipe: Recipe) -> Pruning | None:
    if "pruning" not in table:
        return None
    pruning = _table(table, "pruning", recipe.path)
    if recipe.network is not None:
        raise RecipeError(recipe.path, "pruning", "no such table beside [network]; it prunes [[layers]]", "one")
    deploys = recipe.input.encoding != "bit-planes" and not recipe.training.real
    return read_pruning(pruning, recipe.path, recipe.thermometer_shape, recipe.layers, recipe.training.epochs, deploys=deploys)


def _check_techniques(encoding: Input, training: Training, path: Path) -> None:
    if encoding.encoding == "bit-planes" and encoding.thresholds != 8:
        raise RecipeError(
            path, "input.thresholds", '8, the digits of a pixel, with encoding "bit-planes"', str(encoding.thresholds)
        )
    for key in ("start", "window"):
        if not encoding.trained and getattr(encoding, key) != getattr(Input, key):
            raise RecipeError(path, f"input.{key}", f'no such key with encoding "{encoding.encoding}", which is fixed', "one")
    if encoding.encoding == "bit-planes" and encoding.shared:
        raise RecipeError(path, "input.shared", 'no such key with encoding "bit-planes", which has no thresholds', "true")
    if training.real and training.stages != 1:
        raise RecipeError(path, "training.stages", '1 with numbers = "real", which has no binary stage', str(training.stages))
    if training.epochs < training.stages:
        raise RecipeError(path, "training.epochs", f"at least {training.stages}, one for each stage", str(training.epochs))
    if training.stages == 1 and not training.real and training.weight_decay != Training.weight_decay:
        raise RecipeError(path, "training.weight_decay", "no such key without stages or real numbers", str(training.weight_decay))


def _check_distillation(distillation: Distillation, training: Training, path: Path) -> None:
    if distillation.once and (distillation.attention or distillation.progressive):
        raise RecipeError(
            path, "distillation.once", "no such key with attention or progressive, which need the teacher at each step", "true"
        )
    if distillation.progressive and training.stages == 1:
        raise RecipeError(path, "distillation.progressive", "no such key without stages, each of which teaches the next", "true")
    if not distillation.weight and not distillation.attention:
        raise RecipeError(path, "distillation.weight", "more than 0 where attention is not matched", "0")
    if training.real and distillation.trained_first:
        raise RecipeError(path, "distillation.teacher", 'another run, with numbers = "real"', '"float", the same network')


def _check_data(data: Data, path: Path) -> None:
    if data.source in ("folder", "npz") and not data.path:
        raise RecipeError(path, "data.path", f'a path, with source "{data.source}"', "none")
    if (data.source == "none") != (data.classes > 0):
        wanted = 'a number of classes, with source "none"' if data.source == "none" else 'no such key unless source is "none"'
        raise RecipeError(path, "data.classes", wanted, str(data.classes) if data.classes else "none")
    if data.test and data.test_share:
        raise RecipeError(path, "data.test_share", "no such key beside data.test", str(data.test_share))
    if data.source in OFFICIAL and data.source != "vww" and (data.test or data.test_share):
        key = "test" if data.test else "test_share"
        raise RecipeError(path, f"data.{key}", f'no such key with source "{data.source}", which has its own test images', "one")
    if data.source == "digits" and (data.colour != "gray" or data.test or data.test_share or data.path or data.light != "day"):
        raise RecipeError(
            path, "data", 'only size and validation with source "digits", which is gray and has its own test images', "more"
        )
