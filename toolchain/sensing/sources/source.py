"""Where frames come from, and what may go wrong there: one protocol for the scripted scene, folders, videos and cameras."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.toolchain.data.image_files import fit_image

SCENE, WEBCAM = "scene", "webcam"


class SourceError(OwlbitError):
    """A source that can give no frame, now or ever."""


class CorruptFrame(SourceError):  # noqa: N818 - an outcome that the loop goes on from
    """One frame cannot be read; the next one may be."""


class SourceGone(SourceError):  # noqa: N818 - as above
    """The source was there and is not any more; it may come back."""


@dataclass(frozen=True, eq=False)
class Shot:
    """What is before the lens. `frame`: uint8 [C, H, W]; `name`; `label`: class index or None; `light`: factor on the light."""

    frame: NDArray[np.uint8]
    name: str
    label: int | None = None
    light: float = 1.0


class Source(Protocol):
    """Gives frame after frame."""

    def read(self) -> Shot | None:
        """The next frame; None after the last. Raises CorruptFrame, SourceGone, or OwlbitError where nothing can help."""
        ...

    def close(self) -> None:
        """Lets go of files and devices; `read` opens them again."""
        ...


class Fitter:
    """Pictures to a network's frame size: cropped at the middle and scaled as in training, with one notice a size.

    `strict`: pictures of another size are refused instead. Raises OwlbitError for a network that takes neither gray nor RGB.
    """

    def __init__(self, network: Network, strict: bool, notify: Callable[[str], None]) -> None:
        colours, height, width = network.input_shape
        if colours not in (1, 3):
            raise SourceError(f"this network takes {colours} channels, which no picture has; the sources need 1 or 3")
        self.size, self.colour = (height, width), "gray" if colours == 1 else "rgb"
        self.strict, self.notify = strict, notify
        self.told: tuple[int, int] | None = None

    def fit(self, image: Image.Image, name: str, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
        """uint8 [C, H, W]; `size`: rows and columns of the whole picture, where `image` is a reduced one. Raises SourceError where
        `strict` refuses it, DataError where it has other numbers than 8 or 16 bits."""
        size = size or (image.height, image.width)
        if size != self.size:
            wanted = f"{self.size[0]}x{self.size[1]} (rows x columns)"
            if self.strict:
                raise SourceError(
                    f"{name}: expected frames of {wanted}, got {size[0]}x{size[1]}; scale them, or leave out --strict"
                )
            if size != self.told:
                self.told = size
                self.notify(f"{name}: frames of {size[0]}x{size[1]} are cropped and scaled to {wanted}")
        return fit_image(image, self.size, self.colour)
