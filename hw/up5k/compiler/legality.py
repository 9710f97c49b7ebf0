"""What the UP5K engine can take, and the sentences that say what it cannot."""

from __future__ import annotations

from owlbit.export.errors import OwlbitError
from owlbit.export.network import BinaryConv, LogicSkip, Network, OrPool
from owlbit.export.network_cost import layer_costs

MEMORY_WORDS = 16384  # of 64 bits, in four SPRAM
WEIGHT_ROWS = 255  # rows of the weight memory that one pass may take; a popcount then fits 14 bits
PIXEL_BITS = 64  # thermometer bits of one pixel, padded
MAX_KERNEL = 4
MAX_SIDE = 256
MAX_CLASSES = 256
MAX_PIXEL_WORDS = 64  # of an activation map, padded


class Up5kError(OwlbitError):
    """The network does not fit the engine; the message names the layer and says by how much."""


def refuse(what: str) -> Up5kError:
    """The exception for one sentence about what does not fit."""
    return Up5kError(f"up5k: {what}")


def layer_names(network: Network) -> list[str]:
    """The name of each layer, as in the cost table: "conv2"."""
    return [row.name for row in layer_costs(network)]


def check_layers(network: Network) -> None:
    """Raises Up5kError for a layer of a kind or shape that no compiler pass could make fit."""
    _channels, height, width = network.input_shape
    if max(height, width) > MAX_SIDE:
        raise refuse(f"the image is {height}x{width}; up to {MAX_SIDE}x{MAX_SIDE} fit the engine's counters")
    if network.classes > MAX_CLASSES:
        raise refuse(f"{network.classes} classes; up to {MAX_CLASSES} fit")
    for name, layer in zip(layer_names(network), network.layers, strict=True):
        if isinstance(layer, BinaryConv):
            kernel = layer.weights.shape[2:]
            if max(kernel) > MAX_KERNEL:
                raise refuse(f"{name} has a {kernel[0]}x{kernel[1]} kernel; up to {MAX_KERNEL}x{MAX_KERNEL} fits")
            if max(layer.padding) > 1:
                raise refuse(f"{name} has a padding of {max(layer.padding)}; 0 and 1 fit")
        if isinstance(layer, LogicSkip):
            raise refuse(
                f"{name} is a logic skip; the engine has none, as it keeps only the map that a layer reads and the one that it "
                "writes; train that layer without skip"
            )
        if isinstance(layer, OrPool) and (layer.kernel != (2, 2) or layer.stride != (2, 2)):
            raise refuse(
                f"{name} pools {layer.kernel[0]}x{layer.kernel[1]} every {layer.stride[0]}x{layer.stride[1]}; 2x2 every 2x2 fits"
            )
