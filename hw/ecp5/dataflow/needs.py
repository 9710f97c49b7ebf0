"""How much of a map must be kept for a logic skip: what the layers between see before they make the pixel to join it with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import BinaryConv, BinaryLinear, LogicSkip, Network, OrPool, Shape

Pixels = NDArray[np.int64]


def skip_pixels(network: Network, skip: int) -> int:
    """The most pixels of the earlier map that wait at once for the logic skip at layer `skip`."""
    layer = network.layers[skip]
    assert isinstance(layer, LogicSkip)
    shape = network.shapes[layer.source]
    seen = np.arange(1, shape[1] * shape[2] + 1)  # pixels of the earlier map before pixel i of the present layer's is there
    by_layer = {layer.source: seen}
    for index in range(layer.source + 1, skip):
        between = network.layers[index]
        match between:
            case BinaryConv():
                seen = seen[last_inputs(shape, network.shapes[index], between.weights.shape[2:], between.stride, between.padding)]
            case OrPool():
                seen = seen[last_inputs(shape, network.shapes[index], between.kernel, between.stride, (0, 0, 0, 0))]
            case BinaryLinear():
                seen = seen[-1:]
            case LogicSkip() if between.source in by_layer:
                seen = np.maximum(seen, by_layer[between.source])
            case _:
                pass
        shape = network.shapes[index]
        by_layer[index] = seen
    return int((seen - np.arange(len(seen))).max())


def last_inputs(
    shape: Shape, output: Shape, kernel: tuple[int, ...], stride: tuple[int, int], padding: tuple[int, int, int, int]
) -> Pixels:
    """int64 [Hout*Wout]: the last pixel, in the order of rows, that comes before the window of each output is whole."""
    rows = np.arange(output[1]) * stride[0] + kernel[0] - 1 - padding[0]
    columns = np.arange(output[2]) * stride[1] + kernel[1] - 1 - padding[1]
    # In the padding on the right, the row's last pixel has come; on the left, the one before. Below the map, all have.
    places = rows[:, None] * shape[2] + np.minimum(columns, shape[2] - 1)[None, :]
    places = np.where(columns[None, :] < 0, rows[:, None] * shape[2] - 1, places)
    places = np.where(rows[:, None] >= shape[1], shape[1] * shape[2] - 1, places)
    return np.maximum(places, 0).reshape(-1)
