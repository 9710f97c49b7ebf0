"""Image files and image arrays to uint8 arrays of one size: gray or rgb, cropped and scaled. Imports no torch."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from owlbit.toolchain.data.dataset import DataError, Images, Labelled

LOG = logging.getLogger(__name__)


def read_folder(path: Path, size: tuple[int, int], colour: str) -> tuple[Labelled, tuple[str, ...]]:
    """Images in folders, one folder a class: (images uint8 [N, C, *size] with labels, names of the folders in order).

    An image is turned upright as its EXIF tag says, made gray or rgb, cropped at its middle to the shape of `size` and scaled.
    Hidden files are passed over. Raises DataError naming an empty class folder or an unreadable image.
    """
    if not path.is_dir():
        raise DataError(f"{path}: expected a folder of class folders, found {'a file' if path.exists() else 'no such folder'}")
    folders = sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if not folders:
        raise DataError(f"{path}: expected a folder for each class, found none")
    images, labels = [], []
    for label, folder in enumerate(folders):
        files = sorted(entry for entry in folder.iterdir() if entry.is_file() and not entry.name.startswith("."))
        if not files:
            raise DataError(f"{folder}: expected images of this class, found none; add some or remove the folder")
        for entry in sorted(set(folder.iterdir()).difference(files)):
            LOG.info("skipped %s: hidden, or no file", entry)
        LOG.info("reading %d images in %s", len(files), folder)
        images += [read_image(file, size, colour) for file in files]
        labels += [label] * len(files)
    return Labelled(np.stack(images), np.array(labels, dtype=np.int64)), tuple(folder.name for folder in folders)


def read_image(file: Path, size: tuple[int, int], colour: str, data: bytes | None = None) -> Images:
    """One image file as uint8 [C, *size]; see `read_folder`. `data`: its bytes, where they are at hand. Raises DataError."""
    try:
        with Image.open(file if data is None else io.BytesIO(data)) as opened:
            opened.load()
            if opened.mode.startswith(("I", "F")):
                raise DataError(f"{file}: expected 8 bits a channel, got an image of mode {opened.mode}; convert it first")
            return fit_image(ImageOps.exif_transpose(opened), size, colour)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{file}: expected an image, could not read it ({error})") from None


def fit_image(image: Image.Image, size: tuple[int, int], colour: str) -> Images:
    """`image` as uint8 [C, *size]: gray or rgb, cropped at its middle to the shape of `size` and scaled."""
    converted = image.convert("RGB" if colour == "rgb" else "L")
    fitted = np.asarray(ImageOps.fit(converted, (size[1], size[0]), Image.Resampling.BILINEAR), dtype=np.uint8)
    return fitted.transpose(2, 0, 1) if colour == "rgb" else fitted[None]


def fit_images(images: Images, size: tuple[int, int], colour: str) -> Images:
    """RGB images uint8 [N, 3, H, W] as uint8 [N, C, *size], each by `fit_image`; unchanged where they fit already."""
    if colour == "rgb" and images.shape[2:] == size:
        return images
    fitted = np.empty((len(images), 3 if colour == "rgb" else 1, *size), dtype=np.uint8)
    for index, image in enumerate(images):
        fitted[index] = fit_image(Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))), size, colour)
    return fitted
