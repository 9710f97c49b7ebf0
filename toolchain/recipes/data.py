"""The tables `[data]` and `[input]` of a recipe: where the images come from, and how their pixels become bits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from owlbit.export.settings import RefusedError
from owlbit.models.recipe_keys import OneOf, key

LIGHTS = ("day", "dark", "mixed")
OFFICIAL = ("cifar10", "cifar100", "stl10", "vww", "imagenet")
SOURCES = ("digits", "folder", "npz", *OFFICIAL, "none")

Groups = tuple[tuple[str, tuple[str, ...]], ...]
Renamed = tuple[tuple[str, str], ...]
Side = Annotated[int, key("", 4, 1024)]
Share = Annotated[float, key("", 0.1, 2)]


def _check_zoom(zoom: tuple[float, float]) -> tuple[float, float]:
    if zoom[0] > zoom[1]:
        raise RefusedError("", "the lowest first", f"[{zoom[0]}, {zoom[1]}]")
    return zoom


Zoom = Annotated[tuple[Share, Share], AfterValidator(_check_zoom)]


def _read_groups(table: Any) -> Any:
    """[data.groups] as `Groups`; what is no table stays as it is."""
    if not isinstance(table, dict):
        raise RefusedError("", "a table of lists of classes", repr(table))
    for name, classes in table.items():
        if not isinstance(classes, list) or not classes or not all(isinstance(each, str) for each in classes):
            raise RefusedError(name, "a list of classes", repr(classes))
    named = [each for classes in table.values() for each in classes]
    twice = sorted(each for each, count in Counter(named).items() if count > 1)
    if twice:
        raise RefusedError("", "every class in one group at most", f'"{twice[0]}" more than once')
    if len(table) == 1:
        raise RefusedError("", "at least two groups", "one")
    return tuple((name, tuple(classes)) for name, classes in table.items())


_GROUPS_SCHEMA = {
    "type": "object",
    "description": "new classes by name, each a list of the source's classes that it takes in; images of the others are left out",
    "additionalProperties": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    "minProperties": 2,
}


def _read_renamed(table: Any) -> Any:
    """[data.extra.rename] as `Renamed`; what is no table stays as it is."""
    if not isinstance(table, dict):
        raise RefusedError("", "a table of class names", repr(table))
    for name, other in table.items():
        if not isinstance(other, str):
            raise RefusedError(name, "the name of a class", repr(other))
    return tuple(table.items())


_RENAMED_SCHEMA = {
    "type": "object",
    "description": "classes of this set that have another name in data.source, with that name",
    "additionalProperties": {"type": "string"},
}
SIDES = {"cifar10": (32, 32), "cifar100": (32, 32), "stl10": (96, 96)}  # rows and columns of the images as published


@dataclass(frozen=True)
class Extra:
    """More images to train on, from another set: those of the classes that both sets have.

    They are enlarged or reduced to `data.size`, and varied as the others are. Validation and test images are none of them.
    """

    source: Annotated[str, OneOf("where the additional images come from", ("folder", "npz", *SIDES))]
    path: Annotated[str, key("as data.path, for these images")] = ""
    share: Annotated[float, key("share of the images of an epoch that are drawn at random from this set", 0.01, 0.95)] = 0.5
    rename: Annotated[Renamed, BeforeValidator(_read_renamed), WithJsonSchema(_RENAMED_SCHEMA)] = ()


def _check_extra(extra: Extra) -> Extra:
    if extra.source in ("folder", "npz") and not extra.path:
        raise RefusedError("path", f'a path, with source "{extra.source}"', "none")
    return extra


@dataclass(frozen=True)
class Data:
    """Where images come from and how they are split.

    Source "digits" is made from the embedded digits; "folder" is one folder per class, "npz" an archive of
    arrays `images` and `labels`, "none" no images: the network is only measured, with random weights. The others are published
    sets (see `owlbit.toolchain.data.published_sets`), all but "vww" with their own test images.
    """

    source: Annotated[str, OneOf("where the images come from", SOURCES)]
    size: Annotated[tuple[Side, Side], Field(description="rows and columns of an image")]
    path: Annotated[
        str,
        key(
            "the folder or npz, relative to the recipe, or a local copy of a published set; without this key cifar10, "
            "cifar100 and stl10 are downloaded"
        ),
    ] = ""
    colour: Annotated[str, OneOf("whether an image has one channel or three", ("gray", "rgb"))] = "gray"
    classes: Annotated[int, key('number of classes, for source "none" only', 2, 256)] = 0
    validation: Annotated[float, key("share of the training images used to choose the epoch", 0.01, 0.9)] = 0.15
    test: Annotated[str, key("a folder or npz of test images, relative to the recipe")] = ""
    test_share: Annotated[float, key("share of the images used as test images, if there is no `test`", 0, 0.9)] = 0.0
    flip: Annotated[bool, key("mirror training images left to right at random")] = False
    shift: Annotated[int, key("move training images at random by up to this many pixels", 0, 64)] = 0
    zoom: Annotated[
        Zoom, Field(description="smallest and largest side of the random window of a training image, relative to the image")
    ] = (1.0, 1.0)
    exposure: Annotated[float, key("multiply training images by a random factor from exp(-exposure) to exp(exposure)", 0, 2)] = 0.0
    tint: Annotated[float, key("the same for each colour separately", 0, 1)] = 0.0
    cutout: Annotated[int, key("side in pixels of a gray square that covers part of a training image", 0, 512)] = 0
    light: Annotated[str, OneOf("the light on the scene, in all images", LIGHTS)] = "day"
    skip_bad: Annotated[bool, key("leave out pictures of a folder that cannot be read, and list them in the run")] = False
    groups: Annotated[Groups, BeforeValidator(_read_groups), WithJsonSchema(_GROUPS_SCHEMA)] = ()
    extra: Annotated[
        Annotated[Extra, AfterValidator(_check_extra)] | None,
        Field(description="more images to train on, from another set; see below"),
    ] = None

    @property
    def colours(self) -> int:
        """C: 1 for gray, 3 for rgb."""
        return 3 if self.colour == "rgb" else 1


@dataclass(frozen=True)
class Input:
    """How pixels become bits; beside [network] a recipe has no [input], and this is `PIXELS`.

    Encoding "learned" is thresholds that training moves; "quantile" and "uniform" are fixed ones; "bit-planes" are the eight digits
    of the pixel, which do not deploy.
    """

    thresholds: Annotated[int, key("thresholds T per colour", 1, 128)]
    encoding: Annotated[
        str,
        OneOf(
            "trained thresholds, fixed ones, or the binary digits of the pixel",
            ("learned", "uniform", "quantile", "bit-planes"),
        ),
    ] = "learned"
    start: Annotated[
        str, OneOf("where learned thresholds begin: at the data's quantiles or evenly spaced", ("quantile", "uniform"))
    ] = "quantile"
    shared: Annotated[bool, key("one set of thresholds for all colours, not one per colour")] = False
    window: Annotated[float, key("initial width of the thresholds' gradient window, relative to its final width", 1, 64)] = 1.0

    @property
    def trained(self) -> bool:
        """Whether training moves the thresholds."""
        return self.encoding == "learned"

    @property
    def placed(self) -> str:
        """Where thresholds are before training: "quantile" or "uniform"."""
        return self.start if self.encoding == "learned" else self.encoding


PIXELS = Input(thresholds=1, encoding="pixels")  # as they are, in place of a thermometer


def _check_data(data: Data) -> Data:
    if data.skip_bad and data.source != "folder":
        raise RefusedError("skip_bad", 'no such key unless source is "folder"', "true")
    if data.extra is not None and data.source in ("digits", "none"):
        raise RefusedError("extra", f'no such table with source "{data.source}"', "one")
    if data.groups and data.source in ("digits", "none"):
        raise RefusedError("groups", f'no such table with source "{data.source}"', "one")
    if data.source in ("folder", "npz") and not data.path:
        raise RefusedError("path", f'a path, with source "{data.source}"', "none")
    if (data.source == "none") != (data.classes > 0):
        wanted = 'a number of classes, with source "none"' if data.source == "none" else 'no such key unless source is "none"'
        raise RefusedError("classes", wanted, str(data.classes) if data.classes else "none")
    if data.test and data.test_share:
        raise RefusedError("test_share", "no such key beside data.test", str(data.test_share))
    if data.source in OFFICIAL and data.source != "vww" and (data.test or data.test_share):
        name = "test" if data.test else "test_share"
        raise RefusedError(name, f'no such key with source "{data.source}", which has its own test images', "one")
    if data.source == "digits" and data != Data("digits", data.size, validation=data.validation):
        raise RefusedError("", 'only size and validation with source "digits", which is gray and has its own test images', "more")
    return data


def _check_input(encoding: Input) -> Input:
    if encoding.encoding == "bit-planes" and encoding.thresholds != 8:
        raise RefusedError("thresholds", '8, the digits of a pixel, with encoding "bit-planes"', str(encoding.thresholds))
    for name in ("start", "window"):
        if not encoding.trained and getattr(encoding, name) != getattr(Input, name):
            raise RefusedError(name, f'no such key with encoding "{encoding.encoding}", which is fixed', "one")
    if encoding.encoding == "bit-planes" and encoding.shared:
        raise RefusedError("shared", 'no such key with encoding "bit-planes", which has no thresholds', "true")
    return encoding


DataTable = Annotated[Data, AfterValidator(_check_data)]
InputTable = Annotated[Input, AfterValidator(_check_input)]
