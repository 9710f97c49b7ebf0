"""Arrays of images in the axes that other tools have them in, brought to [N, C, H, W]."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Shape

LOG = logging.getLogger(__name__)


def to_image_axes(images: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """`images` as [N, C, H, W] where it is [N, H, W, C] or [N, C*H*W] of `shape` (C, H, W); else as it is, for others to refuse.

    [N, C, H, W] wins where both fit. A change of axes is logged as a warning.
    """
    channels, height, width = shape
    if images.shape[1:] == shape:
        return images
    if images.shape[1:] == (height, width, channels):
        LOG.warning("images: the array is [N, H, W, C] and is taken as [N, C, H, W]")
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    if images.ndim == 2 and images.shape[1] == math.prod(shape):
        return images.reshape(-1, *shape)
    return images
