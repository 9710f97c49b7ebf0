"""A picture that somebody sends to the page: limited in bytes and in pixels before anything is decoded, and never trusted.

The page decodes one at a time (see `web`); a JPEG is reduced while it is decoded.
"""

from __future__ import annotations

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.toolchain.data.image_files import fit_image
from owlbit.toolchain.sensing.server.limits import UPLOAD_BYTES, UPLOAD_PIXELS

# A JPEG of more pixels is decoded at a part of its size, as long as that stays so many times as large as the network's frame.
REDUCE_FROM, REDUCED_SIDES = 2_000_000, 4
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")


class UploadError(OwlbitError):
    """A picture that is refused; `status`: the HTTP status code to say so with."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def too_large(size: int | None = None) -> UploadError:
    """The refusal of a body of more than UPLOAD_BYTES."""
    got = "more" if size is None else f"{size:,} bytes"
    return UploadError(f"picture: expected at most {UPLOAD_BYTES:,} bytes, got {got}; send a smaller one", 413)


def read_upload(data: bytes, network: Network) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """(uint8 [C, H, W] that fits `network`, rows and columns of the picture); the first frame, if it moves.

    Pillow reads the size from the header and decodes only what has few enough pixels. Raises UploadError.
    """
    if len(data) > UPLOAD_BYTES:
        raise too_large(len(data))
    colours, rows, columns = network.input_shape
    if colours not in (1, 3):
        raise UploadError(f"this network takes {colours} channels, which no picture has; 1 or 3 are needed", 422)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                size = (opened.height, opened.width)
                if size[0] * size[1] > UPLOAD_PIXELS:
                    raise UploadError(
                        f"picture: expected at most {UPLOAD_PIXELS:,} pixels, got {size[1]} x {size[0]}; send a smaller one", 413
                    )
                if opened.mode.startswith(("I", "F")):
                    raise UploadError(f"picture: expected 8 bits a channel, got mode {opened.mode}; convert it first", 415)
                if size[0] * size[1] > REDUCE_FROM:
                    side = REDUCED_SIDES * max(rows, columns)
                    opened.draft(None, (side, side))  # a JPEG's own half, quarter or eighth; other formats stay as they are
                opened.load()
                ImageOps.exif_transpose(opened, in_place=True)
                return fit_image(opened, (rows, columns), "gray" if colours == 1 else "rgb"), size
    except UploadError:
        raise
    except Exception as error:  # Pillow's decoders raise whatever a damaged file makes them stumble over
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UploadError(f"picture: expected {', '.join(FORMATS)}, could not read it ({reason})", 415) from None
