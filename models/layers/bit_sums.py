"""Inner loops of the gradients of a convolution of bits with binary weights: sums that are looked up, compiled by numba.

Both gradients are sums of real numbers, each of which one bit takes in or leaves out. Four numbers have sixteen such sums. They are
computed once, and each of the hundreds of weights or inputs that the four numbers belong to takes the one that its four bits choose
(the method of Arlazarov, Dinic, Kronrod and Faradzhev, 1970): one load and one addition in place of four products, in vectors of
SPAN numbers.

All gradients of one pixel of the output enter a result before those of the next pixel, whatever the number of threads. All of it
lies in this one file, because numba's cache on disk is keyed by the file. `owlbit.models.layers.bit_conv` calls it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, prange, types

from owlbit.models.layers.fused_kernels import operation

SPAN = 32  # numbers in a vector: images or filters
FOURS = SPAN // 4  # tables that the bits of one word of 32 look into
TABLE = 16 * SPAN
INDEX = ir.IntType(64)


def _vector_at(context: Any, builder: Any, vector: Any, kind: Any, array: Any, index: Any) -> Any:
    """Pointer to the `vector` that begins at array[index], float32; no check for a negative index slows it down."""
    start = builder.gep(context.make_array(kind)(context, builder, array).data, [index])
    return builder.bitcast(start, vector.as_pointer())


def _filler(lanes: int, signed: bool) -> Callable[..., Any]:
    """table[start : start + TABLE] = the 16 sums of four vectors from `first` on; entry e has vector k where bit k of e is 1.

    `lanes`: how many of the SPAN numbers of each are computed; `signed`: where the bit is 0, the vector is subtracted.
    """
    vector = ir.VectorType(ir.FloatType(), lanes)

    @operation
    def fill(typing: Any, table: Any, start: Any, vectors: Any, first: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            def place(argument: int, offset: int) -> Any:
                index = builder.add(args[argument + 1], ir.Constant(INDEX, offset))
                return _vector_at(context, builder, vector, signature.args[argument], args[argument], index)

            terms = [builder.load(place(2, SPAN * k), align=4) for k in range(4)]
            entries = [ir.Constant(vector, [0.0] * lanes)]
            if signed:
                for term in terms:
                    entries[0] = builder.fsub(entries[0], term)
                terms = [builder.fadd(term, term) for term in terms]
            for term in terms:
                entries += [builder.fadd(entry, term) for entry in entries]
            for number, entry in enumerate(entries):
                builder.store(entry, place(0, SPAN * number), align=4)
            return context.get_dummy_value()

        return types.void(table, types.int64, vectors, types.int64), generate

    return fill


_fill, _fill_narrow, _fill_signed = _filler(SPAN, False), _filler(SPAN // 2, False), _filler(SPAN, True)


def _looker(lanes: int, fours: int) -> Callable[..., Any]:
    """sums[at : at + lanes] += from each of `fours` tables the entry that four bits of `word` choose, the lowest bits first."""
    vector = ir.VectorType(ir.FloatType(), lanes)

    @operation
    def look_up(typing: Any, sums: Any, at: Any, tables: Any, word: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            place = _vector_at(context, builder, vector, signature.args[0], args[0], args[1])
            total = builder.load(place, align=4)
            # Shifted so that each four bits come to lie where they are a multiple of SPAN.
            word = builder.shl(builder.zext(args[3], INDEX), ir.Constant(INDEX, SPAN.bit_length() - 1))
            for number in range(fours):
                entry = builder.and_(builder.lshr(word, ir.Constant(INDEX, 4 * number)), ir.Constant(INDEX, 15 * SPAN))
                index = builder.add(entry, ir.Constant(INDEX, number * TABLE))
                found = builder.load(_vector_at(context, builder, vector, signature.args[2], args[2], index), align=4)
                total = builder.fadd(total, found)
            builder.store(total, place, align=4)
            return context.get_dummy_value()

        return types.void(sums, types.int64, tables, types.uint32), generate

    return look_up


# Of 16 filters or fewer, half a vector, or half of the tables, has all.
_look_up, _look_up_narrow, _look_up_half = _looker(SPAN, FOURS), _looker(SPAN // 2, FOURS), _looker(SPAN, FOURS // 2)


@njit(parallel=True, cache=True)
def pack_images(bits: Any, words: Any) -> None:
    """Images as words: `bits` float32 [N, P, C] of 0 and 1, `words` uint32 [ceil(N / 32), P, C]."""
    images, pixels, channels = bits.shape
    for block in prange(len(words)):
        words[block] = 0
        for p in range(pixels):
            for j in range(min(32, images - 32 * block)):
                for c in range(channels):
                    words[block, p, c] |= np.uint32(bits[32 * block + j, p, c] > 0) << np.uint32(j)


@njit(parallel=True, cache=True)
def sum_for_weights(
    words: Any, gradients: Any, size: Any, stride: int, padding: int, kernel: int, groups: int, chunk: int, out: Any
) -> None:
    """For each weight the sum of the gradients of all outputs that it took a 1 to.

    `words`: of `pack_images`; `gradients` float32 [N, Q, filters]; `size`: as in `count`; `chunk`: how many channels of a group one
    thread works at; `out` float32 [filters, taps, C / groups].
    """
    images, pixels, filters = gradients.shape
    channels, own = words.shape[2] // groups, filters // groups
    rows, columns, out_columns = size
    spans, chunks = (own + SPAN - 1) // SPAN, (channels + chunk - 1) // chunk
    for task in prange(groups * spans * chunks):
        g, first, begin = task // (spans * chunks), task // chunks % spans * SPAN, task % chunks * chunk
        some, wide = min(chunk, channels - begin), min(SPAN, own - first)
        narrow = wide <= SPAN // 2
        sums = np.zeros(kernel * kernel * some * SPAN, np.float32)
        tables = np.empty(FOURS * TABLE, np.float32)
        vectors = np.zeros(32 * SPAN, np.float32)  # of 32 images, a filter a lane
        for block in range(len(words)):
            own_images = min(32, images - 32 * block)
            vectors[own_images * SPAN :] = 0
            for q in range(pixels):
                for j in range(own_images):
                    for f in range(wide):
                        vectors[j * SPAN + f] = gradients[32 * block + j, q, g * own + first + f]
                for four in range(FOURS):
                    if narrow:
                        _fill_narrow(tables, four * TABLE, vectors, 4 * four * SPAN)
                    else:
                        _fill(tables, four * TABLE, vectors, 4 * four * SPAN)
                top, left = q // out_columns * stride - padding, q % out_columns * stride - padding
                for tap in range(kernel * kernel):
                    y, x = top + tap // kernel, left + tap % kernel
                    if y < 0 or y >= rows or x < 0 or x >= columns:
                        continue
                    at, p = tap * some * SPAN, y * columns + x
                    for c in range(some):
                        if narrow:
                            _look_up_narrow(sums, at + c * SPAN, tables, words[block, p, g * channels + begin + c])
                        else:
                            _look_up(sums, at + c * SPAN, tables, words[block, p, g * channels + begin + c])
        for tap in range(kernel * kernel):
            for c in range(some):
                for f in range(wide):
                    out[g * own + first + f, tap, begin + c] = sums[(tap * some + c) * SPAN + f]


@njit(parallel=True, cache=True)
def sum_for_inputs(words: Any, gradients: Any, size: Any, stride: int, padding: int, kernel: int, chunk: int, out: Any) -> None:
    """For each input the sum of the gradients of all outputs that it enters, times the weight, -1 or +1, by which it does.

    `words` uint32 [groups, ceil(filters / groups / 32), taps, C / groups], the weights of 32 filters; `gradients`, `size`, `chunk`:
    as in `sum_for_weights`; `out` float32 [N, P, C].
    """
    groups, spans, taps, channels = words.shape
    images, pixels, filters = gradients.shape
    own = filters // groups
    rows, columns, out_columns = size
    blocks, chunks = (images + SPAN - 1) // SPAN, (channels + chunk - 1) // chunk
    for task in prange(blocks * groups * chunks):
        block, g, begin = task // (groups * chunks), task // chunks % groups, task % chunks * chunk
        some, own_images = min(chunk, channels - begin), min(SPAN, images - SPAN * block)
        sums = np.zeros(rows * columns * some * SPAN, np.float32)
        tables = np.empty(FOURS * TABLE, np.float32)
        vectors = np.zeros(spans * 32 * SPAN, np.float32)  # of 32 filters each, an image a lane
        for q in range(pixels):
            for j in range(own_images):
                for f in range(own):
                    vectors[f * SPAN + j] = gradients[SPAN * block + j, q, g * own + f]
            top, left = q // out_columns * stride - padding, q % out_columns * stride - padding
            for span in range(spans):
                half = own - 32 * span <= 16
                for four in range(FOURS // 2 if half else FOURS):
                    _fill_signed(tables, four * TABLE, vectors, (32 * span + 4 * four) * SPAN)
                for tap in range(taps):
                    y, x = top + tap // kernel, left + tap % kernel
                    if y < 0 or y >= rows or x < 0 or x >= columns:
                        continue
                    at = (y * columns + x) * some * SPAN
                    for c in range(some):
                        if half:
                            _look_up_half(sums, at + c * SPAN, tables, words[g, span, tap, begin + c])
                        else:
                            _look_up(sums, at + c * SPAN, tables, words[g, span, tap, begin + c])
        for p in range(rows * columns):
            for j in range(own_images):
                for c in range(some):
                    out[SPAN * block + j, p, g * channels + begin + c] = sums[(p * some + c) * SPAN + j]
