"""Inner loops of a convolution of bits with binary weights: the ones of packed words, compiled by numba.

A window is gathered into words, tap by tap, and LANES filters count side by side. All of it lies in this one file, because numba's
cache on disk is keyed by the file. `owlbit.models.layers.bit_conv` calls it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, prange, types
from numba.core import cgutils

from owlbit.models.layers.fused_kernels import operation

LANES = 8  # filters whose ones are counted side by side
WORDS = ir.VectorType(ir.IntType(64), LANES)
INDEX = ir.IntType(64)


@operation
def _ones(typing: Any, word: Any) -> Any:
    """How many bits of a word are 1."""
    return types.int64(types.uint64), lambda context, builder, signature, args: builder.ctpop(args[0])


def _splat(builder: Any, word: Any) -> Any:
    """A word in every lane."""
    one = builder.insert_element(ir.Constant(WORDS, ir.Undefined), word, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


@operation
def _count(typing: Any, counts: Any, at: Any, window: Any, length: Any, weights: Any, start: Any, ones: Any) -> Any:
    """counts[at : at + LANES] = 2 * (ones of window & weights) - ones; word w of lane l is weights[start + w * LANES + l]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def place(argument: int, index: Any, kind: Any) -> Any:
            array = context.make_array(signature.args[argument])(context, builder, args[argument])
            return builder.bitcast(builder.gep(array.data, [index]), kind.as_pointer())

        total = cgutils.alloca_once_value(builder, ir.Constant(WORDS, [0] * LANES))  # type: ignore[no-untyped-call]
        with cgutils.for_range(builder, args[3], intp=INDEX) as loop:
            word = _splat(builder, builder.load(place(2, loop.index, ir.IntType(64))))
            index = builder.add(args[5], builder.mul(loop.index, ir.Constant(INDEX, LANES)))
            both = builder.and_(word, builder.load(place(4, index, WORDS), align=8))
            kind = ir.FunctionType(WORDS, [WORDS])
            ctpop = cgutils.get_or_insert_function(builder.module, kind, f"llvm.ctpop.v{LANES}i64")  # type: ignore[no-untyped-call]
            builder.store(builder.add(builder.load(total), builder.call(ctpop, [both])), total)
        twice = builder.add(builder.load(total), builder.load(total))
        short = builder.trunc(builder.sub(twice, _splat(builder, args[6])), ir.VectorType(ir.IntType(32), LANES))
        floats = ir.VectorType(ir.FloatType(), LANES)
        builder.store(builder.sitofp(short, floats), place(0, args[1], floats), align=4)
        return context.get_dummy_value()

    return types.void(counts, types.int64, window, types.int64, weights, types.int64, types.int64), generate


@njit(parallel=True, cache=True)
def pack_channels(bits: Any, words: Any) -> None:
    """Channels of a group as words: `bits` float32 [N, P, C] of 0 and 1, `words` uint64 [N, P, groups, ceil(C / groups / 64)]."""
    images, pixels, channels = bits.shape
    groups, length = words.shape[2:]
    own = channels // groups
    for n in prange(images):
        for p in range(pixels):
            for g in range(groups):
                for w in range(length):
                    word = np.uint64(0)
                    for c in range(64 * w, min(own, 64 * w + 64)):
                        word |= np.uint64(bits[n, p, g * own + c] > 0) << np.uint64(c - 64 * w)
                    words[n, p, g, w] = word


@njit(parallel=True, cache=True)
def join_columns(words: Any, size: Any, stride: int, padding: int, kernel: int, channels: int, joined: Any) -> None:
    """What a window reads of one row, in one word, tap by tap: of `words` of `pack_channels`, one word a pixel.

    `size`: rows and columns of the input, columns of the output; `joined` uint64 [N, rows * columns of the output, groups, 1].
    """
    images, _, groups, _ = words.shape
    rows, columns, out_columns = size
    for n in prange(images):
        for place in range(rows * out_columns):
            row, left = place // out_columns * columns, place % out_columns * stride - padding
            for g in range(groups):
                word = np.uint64(0)
                for tap in range(max(0, -left), min(kernel, columns - left)):
                    word |= words[n, row + left + tap, g, 0] << np.uint64(tap * channels)
                joined[n, place, g, 0] = word


@njit(parallel=True, cache=True)
def count(words: Any, weights: Any, size: Any, stride: int, padding: int, kernel: int, across: int, bits: int, counts: Any) -> None:
    """2 * (ones where the weight is 1) - ones, of each window, for each filter.

    `words`: of `pack_channels`, with `across` = kernel, or of `join_columns`, with `across` = 1; `weights` uint64
    [groups, ceil(filters / groups / LANES), W, LANES], a filter a lane, its bits tap by tap and in a tap channel by channel;
    `size`: rows and columns of `words`, columns of the output; `bits`: of `words`, per pixel and group; `counts` float32
    [N, Q, filters].
    """
    images, _, groups, length = words.shape
    _, spans, window_words, _ = weights.shape
    rows, columns, out_columns = size
    hop, edge = (stride, padding) if across == kernel else (1, 0)
    own = counts.shape[2] // groups
    flat = weights.reshape(-1)
    for n in prange(images):
        window = np.zeros(window_words + 1, np.uint64)
        found = np.empty(spans * LANES, np.float32)
        for q in range(counts.shape[1]):
            top, left = q // out_columns * stride - padding, q % out_columns * hop - edge
            for g in range(groups):
                window[:] = 0
                for tap in range(kernel * across):
                    y, x = top + tap // across, left + tap % across
                    if y < 0 or y >= rows or x < 0 or x >= columns:
                        continue
                    for w in range(length):
                        bit = tap * bits + 64 * w
                        place, shift = bit >> 6, np.uint64(bit & 63)
                        word = words[n, y * columns + x, g, w]
                        window[place] |= word << shift
                        if shift:
                            window[place + 1] |= word >> (np.uint64(64) - shift)
                ones = 0
                for w in range(window_words):
                    ones += _ones(window[w])
                for span in range(spans):
                    start = (g * spans + span) * window_words * LANES
                    _count(found, span * LANES, window, window_words, flat, start, ones)
                for f in range(own):
                    counts[n, q, g * own + f] = found[f]
