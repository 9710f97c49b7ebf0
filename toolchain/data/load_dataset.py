"""Images to train on: the embedded digits, class folders, an npz or an official data set, split the same way every time."""

from __future__ import annotations

import logging
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.toolchain.data.class_folders import TEST, TRAIN, VALIDATION, read_class_folders, read_folder, split_folders
from owlbit.toolchain.data.dataset import DataError, Dataset, Labelled, Variations, stratified_split
from owlbit.toolchain.data.digits import digits_dataset
from owlbit.toolchain.data.illumination import under_light
from owlbit.toolchain.data.image_files import fit_images
from owlbit.toolchain.data.published_sets import read_official
from owlbit.toolchain.recipes.data import OFFICIAL, Data, Extra, Groups

LOG = logging.getLogger(__name__)

SPLIT_SEED, LIGHT_SEED = 1, 3


def load_dataset(data: Data, base: Path, *, extra: bool = False) -> Dataset:
    """The data set that a recipe's [data] describes; paths in it are relative to the folder `base`.

    `extra`: with the images of its [data.extra], if it has one, as only training needs them.

    Splits depend on the images' order and the recipe alone, never on the training seed; the validation images come out of the
    training images, and an official test split is the test split. All are seen under `data.light`, whose draws are fixed but for
    the training images of an epoch. Raises DataError.
    """
    if data.source == "digits":
        return digits_dataset(data.size, data.validation)
    if data.source == "none":
        raise DataError('the recipe has data.source = "none": it is for random weights, not for training; give it images')
    found = read_images(data, base)
    everything, test, class_names = found.train, found.test, found.class_names
    place = base / data.path if data.path else Path(data.source)
    _check_classes(everything, class_names, _least(data, found.validation is None), place)
    if test is not None and (data.test or data.test_share):
        name = "test" if data.test else "test_share"
        raise DataError(
            f"{place}: data.{name}: expected no such key beside the folder test/ of test images, got one; leave out one"
        )
    if data.test:
        place = base / data.test
        of_test = read_images(data, base, data.test)
        test = of_test.train
        if of_test.class_names != class_names:
            raise DataError(f"{place}: expected the classes {_listed(class_names)}, got {_listed(of_test.class_names)}")
        _check_classes(test, class_names, 1, place, "for testing")
    elif data.test_share:
        kept, off = stratified_split(everything.labels, data.test_share, SPLIT_SEED)
        everything, test = everything.take(kept), everything.take(off)
        _check_classes(everything, class_names, 2, place, f"beside the {data.test_share:.0%} for testing")
    clean_train, validation = everything, found.validation
    if validation is None:
        kept, off = stratified_split(everything.labels, data.validation, SPLIT_SEED + 1)
        clean_train, validation = everything.take(kept), everything.take(off)

    def fixed(part: Labelled, index: int) -> Labelled:
        return Labelled(under_light(part.images, data.light, np.random.default_rng([LIGHT_SEED, index])), part.labels)

    dataset = Dataset(
        train=fixed(clean_train, 0),
        validation=fixed(validation, 1),
        test=None if test is None else fixed(test, 2),
        class_names=class_names,
        clean_train=clean_train,
        variations=Variations(data.flip, data.shift, data.light, data.zoom, data.exposure, data.tint, data.cutout),
        skipped=found.skipped,
    )
    if data.extra is None or not extra:
        return dataset
    others = read_extra(data.extra, data.size, data.colour, base, class_names)
    return replace(dataset, extra=others, extra_per_epoch=extra_per_epoch(data.extra, len(clean_train)))


def extra_per_epoch(extra: Extra, train: int) -> int:
    """The number of additional images per epoch beside `train` training images, so that they are the share `extra.share` of all."""
    return max(1, round(train * extra.share / (1 - extra.share)))


def read_extra(extra: Extra, size: tuple[int, int], colour: str, base: Path, class_names: tuple[str, ...]) -> Labelled:
    """The training images of [data.extra] with labels of `class_names`; images of other classes are left out, which is told.

    Raises DataError where `class_names` has none of its classes, or a class is renamed that it does not have.
    """
    place = base / extra.path if extra.path else Path(extra.source)
    found = read_images(Data(extra.source, size, extra.path, colour), base)
    renamed = dict(extra.rename)
    for name in renamed:
        if name not in found.class_names:
            raise DataError(f'{place}: data.extra.rename: expected classes of {_listed(found.class_names)}, got "{name}"')
    names = [renamed.get(name, name) for name in found.class_names]
    if not set(names) & set(class_names):
        raise DataError(f"{place}: data.extra: expected some of the classes {_listed(class_names)}, got {_listed(tuple(names))}")
    theirs = list(zip(found.class_names, names, strict=True))
    groups = tuple((name, tuple(their for their, meant in theirs if meant == name)) for name in class_names)
    labelled = group_classes(found.train, found.class_names, groups, place)
    if left := [name for name in names if name not in class_names]:
        LOG.warning(
            "%s: %s images to train on beside the others; left out: those of %s", place, f"{len(labelled):,}", ", ".join(left)
        )
    return labelled


def _least(data: Data, validation_to_come: bool) -> int:
    """The least number of images per class: one for each split."""
    return 1 + (data.test_share > 0) + validation_to_come


@dataclass(frozen=True, eq=False)
class Found:
    """Images as their source has them, not split yet: `validation` and `test` are None where it has none of its own; `skipped`: a
    line for each picture that was left out."""

    train: Labelled
    class_names: tuple[str, ...]
    validation: Labelled | None = None
    test: Labelled | None = None
    skipped: tuple[str, ...] = ()


