"""How far a float32 sum of products can lie from the sum in real numbers, whatever order its terms are added in.

Each addition is off by at most half a unit in the last place of its result, u times its size with u = 2**-24. A sum is exact where
all terms are multiples of one power of two and their sizes add up to at most 2**24 of it, as no partial sum is then rounded.
Source: N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., chapter 4.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from owlbit.export.qonnx.graph import Array

FLOAT_MAX = float(np.finfo(np.float32).max)
_UNIT = 2.0**-24


def sum_errors(weights: Array, values: NDArray[np.float64], table: NDArray[np.float64], spread: float) -> NDArray[np.float64]:
    """float64 [filters, K+1]: a bound of the executor's error by popcount, 0 where it has none.

    `weights` [filters, ...]; `values` [..., 2]: the two values of each weight's input; `table` [filters, K+1]: the sums in real
    numbers; `spread`: how far the inputs may lie from `values`.
    """
    flat = np.abs(weights.reshape(len(weights), -1))
    count = flat.shape[1]
    if (flat == flat[:, :1]).all():  # mostly: one size per filter, and few different inputs
        wide, inputs = flat[:, :1].astype(np.float64), np.unique(values.reshape(-1, 2), axis=0)
    else:
        wide, inputs = flat.astype(np.float64), np.broadcast_to(values, (*weights.shape, 2)).reshape(*flat.shape, 2)
    terms = [wide * inputs[..., side] for side in (0, 1)]
    largest = np.maximum(np.abs(terms[0]), np.abs(terms[1])).max(axis=1)
    grid = np.minimum(*(_last_places(each).min(axis=1) for each in terms))
    exact = count * largest <= 2.0**24 * grid
    if exact.all() and not spread:
        return np.zeros(table.shape)
    # The partial sums of a sum of terms +-c are at most as many c as there are of one sign, and then fall by the other's.
    of_sign = np.arange(count + 1, dtype=np.float64)
    more, fewer = np.maximum(of_sign, count - of_sign), np.minimum(of_sign, count - of_sign)
    balanced = bool(np.array_equal(np.abs(terms[0]), np.abs(terms[1])))
    steps = (
        more * (more + 1) / 2 + fewer * more - fewer * (fewer + 1) / 2 if balanced else np.full(count + 1, count * (count + 1) / 2)
    )
    rounded_products = any((each.astype(np.float32) != each).any() for each in terms)
    error = _UNIT * largest[:, None] * (steps + (count if rounded_products else 0)) * (1 + count * _UNIT)
    bound: NDArray[np.float64] = np.where(exact[:, None], 0.0, error)
    bound += spread * flat.astype(np.float64).sum(axis=1)[:, None]
    return bound


def _last_places(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The value of the lowest bit that is set in each number; infinity for 0."""
    mantissas, exponents = np.frexp(values)
    whole = np.ldexp(mantissas, 53).astype(np.int64)
    lowest: NDArray[np.float64] = (whole & -whole).astype(np.float64)
    places: NDArray[np.float64] = np.where(whole == 0, np.inf, np.ldexp(lowest, exponents - 53))
    return places
