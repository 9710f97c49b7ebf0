"""Lowering of maximum pools, before or after the bits are made, with padding or without."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from owlbit.export.network import BinaryConv, NetworkError, OrPool
from owlbit.export.qonnx.graph import Array, Node
from owlbit.export.qonnx.lowering.arrange import rising_bits
from owlbit.export.qonnx.lowering.emit import Building
from owlbit.export.qonnx.lowering.traced import BitSource, PairSource, SumSource, Traced, channel_order, natural_order, reverse_rows
from owlbit.export.qonnx.lowering.windows import take_padding, window_pads


def lower_pool(building: Building, node: Node, inputs: list[Traced | Array | None]) -> Traced:
    """MaxPool, or GlobalMaxPool.

    The maximum of a function that rises with the integer is the function of the largest integer, so a pool may stand before the
    threshold. Its padding is less than every value, which for bits is bit 0. Raises QonnxError where a channel falls with its
    integer and its bit cannot be complemented.
    """
    x = inputs[0]
    if not isinstance(x, Traced) or len(inputs) != 1:
        raise node.error("expected one map that depends on the image")
    permutation = channel_order(x, node)
    if isinstance(x.source, PairSource) or x.pad_values is not None or (not building.stays_open(x) and building.nearly_bits(x)):
        x = building.as_bits(x, node)
    padding = (0, 0, 0, 0)
    if isinstance(x.source, BitSource):
        x = rising_bits(building, x, x.table[:, 1] < x.table[:, 0], node)
        x, padding = take_padding(building, node, x, padding)
    else:
        x = _rising_table(x, node)
    pool = _window(node, x, padding)
    shape = pool.output_shape(x.shape)
    if isinstance(x.source, BitSource):
        building.add(pool, x.bit_layer, node)
        x = replace(x, source=BitSource(building.last))
    else:
        x = replace(x, pools=(*x.pools, pool))
    return replace(x, shape=shape, order=natural_order(shape, (1, *shape))[:, permutation])


def _window(node: Node, x: Traced, before: tuple[int, int, int, int]) -> OrPool | BinaryConv:
    """The pool; where it pads, the convolution of one filter of ones a channel that fires where any bit of its window is 1.

    `before`: rows and columns of bit 0 that a Pad node has put around the map.
    """
    sizes = x.shape[1:]
    if node.kind == "GlobalMaxPool":
        kernel, strides, pads = sizes, sizes, (0, 0, 0, 0)
    else:
        kernel, strides = (tuple(node.attributes.get(key, default)) for key, default in (("kernel_shape", ()), ("strides", (1, 1))))
        if len(kernel) != 2 or len(strides) != 2 or min(*kernel, *strides) < 1:
            raise node.error(f"expected a window of rows and columns, got {kernel}")
        if any(dilation != 1 for dilation in node.attributes.get("dilations", ())):
            raise node.error("is dilated, which is not supported")
        padded = replace(x, shape=(x.shape[0], sizes[0] + before[0] + before[2], sizes[1] + before[1] + before[3]))
        pads = window_pads(node, padded, kernel, strides)
        if any(pad >= size for pad, size in zip(pads, kernel * 2, strict=True)):
            raise node.error(f"expected padding of less than the {kernel[0]}x{kernel[1]} window, got {list(pads)}")
    total = [a + b for a, b in zip(before, pads, strict=True)]
    if node.attributes.get("ceil_mode", 0):
        for axis in (0, 1):
            total[axis + 2] += _beyond(sizes[axis], total[axis], total[axis + 2], kernel[axis], strides[axis])
    try:
        pool: OrPool | BinaryConv = OrPool((kernel[0], kernel[1]), (strides[0], strides[1]))
        if any(total):
            ones = np.ones((x.shape[0], 1, *kernel), np.uint8)
            padding = (total[0], total[1], total[2], total[3])
            pool = BinaryConv(ones, np.ones(x.shape[0], np.int32), x.shape[0], (strides[0], strides[1]), padding)
        pool.output_shape(x.shape)
    except NetworkError as error:
        raise node.error(str(error)) from None
    return pool


def _beyond(size: int, begin: int, end: int, window: int, step: int) -> int:
    """Rows past the padding that the last window of ceil_mode takes; a window that begins behind the map and `begin` is none."""
    count = -(-(size + begin + end - window) // step) + 1
    if (count - 1) * step >= size + begin:
        count -= 1
    return max(0, (count - 1) * step + window - (size + begin + end))


def _rising_table(x: Traced, node: Node) -> Traced:
    steps = np.diff(x.table, axis=1)
    falls = np.asarray((steps < 0).any(axis=1))
    if not falls.any():
        return x
    if (falls & (steps > 0).any(axis=1)).any():
        raise node.error("its input neither rises nor falls throughout with the sum or pixel before it, which is not supported")
    if isinstance(x.source, SumSource) and not x.pools:
        return reverse_rows(x, falls)
    raise node.error(f"channel {int(falls.argmax())} falls with the pixel or maximum that it comes from; threshold before pooling")
