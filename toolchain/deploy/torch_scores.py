"""The torch backend of the verification: the trained model, run by Brevitas' own layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Ints
from owlbit.models.networks.brevitas_twin import brevitas_twin
from owlbit.toolchain.runs.build_net import deployable
from owlbit.toolchain.runs.weights import load_run


@torch.no_grad()
def torch_scores(folder: Path | str, images: NDArray[Any], chunk: int = 64) -> Ints:
    """Scores int32 [N, classes] of uint8 images [N, C, H, W], by the saved model of the run in `folder` in eval mode.

    Raises OwlbitError on other images, or where the run has not finished.
    """
    net = load_run(folder).net
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != net.input_shape or len(images) == 0:
        expected = "[N, " + ", ".join(str(size) for size in net.input_shape) + "]"
        raise OwlbitError(f"expected uint8 images {expected}, got {images.dtype.name} {list(images.shape)}")
    twin = brevitas_twin(deployable(net))
    batches = torch.split(torch.from_numpy(np.ascontiguousarray(images)).float(), chunk)
    scores = torch.cat([twin(batch) for batch in batches]).numpy()
    rounded: Ints = scores.astype(np.int32)
    if not np.array_equal(rounded, scores):
        raise RuntimeError("a binary network gave scores that are not integers")
    return rounded
