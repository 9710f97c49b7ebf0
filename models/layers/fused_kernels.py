"""Inner loops of fast training on a processor: normalise, pool and sign in one pass over a map, compiled by numba.

A map is [N, H, W, C], channels innermost so that every loop over them becomes vector code: float32, or uint16, which are bfloat16
numbers as their upper halves of float32. Images are spread over threads. `owlbit.models.layers.fused` says what is computed and
why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, prange, types
from numba.extending import intrinsic

WORD = ir.IntType(32)
CLIPPED, TRIANGULAR, HARDTANH, RELU = range(4)  # what follows a normalisation; the first two give bits
SUM_LENGTH = 64  # values added in float32 before they go to float64: sums of popcounts and of their squares stay exact


def operation(typer: Callable[..., Any]) -> Callable[..., Any]:
    """numba's `intrinsic`: a function of types that returns a signature and what generates its LLVM code."""
    made: Callable[..., Any] = intrinsic(typer)
    return made


@operation
def _widen(typing: Any, number: Any) -> Any:
    """float32 of a number in a map."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if number == types.float32:
            return args[0]
        bits = builder.shl(builder.zext(args[0], WORD), ir.Constant(WORD, 16))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(number), generate


@operation
def _narrow(typing: Any, value: Any, of: Any) -> Any:
    """A finite float32 as a number of the map `of`: the nearest bfloat16, ties to even, or itself."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if of.dtype == types.float32:
            return args[0]
        bits = builder.bitcast(args[0], WORD)
        odd = builder.and_(builder.lshr(bits, ir.Constant(WORD, 16)), ir.Constant(WORD, 1))
        rounded = builder.add(builder.add(bits, ir.Constant(WORD, 0x7FFF)), odd)
        return builder.trunc(builder.lshr(rounded, ir.Constant(WORD, 16)), ir.IntType(16))

    return of.dtype(types.float32, of), generate


@njit(parallel=True, cache=True)
def channel_sums(values: Any, sums: Any, squares: Any) -> None:
    """Of every image the sums of values and of squares over its map: float64 [N, C] each; `values` [N, H, W, C]."""
    images, height, width, channels = values.shape
    for n in prange(images):
        some, some_squares = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
        sums[n] = 0
        squares[n] = 0
        added = 0
        for h in range(height):
            for w in range(width):
                for c in range(channels):
                    value = _widen(values[n, h, w, c])
                    some[c] += value
                    some_squares[c] += value * value
                added += 1
                if added == SUM_LENGTH or (h == height - 1 and w == width - 1):
                    for c in range(channels):
                        sums[n, c] += some[c]
                        squares[n, c] += some_squares[c]
                        some[c] = 0
                        some_squares[c] = 0
                    added = 0


@njit(inline="always")
def _activate(value: Any, kind: int) -> Any:
    """What a normalised value becomes, where 0 stands for -1 and 1 for +1."""
    if kind == HARDTANH:
        return (min(max(value, np.float32(-1)), np.float32(1)) + np.float32(1)) * np.float32(0.5)
    if kind == RELU:
        return max(value, np.float32(0))
    return np.float32(1) if value >= 0 else np.float32(0)


@njit(inline="always")
def _through(gradient: Any, value: Any, kind: int) -> Any:
    """The gradient by a normalised value; half that of the +-1 network's estimator, since a bit is half a step of a sign."""
    magnitude = abs(value)
    if kind == TRIANGULAR:
        return gradient * max(np.float32(1) - magnitude, np.float32(0))
    if kind == RELU:
        return gradient if value > 0 else np.float32(0)
    return gradient * np.float32(0.5) if magnitude <= 1 else np.float32(0)


@njit(parallel=True, cache=True)
def pool_activate(values: Any, slopes: Any, offsets: Any, side: int, kind: int, out: Any, places: Any) -> None:
    """Activations of the largest slope * value + offset of each window, and where in its window it is (the first of equals).

    `values` [N, H, W, C]; `slopes`, `offsets` float32 [C]; `out` [N, H // side, W // side, C]; `places` uint8 like `out`,
    row * side + column within the window.
    """
    images, height, width, channels = out.shape
    for n in prange(images):
        # The place is kept as a float beside the value: loops over numbers of one size become vector code.
        best, at = np.empty(channels, np.float32), np.empty(channels, np.float32)
        for h in range(height):
            for w in range(width):
                for c in range(channels):
                    best[c] = slopes[c] * _widen(values[n, h * side, w * side, c]) + offsets[c]
                    at[c] = 0
                for place in range(1, side * side):
                    row, column = h * side + place // side, w * side + place % side
                    number = np.float32(place)
                    for c in range(channels):
                        value = slopes[c] * _widen(values[n, row, column, c]) + offsets[c]
                        larger = value > best[c]
                        best[c] = value if larger else best[c]
                        at[c] = number if larger else at[c]
                for c in range(channels):
                    out[n, h, w, c] = _narrow(_activate(best[c], kind), out)
                for c in range(channels):
                    places[n, h, w, c] = np.uint8(at[c])


@njit(parallel=True, cache=True)
def gradient_sums(
    gradients: Any, values: Any, places: Any, slopes: Any, offsets: Any, means: Any, side: int, kind: int, sums: Any, products: Any
) -> None:
    """Of every image, over its map, the sums of the gradients by normalised values, and of those times (value - mean).

    `gradients` and `places`, uint8, [N, H // side, W // side, C]; `values` [N, H, W, C]; `sums`, `products` float64 [N, C].
    """
    images, height, width, channels = gradients.shape
    for n in prange(images):
        some, some_products = np.empty(channels, np.float32), np.empty(channels, np.float32)
        sums[n] = 0
        products[n] = 0
        for h in range(height):
            some[:] = 0
            some_products[:] = 0
            for w in range(width):
                for place in range(side * side):
                    row, column = h * side + place // side, w * side + place % side
                    for c in range(channels):
                        value = _widen(values[n, row, column, c])
                        here = _through(_widen(gradients[n, h, w, c]), slopes[c] * value + offsets[c], kind)
                        here = here if places[n, h, w, c] == place else np.float32(0)
                        some[c] += here
                        some_products[c] += here * (value - means[c])
            for c in range(channels):
                sums[n, c] += some[c]
                products[n, c] += some_products[c]


@njit(parallel=True, cache=True)
def value_gradients(
    gradients: Any,
    values: Any,
    places: Any,
    slopes: Any,
    offsets: Any,
    constants: Any,
    factors: Any,
    side: int,
    kind: int,
    out: Any,
) -> None:
    """Gradients by `values`: slope * (gradient by the normalised value) - constant - factor * value, into `out`
    [N, H, W, C].

    `constants`, `factors` float32 [C] carry what comes back through mean and variance; the rest as in `gradient_sums`.
    """
    images, height, width, channels = values.shape
    rows, columns = gradients.shape[1], gradients.shape[2]
    for n in prange(images):
        for h in range(height):
            for w in range(width):
                row, column = h // side, w // side
                inside = row < rows and column < columns
                place = np.uint8((h - row * side) * side + w - column * side)
                if inside:
                    for c in range(channels):
                        value = _widen(values[n, h, w, c])
                        here = _through(_widen(gradients[n, row, column, c]), slopes[c] * value + offsets[c], kind)
                        here = here if places[n, row, column, c] == place else np.float32(0)
                        out[n, h, w, c] = _narrow(slopes[c] * here - constants[c] - factors[c] * value, out)
                else:
                    for c in range(channels):
                        out[n, h, w, c] = _narrow(-constants[c] - factors[c] * _widen(values[n, h, w, c]), out)
