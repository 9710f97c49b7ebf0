"""Images that a user hands to `simulate`, `verify` and `evaluate`: an array file, one picture, or a folder of pictures.

An array must fit the network as it is. A picture is made to fit just as training does it: upright, gray or RGB, cropped, scaled.
"""

from __future__ import annotations

import logging
import zipfile
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.guard import one_line, reading
from owlbit.export.image_arrays import to_image_axes
from owlbit.export.limits import IMAGE_BYTES
from owlbit.export.network import Network, Shape
from owlbit.toolchain.data.dataset import Labelled
from owlbit.toolchain.data.picture_files import PICTURES, Problem, is_named_picture, list_pictures, why_no_file

LOG = logging.getLogger(__name__)


class Taker(Protocol):
    """What images are for: a `Network`, or a given file that FINN has built."""

    @property
    def input_shape(self) -> Shape: ...

    def check_images(self, images: NDArray[Any]) -> None: ...


def load_images(path: Path, network: Taker, *, skip_bad: bool = False) -> tuple[NDArray[np.uint8], list[str]]:
    """uint8 images [N, C, H, W] that fit `network`, and a name for each.

    `path`: an .npy with that array, or [N, H, W, C] or [N, C*H*W], an .npz with it as `images`, a picture, or a folder of
    pictures, its sub-folders included, by their paths; gray for C = 1, RGB for C = 3. `skip_bad`: leave out pictures that cannot
    be read, which is told. Raises OwlbitError for anything else, naming the file.
    """
    LOG.info("reading images from %s", path)
    if not path.exists():
        raise OwlbitError(f"{path}: no such file or folder; expected images as .npy, .npz, a picture or a folder of pictures")
    if path.is_dir():
        return _load_folder(path, network, skip_bad)
    if reason := why_no_file(path):
        raise OwlbitError(f"{path}: expected images as .npy, .npz, a picture or a folder of pictures, found {reason}")
    if is_named_picture(path):
        from owlbit.toolchain.data.image_files import read_picture, tell_remarks

        picture = read_picture(path, *_size_and_colour(network, path))
        tell_remarks(path, [(remark, 1) for remark in picture.remarks])
        return picture.pixels[None], [path.name]
    images = to_image_axes(read_array(path), network.input_shape)
    try:
        network.check_images(images)
    except OwlbitError as error:
        raise OwlbitError(f"{path}: {error}") from None
    return images, [str(index) for index in range(len(images))]


def _load_folder(path: Path, network: Taker, skip_bad: bool) -> tuple[NDArray[np.uint8], list[str]]:
    from owlbit.toolchain.data.class_folders import refusal, skipped_lines, tell_listing
    from owlbit.toolchain.data.image_files import read_pictures, tell_remarks

    listing = list_pictures(path)
    if not listing.files and not listing.problems:
        raise OwlbitError(f"{path}: expected pictures ({', '.join(PICTURES)}) in this folder or its sub-folders, found none")
    read, problems, remarks = read_pictures(listing.files, *_size_and_colour(network, path), path)
    tell_listing(path, listing.passed_over, listing.deeper)
    tell_remarks(path, remarks.items())
    bad: list[Problem] = [*listing.problems, *problems]
    images = [(image, file) for image, file in zip(read, listing.files, strict=True) if image is not None]
    if bad and not (skip_bad and images):
        raise refusal(path, bad, len(listing.files) + len(listing.problems))
    skipped_lines(path, bad)
    return np.stack([image for image, _ in images]), [file.relative_to(path).as_posix() for _, file in images]


def read_array(path: Path) -> NDArray[np.uint8]:
    """The array of an .npy file or the entry `images` of an .npz file, of whatever shape and type; never unpickled.

    Raises OwlbitError for anything else, and for more than IMAGE_BYTES in an .npz, which may be a thousandth of that on disk.
    """
    with reading(f"{path}: expected images as .npy or .npz, but the file is damaged or of another kind", OwlbitError):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                size = sum(entry.file_size for entry in archive.infolist() if entry.filename in ("images", "images.npy"))
            if size > IMAGE_BYTES:
                raise OwlbitError(f"{path}: expected images of at most {IMAGE_BYTES:,} bytes, got {size:,}; give them as .npy")
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded as arrays:
            if "images" not in arrays.files:
                found = one_line(", ".join(arrays.files)) or "none"
                raise OwlbitError(f"{path}: expected an entry 'images' in this npz, got {found}")
            images: NDArray[np.uint8] = arrays["images"]
            return images


def load_labelled(path: Path, network: Network, *, skip_bad: bool = False) -> tuple[Labelled, list[str]]:
    """(images that fit `network` with labels that are numbers of its classes, a name for each).

    `path`: a folder of class folders named like the network's classes, of one that is split the pictures in test/, else in val/; or
    an .npz with `images` uint8 [N, C, H, W], `labels` integers [N] and, where their numbers are not the network's, `class_names`.
    `skip_bad`: leave out pictures that cannot be read, which is told. Raises OwlbitError for anything else.
    """
    from owlbit.toolchain.data.class_folders import TEST, TRAIN, VALIDATION, read_one_part, split_folders
    from owlbit.toolchain.data.load_dataset import read_npz

    if not path.exists():
        raise OwlbitError(f"{path}: no such file or folder; expected a folder of class folders, or an .npz with images and labels")
    if path.is_dir():
        parts = split_folders(path)
        folder = parts.get(TEST) or parts.get(VALIDATION) or path
        if folder != path:
            LOG.warning("%s: evaluated on %s/, as it is split", path, folder.name)
        found = read_one_part(folder, *_size_and_colour(network, path), least=0, skip_bad=skip_bad)
        labelled, class_names, names = found.parts[TRAIN], found.names, list(found.files[TRAIN])
    else:
        labelled, class_names = read_npz(path, *_size_and_colour(network, path))
        names = [str(index) for index in range(len(labelled))]
        if class_names == tuple(str(index) for index in range(len(class_names))) and len(class_names) <= network.classes:
            class_names = network.class_names[: len(class_names)]  # without names of their own, labels are the network's numbers
    if not len(labelled):
        raise OwlbitError(f"{path}: expected pictures in its class folders, found none")
    if unknown := [name for name in class_names if name not in network.class_names]:
        raise OwlbitError(
            f"{path}: expected the classes of the network, {', '.join(network.class_names[:8])}, got {', '.join(unknown[:8])} too"
        )
    numbers = np.array([network.class_names.index(name) for name in class_names], dtype=np.int64)
    return Labelled(labelled.images, numbers[labelled.labels]), names


def _size_and_colour(network: Taker, path: Path) -> tuple[tuple[int, int], str]:
    """(rows, columns), "gray" or "rgb": what pictures of `path` are made into."""
    channels, height, width = network.input_shape
    if channels not in (1, 3):
        raise OwlbitError(f"{path}: this network takes {channels} channels, which no picture has; give an .npy instead")
    return (height, width), "gray" if channels == 1 else "rgb"
