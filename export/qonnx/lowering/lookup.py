"""Lowering of a look-up: a Gather that reads constants at places that depend on the image, as a thermometer in torch may do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from owlbit.export.limits import LARGEST_MAP
from owlbit.export.qonnx.graph import Array, Node
from owlbit.export.qonnx.lowering.traced import PixelSource, Traced


def lower_lookup(node: Node, entries: Array, places: Traced) -> Traced:
    """`entries` [R] or [R, T] read at rows `places`: of one integer a table still, T values for each.

    Pixels alone may have T above 1, as only they may be repeated. Raises QonnxError for other look-ups, and places outside.
    """
    rows = entries.reshape(len(entries), -1) if entries.ndim in (1, 2) and entries.size else np.zeros((0, 0))
    copies = rows.shape[1]
    if not copies or node.attributes.get("axis", 0) != 0 or places.table.dtype.kind not in "iu" or places.pad_values is not None:
        raise node.error("expected rows of a constant matrix, looked up by whole numbers that depend on the image")
    if places.table.min() < 0 or places.table.max() >= len(rows):
        raise node.error(f"looks up row {int(places.table.max())} of {len(rows)}, for a pixel value that an image may have")
    if copies > 1 and not isinstance(places.source, PixelSource):
        raise node.error("repeats a tensor that is no image, which is not supported")
    channels, height, width = places.shape
    if places.order.size * copies > LARGEST_MAP:
        raise node.error(f"expected maps of up to {LARGEST_MAP:,} values, got {places.order.size * copies:,}")
    table = rows[places.table].transpose(0, 2, 1).reshape(channels * copies, -1)
    channel, place = np.divmod(places.order, height * width)
    order = (channel[..., None] * copies + np.arange(copies)) * (height * width) + place[..., None]
    source = places.source
    if isinstance(source, PixelSource) and copies > 1:
        source = PixelSource(np.repeat(source.colours, copies))
    order = order if entries.ndim == 2 else order[..., 0]
    shape = (channels * copies, height, width)
    return replace(places, shape=shape, order=order, table=table, source=source, levels=None, low=None, high=None)
