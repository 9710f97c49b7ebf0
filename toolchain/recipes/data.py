"""The tables `[data]` and `[input]` of a recipe: where the images come from, and how their pixels become bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from owlbit.toolchain.recipes.tables import Limits, SettingError, read_table

LIGHTS = ("day", "dark", "mixed")
OFFICIAL = ("cifar10", "cifar100", "stl10", "vww", "imagenet")


Groups = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Data:
    """Where images come from and how they are split.

    `source`: "digits" (made from a data set that comes with scikit-learn), "folder" (one folder a class), "npz" (arrays `images`
    and `labels`), one of `OFFICIAL` (see `owlbit.toolchain.data.published_sets`; all but "vww" have their own test images), or
    "none" (no images: the network is only measured, with random weights); `path`: the folder or npz, relative to the recipe, or a
    local copy of an official set, left out to fetch cifar10, cifar100 or stl10; `size`: rows and columns; `colour`: "gray" or
    "rgb"; `classes`: how many, for source "none" only; `validation`: share of the training images kept for choosing the epoch;
    `test`: a folder or npz of test images, or "" to keep back `test_share` of the images; `flip`: mirror left to right at random;
    `shift`: move by up to so many pixels at random; `light`: "day", "dark" or "mixed", the scene that
    `owlbit.toolchain.data.illumination` makes of all images; `groups`: new classes, each a name and the classes of the source that
    it takes in, as a table [data.groups]; images of the others are left out.
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
    groups: Groups = ()

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


def read_data(table: Mapping[str, Any], path: Path) -> Data:
    """The table `[data]` of the recipe `path`. Raises SettingError."""
    keys = {key: value for key, value in table.items() if key != "groups"}
    data = replace(read_table(Data, keys, path, "data", DATA_LIMITS), groups=_read_groups(table.get("groups", {}), path))
    if data.groups and data.source in ("digits", "none"):
        raise SettingError(path, "data.groups", f'no such table with source "{data.source}"', "one")
    if data.source in ("folder", "npz") and not data.path:
        raise SettingError(path, "data.path", f'a path, with source "{data.source}"', "none")
    if (data.source == "none") != (data.classes > 0):
        wanted = 'a number of classes, with source "none"' if data.source == "none" else 'no such key unless source is "none"'
        raise SettingError(path, "data.classes", wanted, str(data.classes) if data.classes else "none")
    if data.test and data.test_share:
        raise SettingError(path, "data.test_share", "no such key beside data.test", str(data.test_share))
    if data.source in OFFICIAL and data.source != "vww" and (data.test or data.test_share):
        key = "test" if data.test else "test_share"
        raise SettingError(path, f"data.{key}", f'no such key with source "{data.source}", which has its own test images', "one")
    if data.source == "digits" and data != Data("digits", data.size, validation=data.validation):
        raise SettingError(
            path, "data", 'only size and validation with source "digits", which is gray and has its own test images', "more"
        )
    return data


def _read_groups(table: Any, path: Path) -> Groups:
    if not isinstance(table, dict):
        raise SettingError(path, "data.groups", "a table of lists of classes", repr(table))
    for name, classes in table.items():
        if not isinstance(classes, list) or not classes or not all(isinstance(each, str) for each in classes):
            raise SettingError(path, f"data.groups.{name}", "a list of classes", repr(classes))
    named = [each for classes in table.values() for each in classes]
    twice = sorted({each for each in named if named.count(each) > 1})
    if twice:
        raise SettingError(path, "data.groups", "every class in one group at most", f'"{twice[0]}" more than once')
    if len(table) == 1:
        raise SettingError(path, "data.groups", "at least two groups", "one")
    return tuple((name, tuple(classes)) for name, classes in table.items())


def read_input(table: Mapping[str, Any], path: Path) -> Input:
    """The table `[input]` of the recipe `path`. Raises SettingError."""
    encoding = read_table(Input, table, path, "input", INPUT_LIMITS)
    if encoding.encoding == "bit-planes" and encoding.thresholds != 8:
        raise SettingError(
            path, "input.thresholds", '8, the digits of a pixel, with encoding "bit-planes"', str(encoding.thresholds)
        )
    for key in ("start", "window"):
        if not encoding.trained and getattr(encoding, key) != getattr(Input, key):
            raise SettingError(path, f"input.{key}", f'no such key with encoding "{encoding.encoding}", which is fixed', "one")
    if encoding.encoding == "bit-planes" and encoding.shared:
        raise SettingError(path, "input.shared", 'no such key with encoding "bit-planes", which has no thresholds', "true")
    return encoding
