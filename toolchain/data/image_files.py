"""Pictures and image arrays to uint8 arrays of one size: upright, gray or rgb, cropped and scaled. Imports no torch.

The one decoder of picture files, for training, `simulate`, `evaluate` and `sense` alike.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from owlbit.toolchain.data.dataset import DataError, Images
from owlbit.toolchain.data.limits import MOST_PIXELS, MOST_SCANS, REDUCE_FROM, REDUCED_SIDES
from owlbit.toolchain.data.picture_files import Problem, pictures, why_no_file

LOG = logging.getLogger(__name__)

# Pillow warns of sizes below MOST_PIXELS too; each picture's size is checked here before it is decoded.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

# The formats that Pillow may recognise by a file's content: those of `picture_files.PICTURES`. Of its other formats, EPS would be
# run as a program, by Ghostscript.
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "AVIF", "PPM", "JPEG2000", "TGA")

READERS = 4  # threads; Pillow decodes without Python's lock

# What is told of pictures, each once a folder with their number.
TRANSPARENT = "with transparent parts: they are laid on white"
SIXTEEN_BITS = "of 16 bits per channel: the upper 8 are taken"
SEVERAL = "of several frames or pages: the first is taken"


@dataclass(frozen=True, eq=False)
class Picture:
    """`pixels`: uint8 [C, H, W]; `remarks`: what was done to the picture that its author may not expect."""

    pixels: Images
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Opened:
    """`image`: decoded and upright, of a large JPEG at a part of its size; `size`: rows and columns of the whole picture, upright;
    `remarks`: as of `Picture`."""

    image: Image.Image
    size: tuple[int, int]
    remarks: tuple[str, ...] = ()


def open_picture(file: Path, size: tuple[int, int], data: bytes | None = None) -> Opened:
    """A picture file, turned upright as its EXIF tag says, to be made into rows and columns `size`; `data`: its bytes, where they
    are at hand. Raises DataError, naming the file, where it cannot be read or has more than MOST_PIXELS or MOST_SCANS."""
    if data is None and (reason := why_no_file(file)):
        raise DataError(f"{file}: expected a picture, found {reason}")
    try:
        with Image.open(file if data is None else io.BytesIO(data), formats=FORMATS) as opened:
            whole = opened.size
            if whole[0] * whole[1] > MOST_PIXELS:
                raise _TooLargeError(f"{whole[0]} x {whole[1]}")
            if opened.format in ("JPEG", "MPO") and (scans := _scans(file, data)) > MOST_SCANS:
                raise DataError(f"{file}: expected a JPEG of at most {MOST_SCANS} scans, got {scans:,}; save it again")
            # A phone's JPEG may carry a second picture of the same scene (MPO), of which nobody knows.
            several = (SEVERAL,) if getattr(opened, "is_animated", False) and opened.format != "MPO" else ()
            if whole[0] * whole[1] > REDUCE_FROM:
                side = REDUCED_SIDES * max(size)
                opened.draft(None, (side, side))  # a JPEG's own half, quarter or eighth; other formats stay as they are
            opened.load()
            part = opened.size
            ImageOps.exif_transpose(opened, in_place=True)  # a copy of a large picture is hundreds of megabytes
            turned = whole if opened.size == part else whole[::-1]
            return Opened(opened, (turned[1], turned[0]), several)
    except DataError:
        raise
    except (_TooLargeError, Image.DecompressionBombError) as error:
        got = str(error) if isinstance(error, _TooLargeError) else "more"
        raise DataError(f"{file}: expected a picture of at most {MOST_PIXELS:,} pixels, got {got}; scale it down first") from None
    except Exception as error:  # Pillow's decoders raise whatever a damaged file makes them stumble over
        reason = " ".join(str(error).split()).replace(repr(str(file)), "this file")
        raise DataError(f"{file}: expected a picture, could not read it ({reason or type(error).__name__})") from None


def _scans(file: Path, data: bytes | None) -> int:
    """How many scans a JPEG has, at most: its markers SOS, which compressed data cannot hold (ITU T.81, B.1.1.5)."""
    count, last = 0, b""
    with file.open("rb") if data is None else io.BytesIO(data) as opened:
        while part := opened.read(1 << 20):
            count += (last + part).count(b"\xff\xda")
            last = part[-1:]
    return count


def read_picture(file: Path, size: tuple[int, int], colour: str, data: bytes | None = None) -> Picture:
    """One picture file as uint8 [C, *size]; `data`: its bytes, where they are at hand.

    It is turned upright, made gray or rgb, cropped at its middle to the shape of `size` and scaled; of 16 bits the upper 8 are
    taken, transparent parts are laid on white. Raises DataError as `open_picture`.
    """
    opened = open_picture(file, size, data)
    try:
        fitted = _fit(opened.image, size, colour)
    except DataError as error:
        raise DataError(f"{file}: {error}") from None
    return Picture(fitted.pixels, (*opened.remarks, *fitted.remarks))


def read_image(file: Path, size: tuple[int, int], colour: str, data: bytes | None = None) -> Images:
    """The pixels of `read_picture`."""
    return read_picture(file, size, colour, data).pixels


def read_pictures(
    files: Sequence[Path], size: tuple[int, int], colour: str, folder: Path
) -> tuple[list[Images | None], list[Problem], Counter[str]]:
    """`files` in order, each uint8 [C, *size] or None: (images, a problem for each None, how many have which remark).

    Places of problems are relative to `folder`.
    """

    def read(file: Path) -> Picture | Problem:
        try:
            return read_picture(file, size, colour)
        except DataError as error:
            name = file.relative_to(folder).as_posix()
            return Problem(name, str(error).removeprefix(f"{file}: "))

    with ThreadPoolExecutor(READERS) as pool:
        found = list(pool.map(read, files))
    images = [each.pixels if isinstance(each, Picture) else None for each in found]
    problems = [each for each in found if isinstance(each, Problem)]
    return images, problems, Counter(remark for each in found if isinstance(each, Picture) for remark in each.remarks)


def tell_remarks(folder: Path, remarks: Iterable[tuple[str, int]]) -> None:
    """Tells each remark about the pictures of `folder`, once, with their number."""
    for remark, count in remarks:
        LOG.warning("%s: %s %s", folder, pictures(count), remark)


class _TooLargeError(Exception):
    """A picture with more pixels than are decoded."""


def fit_image(image: Image.Image, size: tuple[int, int], colour: str) -> Images:
    """`image` as uint8 [C, *size]: gray or rgb, cropped at its middle to the shape of `size` and scaled. Raises DataError."""
    return _fit(image, size, colour).pixels


def _fit(image: Image.Image, size: tuple[int, int], colour: str) -> Picture:
    image, remarks = _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema()[0] != 255:
            # Scaled with its transparency, which weighs the colours, and laid on white when it is small.
            small = ImageOps.fit(image, (size[1], size[0]), Image.Resampling.BILINEAR)
            image = Image.new("RGBA", small.size, "white")
            image.alpha_composite(small)
            remarks = (*remarks, TRANSPARENT)
    converted = image.convert("RGB" if colour == "rgb" else "L")
    fitted = np.asarray(ImageOps.fit(converted, (size[1], size[0]), Image.Resampling.BILINEAR), dtype=np.uint8)
    return Picture(fitted.transpose(2, 0, 1) if colour == "rgb" else fitted[None], remarks)


def _eight_bits(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """`image`, of 16 bits per channel its upper 8 bits; and what was done. Raises DataError for other numbers than those."""
    if not image.mode.startswith(("I", "F")):
        return image, ()
    values = np.asarray(image)
    if image.mode.startswith("F") or (image.mode == "I" and (values.min() < 0 or values.max() > 65535)):
        raise DataError(f"expected 8 or 16 bits per channel, got an image of mode {image.mode}; convert it first")
    return Image.fromarray((values >> 8).astype(np.uint8)), (SIXTEEN_BITS,)


def fit_images(images: Images, size: tuple[int, int], colour: str) -> Images:
    """Gray or RGB images uint8 [N, 1 or 3, H, W] as uint8 [N, C, *size], each by `fit_image`; unchanged where they fit already."""
    channels = 3 if colour == "rgb" else 1
    if images.shape[1:] == (channels, *size):
        return images
    fitted = np.empty((len(images), channels, *size), dtype=np.uint8)
    for index, image in enumerate(images):
        pixels = image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0))
        fitted[index] = fit_image(Image.fromarray(pixels), size, colour)
    return fitted
