"""Images that a user hands to `simulate` and `verify`: an array file, one picture, or a folder of pictures.

An array must fit the network as it is. A picture is made to fit just as training does it: upright, gray or RGB, cropped, scaled.
"""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.guard import one_line, reading
from owlbit.export.image_arrays import to_image_axes
from owlbit.export.limits import IMAGE_BYTES
from owlbit.export.network import Shape

LOG = logging.getLogger(__name__)

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".ppm", ".tif", ".tiff", ".webp")


class Taker(Protocol):
    """What images are for: a `Network`, or a given file that FINN has built."""

    @property
    def input_shape(self) -> Shape: ...

    def check_images(self, images: NDArray[Any]) -> None: ...


def load_images(path: Path, network: Taker) -> tuple[NDArray[np.uint8], list[str]]:
    """uint8 images [N, C, H, W] that fit `network`, and a name for each.

    `path`: an .npy with that array, or [N, H, W, C] or [N, C*H*W], an .npz with it as `images`, a picture, or a folder of
    pictures (sorted by name; gray for C = 1, RGB for C = 3). Raises OwlbitError for anything else, naming the file.
    """
    LOG.info("reading images from %s", path)
    if not path.exists():
        raise OwlbitError(f"{path}: no such file or folder; expected images as .npy, .npz, a picture or a folder of pictures")
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURES)
        if not files:
            raise OwlbitError(f"{path}: expected pictures ({', '.join(PICTURES)}) in this folder, found none")
        for entry in sorted(set(path.iterdir()).difference(files)):
            LOG.info("skipped %s: no picture by its name", entry)
        return read_pictures(files, network), [file.name for file in files]
    if path.suffix.lower() in PICTURES:
        return read_pictures([path], network), [path.name]
    images = to_image_axes(read_array(path), network.input_shape)
    try:
        network.check_images(images)
    except OwlbitError as error:
        raise OwlbitError(f"{path}: {error}") from None
    return images, [str(index) for index in range(len(images))]


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


def read_pictures(files: Sequence[Path], network: Taker) -> NDArray[np.uint8]:
    """uint8 [N, C, H, W] of picture files, cropped and scaled as in training. Raises OwlbitError naming an unreadable one."""
    from owlbit.toolchain.data.image_files import read_image

    channels, height, width = network.input_shape
    if channels not in (1, 3):
        raise OwlbitError(f"{files[0]}: this network takes {channels} channels, which no picture has; give an .npy instead")
    return np.stack([read_image(file, (height, width), "gray" if channels == 1 else "rgb") for file in files])
