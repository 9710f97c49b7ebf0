"""A float32 factor and offset per class that give the file's values of all integer scores, if any do; else the nearest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Floats
from owlbit.export.qonnx.graph import Array, Node

_STEPS = 8  # neighbours that are tried of a factor, each way


def ranked_values(factors: Floats, offsets: Floats, fan_in: int) -> NDArray[np.float32]:
    """float32 [classes, K+1]: score * factor + offset by popcount, as `Network.ranked` computes it."""
    scores = np.arange(-fan_in, fan_in + 1, 2).astype(np.float32)
    return scores * factors[:, None] + offsets[:, None]


def fit_factors(table: Array, node: Node) -> tuple[Floats, Floats]:
    """float32 [classes] each, for `table` float32 [classes, K+1], the file's values by popcount.

    Raises QonnxError where a class does not rise evenly with its score, but for float32's rounding, or where neighbours are equal.
    """
    fan_in = table.shape[1] - 1
    wide = table.astype(np.float64)
    if not np.isfinite(table).all():
        raise node.error("expected finite scores, got infinity; its scale or its offset is too large")
    factors = (wide[:, -1] - wide[:, 0]) / (2 * fan_in)
    offsets = (wide[:, -1] + wide[:, 0]) / 2
    line = np.arange(-fan_in, fan_in + 1, 2) * factors[:, None] + offsets[:, None]
    size = np.abs(wide).max(axis=1, keepdims=True)
    if (np.abs(wide - line) > 1e-4 * np.abs(factors[:, None]) + 4e-6 * size).any():
        raise node.error("expected scores with one factor and one offset per class; another function of the sums is not supported")
    constant = (wide == wide[:, :1]).all(axis=1)
    if constant.all() or (np.diff(wide, axis=1)[~constant] <= 0).any() or (~constant & (factors.astype(np.float32) == 0)).any():
        raise node.error("expected scores that float32 tells apart; scale them up or leave the offset out")
    rows: dict[bytes, tuple[np.float32, np.float32]] = {}
    for row in table:
        if row.tobytes() not in rows:
            rows[row.tobytes()] = _fit(row)
    found = [rows[row.tobytes()] for row in table]
    return np.array([pair[0] for pair in found], np.float32), np.array([pair[1] for pair in found], np.float32)


def _fit(row: Array) -> tuple[np.float32, np.float32]:
    """The factor and offset of one class, of the pairs near the straight line the one with the fewest other values."""
    fan_in = len(row) - 1
    scores = np.arange(-fan_in, fan_in + 1, 2).astype(np.float32)
    if (row == row[0]).all():
        return np.float32(0), row[0]
    wide = row.astype(np.float64)
    first = np.float32((wide[-1] - wide[0]) / (2 * fan_in))
    middle = np.float32((wide[-1] + wide[0]) / 2)
    centre = int(np.abs(row).argmin())
    best, least = (first, middle), len(row) + 1
    for factor in _around(first, _STEPS):
        products = scores * factor
        # Where a value is small its own rounding is, so what it leaves for the offset is nearly exact.
        for offset in {np.float32(0), middle, *_around(np.float32(row[centre] - products[centre]), 2)}:
            wrong = int((products + offset != row).sum())
            if wrong < least or (wrong == least and offset == 0 != best[1]):
                best, least = (factor, offset), wrong
        if least == 0:
            break
    return best


def _around(value: np.float32, steps: int) -> list[np.float32]:
    """The value and its neighbours, nearest first."""
    found, up, down = [value], value, value
    for _ in range(steps):
        up, down = np.nextafter(up, np.float32(np.inf)), np.nextafter(down, np.float32(-np.inf))
        found += [up, down]
    return found
