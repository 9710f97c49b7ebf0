"""Windows over a padded map: the padding of a node's attributes, and padding with whatever value as padding with bit 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from owlbit.export.qonnx.graph import Node
from owlbit.export.qonnx.lowering.arrange import rising_bits
from owlbit.export.qonnx.lowering.emit import Building
from owlbit.export.qonnx.lowering.traced import Traced


def window_pads(node: Node, x: Traced, kernel: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, int, int, int]:
    """(top, left, bottom, right), all zeros in value."""
    automatic = node.attributes.get("auto_pad", "NOTSET")
    if automatic in ("SAME_UPPER", "SAME_LOWER"):
        sizes = x.shape[1:] if x.pad_values is None else x.tensor_shape[2:]
        totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(sizes, kernel, strides, strict=True)]
        halves = [total // 2 for total in totals]
        rests = [total - half for total, half in zip(totals, halves, strict=True)]
        first, last = (halves, rests) if automatic == "SAME_UPPER" else (rests, halves)
        return first[0], first[1], last[0], last[1]
    pads = node.attributes.get("pads", (0, 0, 0, 0)) if automatic == "NOTSET" else (0, 0, 0, 0)
    if len(pads) != 4 or min(pads) < 0:
        raise node.error(f"expected four paddings of at least 0, got {list(pads)}")
    return pads[0], pads[1], pads[2], pads[3]


def take_padding(
    building: Building, node: Node, x: Traced, zeros: tuple[int, int, int, int]
) -> tuple[Traced, tuple[int, int, int, int]]:
    """Both kinds of padding, that of a Pad node and the convolution's own zeros, as padding with bit 0."""
    if x.pad_values is None and not any(zeros):
        return x, zeros
    values = np.zeros(x.shape[0]) if x.pad_values is None else x.pad_values
    if any(zeros) and values.any():
        raise node.error("pads with zeros what a Pad node has padded with another value; pad once")
    neither = (values != x.table[:, 0]) & (values != x.table[:, 1])
    if neither.any():
        channel = int(neither.argmax())
        low, high = sorted(x.table[channel].tolist())
        raise node.error(
            f"pads with {values[channel]:g} where the data is {low:g} or {high:g}; "
            f"put a Pad node with the value {low:g} before it and no padding in the node itself"
        )
    x = rising_bits(building, x, values == x.table[:, 1], node)
    total = tuple(a + b for a, b in zip(x.pads, zeros, strict=True))
    return replace(x, pads=(0, 0, 0, 0), pad_values=None), (total[0], total[1], total[2], total[3])
