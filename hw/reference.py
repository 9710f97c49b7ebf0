"""The reference simulator: `owlbit.export.network`'s specification in the plainest numpy, for reading and for checking all else.

Every layer is one function from bits to bits. Nothing is packed and nothing is fast; what it returns is by definition right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import (
    BinaryConv,
    BinaryLinear,
    Bits,
    ChannelShuffle,
    Ints,
    Layer,
    LogicSkip,
    Network,
    OrPool,
    Scores,
    Thermometer,
)


def thermometer(layer: Thermometer, images: NDArray[np.uint8]) -> Bits:
    """uint8 [N, C, H, W] to bits [N, C*T, H, W]: one comparison a colour and threshold."""
    fired = images[:, :, None] >= layer.thresholds[None, :, :, None, None]
    return fired.reshape(len(images), -1, *images.shape[2:]).astype(np.uint8)


def popcounts(bits: Bits, weights: Bits) -> Ints:
    """Matching bits between every row of [M, K] and every filter of [F, K]: int32 [M, F].

    With +1 and -1 for bits the dot product is `matches - mismatches = 2*matches - K`; float64 holds it exactly.
    """
    signs, filters = 2.0 * bits - 1.0, 2.0 * weights - 1.0
    matches: Ints = ((signs @ filters.T + bits.shape[1]) / 2).astype(np.int32)
    return matches


def windows(layer: BinaryConv, bits: Bits) -> Bits:
    """The window under every output position: bits [N, Cin, H, W] to [N, Hout, Wout, Cin, kh, kw], padded with bit 0."""
    top, left, bottom, right = layer.padding
    padded = np.pad(bits, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=0)
    view = np.lib.stride_tricks.sliding_window_view(padded, layer.weights.shape[2:], axis=(2, 3))
    return view[:, :, :: layer.stride[0], :: layer.stride[1]].transpose(0, 2, 3, 1, 4, 5)


def binary_conv(layer: BinaryConv, bits: Bits) -> Bits:
    """Bits [N, Cin, H, W] to bits [N, Cout, Hout, Wout]: per group, popcount(xnor) >= threshold."""
    patches = windows(layer, bits)
    count, height, width = patches.shape[:3]
    channels, filters = layer.weights.shape[1], len(layer.weights) // layer.groups
    outputs = []
    for group in range(layer.groups):
        own = patches[:, :, :, group * channels : (group + 1) * channels].reshape(-1, layer.fan_in)
        rows = slice(group * filters, (group + 1) * filters)
        outputs.append(popcounts(own, layer.weights[rows].reshape(filters, -1)) >= layer.thresholds[rows])
    fired = np.concatenate(outputs, axis=1).reshape(count, height, width, -1)
    return fired.transpose(0, 3, 1, 2).astype(np.uint8)


def or_pool(layer: OrPool, bits: Bits) -> Bits:
    """Bits [N, C, H, W] to bits [N, C, Hout, Wout]: 1 where any bit of the window is."""
    view = np.lib.stride_tricks.sliding_window_view(bits, layer.kernel, axis=(2, 3))
    pooled: Bits = view[:, :, :: layer.stride[0], :: layer.stride[1]].max(axis=(4, 5))
    return pooled


def logic_skip(layer: LogicSkip, bits: Bits, earlier: Bits) -> Bits:
    """Two maps of bits [N, C, H, W] to one: OR, XOR, or the map that each channel selects."""
    if layer.select is not None:
        return np.where(layer.select[None, :, None, None], bits, earlier)
    return bits | earlier if layer.gate == "or" else bits ^ earlier


def run_layer(layer: Layer, bits: NDArray[np.uint8], earlier: NDArray[np.uint8] | None = None) -> NDArray[Any]:
    """One layer on a batch [N, C, H, W]; bits, or int32 [N, classes] from the scores layer.

    `earlier`: for a logic skip, the output of its source.
    """
    match layer:
        case Thermometer():
            return thermometer(layer, bits)
        case BinaryConv():
            return binary_conv(layer, bits)
        case OrPool():
            return or_pool(layer, bits)
        case ChannelShuffle():
            return bits[:, layer.permutation]
        case BinaryLinear():
            fired = popcounts(bits.reshape(len(bits), -1), layer.weights) >= layer.thresholds
            return fired.astype(np.uint8)[:, :, None, None]
        case LogicSkip():
            assert earlier is not None
            return logic_skip(layer, bits, earlier)
        case Scores():
            scores: Ints = 2 * popcounts(bits.reshape(len(bits), -1), layer.weights) - np.int32(layer.fan_in)
            return scores


def activations(network: Network, images: NDArray[np.uint8]) -> list[NDArray[Any]]:
    """The output of every layer, in order, for uint8 images [N, C, H, W]. Raises NetworkError on any other images."""
    network.check_images(images)
    outputs: list[NDArray[Any]] = []
    current: NDArray[Any] = images
    for layer in network.layers:
        current = run_layer(layer, current, outputs[layer.source] if isinstance(layer, LogicSkip) else None)
        outputs.append(current)
    return outputs


def simulate(network: Network, images: NDArray[np.uint8], chunk: int = 64) -> Ints:
    """Scores int32 [N, classes] of uint8 images [N, C, H, W], `chunk` images at a time. Raises NetworkError on any other images."""
    network.check_images(images)
    parts = [activations(network, images[start : start + chunk])[-1] for start in range(0, len(images), chunk)]
    return np.concatenate(parts)
