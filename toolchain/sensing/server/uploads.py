"""A picture that somebody sends to the page: limited in bytes and in pixels before anything is decoded, and never trusted.

The page decodes one at a time (see `web`); a JPEG is reduced while it is decoded.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.toolchain.data.dataset import DataError
from owlbit.toolchain.data.image_files import read_image
from owlbit.toolchain.sensing.server.limits import UPLOAD_BYTES, UPLOAD_PIXELS

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

    Pillow reads the size from the header; what has few enough pixels is decoded as every other picture is. Raises UploadError.
    """
    if len(data) > UPLOAD_BYTES:
        raise too_large(len(data))
    colours, rows, columns = network.input_shape
    if colours not in (1, 3):
        raise UploadError(f"this network takes {colours} channels, which no picture has; 1 or 3 are needed", 422)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            size = (opened.height, opened.width)
    except Image.DecompressionBombError:
        raise UploadError(f"picture: expected at most {UPLOAD_PIXELS:,} pixels, got a decompression bomb", 415) from None
    except Exception as error:  # Pillow stumbles in many ways over what is no picture
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UploadError(f"picture: expected {', '.join(FORMATS)}, could not read it ({reason})", 415) from None
    if size[0] * size[1] > UPLOAD_PIXELS:
        raise UploadError(f"picture: expected at most {UPLOAD_PIXELS:,} pixels, got {size[1]} x {size[0]}; send a smaller one", 413)
    try:
        return read_image(Path("picture"), (rows, columns), "gray" if colours == 1 else "rgb", data), size
    except DataError as error:
        reason = str(error).replace("expected a picture,", f"expected {', '.join(FORMATS)},", 1)
        raise UploadError(reason, 415) from None