def read_images(data: Data, base: Path, path: str | None = None) -> Found:
    """The images of a recipe's [data], in its groups if it has any; not split yet.

    `path`: where test images are, relative to `base`, in place of `data.path`. Raises DataError.
    """
    place = data.path if path is None else path
    found = _read_source(data, base, place, testing=path is not None)
    if not data.groups:
        return found
    where = base / place if place else Path(data.source)

    def grouped(part: Labelled) -> Labelled:
        return group_classes(part, found.class_names, data.groups, where)

    return Found(
        grouped(found.train),
        tuple(name for name, _ in data.groups),
        None if found.validation is None else grouped(found.validation),
        None if found.test is None else grouped(found.test),
        found.skipped,
    )


def _read_source(data: Data, base: Path, path: str, *, testing: bool) -> Found:
    if data.source in OFFICIAL:
        train, test, names = read_official(data.source, base / path if path else None, data.size, data.colour)
        return Found(train, names, test=test)
    if data.source == "npz":
        return Found(*read_npz(base / path, data.size, data.colour))
    if testing:
        return Found(*read_folder(base / path, data.size, data.colour, skip_bad=data.skip_bad))
    least = 0 if data.groups else _least(data, VALIDATION not in split_folders(base / path))
    folders = read_class_folders(base / path, data.size, data.colour, least=least, skip_bad=data.skip_bad)
    parts = folders.parts
    return Found(parts[TRAIN], folders.names, parts.get(VALIDATION), parts.get(TEST), folders.skipped)


def group_classes(labelled: Labelled, names: tuple[str, ...], groups: Groups, where: Path) -> Labelled:
    """`labelled`, of the classes `names`, with the number of its group for a label; images of no group are left out.

    Raises DataError, naming the file or folder `where`, for a class that is none of `names`.
    """
    label_of = np.full(len(names), -1, dtype=np.int64)
    for number, (group, classes) in enumerate(groups):
        for name in classes:
            if name not in names:
                raise DataError(f'{where}: data.groups.{group}: expected classes of {_listed(names)}, got "{name}"')
            label_of[names.index(name)] = number
    labels = label_of[labelled.labels]
    return Labelled(labelled.images[labels >= 0], labels[labels >= 0])


def _check_classes(
    labelled: Labelled, class_names: tuple[str, ...], least: int, path: Path, purpose: str = "one for each split"
) -> None:
    if len(class_names) < 2:
        raise DataError(f"{path}: expected at least 2 classes, got {len(class_names)}")
    if len(class_names) > 256:
        raise DataError(f"{path}: expected at most 256 classes, got {len(class_names)}")
    for name, count in zip(class_names, np.bincount(labelled.labels, minlength=len(class_names)), strict=True):
        if count < least:
            images = "image" if least == 1 else "images"
            raise DataError(f'{path}: class "{name}": expected at least {least} {images}, {purpose}, got {count}; add images')


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def read_npz(path: Path, size: tuple[int, int], colour: str) -> tuple[Labelled, tuple[str, ...]]:
    """An npz with `images` uint8 [N, C, H, W], `labels` integers [N] and, if it likes, `class_names`: (images with labels, names).

    Images of three colours, or of another size, are made gray or rgb, cropped and scaled as pictures of a folder are, which is
    told. Never unpickles. Without names the classes are "0", "1", ... up to the largest label. Raises DataError.
    """
    arrays = _npz_arrays(path)
    images, labels = arrays["images"], arrays["labels"]
    channels = 3 if colour == "rgb" else 1
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (channels, 3) or images.size == 0:
        wanted = " or ".join(f"[N, {each}, {size[0]}, {size[1]}]" for each in sorted({channels, 3}))
        raise DataError(f"{path}: images: expected uint8 {wanted}, got {images.dtype} {list(images.shape)}")
    if images.shape[1:] != (channels, *size):
        LOG.warning("%s: images of %s are made into %s", path, list(images.shape[1:]), [channels, *size])
        images = fit_images(images, size, colour)
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise DataError(f"{path}: labels: expected {len(images)} integers, got {labels.dtype} {list(labels.shape)}")
    names = arrays.get("class_names")
    if names is not None and (names.ndim != 1 or names.dtype.kind != "U"):
        raise DataError(f"{path}: class_names: expected a list of texts, got {names.dtype} {list(names.shape)}")
    if names is not None and len(set(names.tolist())) < len(names):
        raise DataError(f"{path}: class_names: expected different names, got {_listed(tuple(names.tolist()))}")
    class_names = tuple(str(name) for name in (range(int(labels.max()) + 1) if names is None else names))
    if labels.min() < 0 or labels.max() >= len(class_names):
        raise DataError(f"{path}: labels: expected 0 to {len(class_names) - 1}, got {labels.min()} to {labels.max()}")
    return Labelled(images, labels.astype(np.int64)), class_names


def _npz_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise DataError(f"{path}: expected an npz with images and labels, got a single array")
        with loaded as opened:
            for key in ("images", "labels"):
                if key not in opened:
                    raise DataError(f'{path}: expected an array "{key}", found {_listed(tuple(opened))}')
            return {key: opened[key] for key in ("images", "labels", "class_names") if key in opened}
    except FileNotFoundError:
        raise DataError(f"{path}: expected an npz, found no such file") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: expected an npz of plain arrays, could not read it ({error})") from None
