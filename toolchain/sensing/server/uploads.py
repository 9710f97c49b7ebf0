"""Pictures that are sent to a page: limited in bytes, time and pixels before anything is decoded, and decoded one at a time.

A JPEG is reduced while it is decoded.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import numpy as np
from anyio.to_thread import run_sync
from fastapi import HTTPException, Request
from numpy.typing import NDArray
from PIL import Image
from starlette.requests import ClientDisconnect

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.toolchain.data.dataset import DataError
from owlbit.toolchain.data.image_files import read_image
from owlbit.toolchain.sensing.server.limits import BODY_S, UPLOAD_BYTES, UPLOAD_PIXELS, UPLOADS_WAITING

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


class Pictures:
    """The pictures that one page takes: UPLOADS_WAITING at most are in memory, and one at a time is decoded.

    `decoder`: for other work on a picture that must not run beside its decoding.
    """

    def __init__(self) -> None:
        # A picture waits before its body is read, so that the bodies of the others are not in memory.
        self.waiting, self.decoder = anyio.Semaphore(UPLOADS_WAITING), anyio.CapacityLimiter(1)

    @asynccontextmanager
    async def taking(self, request: Request, network: Network) -> AsyncIterator[tuple[NDArray[np.uint8], tuple[int, int]]]:
        """What `read_upload` gives for the body of `request`; the next picture may come when the block ends.

        Raises HTTPException with the sentence and the status of a refusal.
        """
        async with self.waiting:
            try:
                body = await _read_body(request)
                taken = await run_sync(read_upload, body, network, limiter=self.decoder)
            except UploadError as error:
                raise HTTPException(error.status, str(error)) from None
            yield taken


async def _read_body(request: Request) -> bytes:
    """The whole body, never more than UPLOAD_BYTES of it, and within BODY_S. Raises UploadError."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and len(announced) < 20 and int(announced) > UPLOAD_BYTES:
        raise too_large(int(announced))
    body = bytearray()
    try:
        with anyio.fail_after(BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > UPLOAD_BYTES:
                    raise too_large()
    except TimeoutError:
        raise UploadError(f"picture: expected the whole of it within {BODY_S:g} s; send a smaller one", 408) from None
    except ClientDisconnect:
        raise UploadError("picture: the connection ended before it was whole", 400) from None
    return bytes(body)
