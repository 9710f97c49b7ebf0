"""The inner loops of the fast simulator: channels packed into words, one image a vector lane, compiled by numba.

numba has no vector type, and what LLVM's auto-vectoriser makes of a tiled loop is luck. So a vector of LANES words is made known
to numba here, with the few operations needed on it; on a processor with AVX-512 VPOPCNTDQ `count_mismatches` becomes `vpxord`,
`vpopcntd`, `vpaddd`. All that is compiled lies in this one file because numba's cache on disk is keyed by the file.

Memory. A map is words [channels / WORD, rows, columns, images], the images of one block lying next to each other: nothing is ever
added across lanes. Bit b of word q is channel `WORD * q + b`, in the order in which the next layer wants its channels. A map is
stored with the padding of the convolution that reads it; nobody writes that border, which stays 0. All maps lie in one arena.
`owlbit.hw.fast.program` describes the tables that say which layer does what.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import cgutils, config
from numba.extending import intrinsic, models, register_model

# As numba itself decides what to compile for.
FEATURES = getattr(config, "CPU_FEATURES", None) or binding.get_host_cpu_features().flatten()
HAS_VECTOR_POPCOUNT = "+avx512vpopcntdq" in FEATURES
# Short words waste less of a window that does not fill its last one; where popcounts are made of byte look-ups, only long ones are
# cheap. A vector is 64 or 32 bytes; registers that are shorter still take it in parts.
WORD = 32 if HAS_VECTOR_POPCOUNT else 64
LANES = (512 if HAS_VECTOR_POPCOUNT else 256) // WORD
SEGMENT = 2 * LANES
BLOCK = 32
# What a step does.
THERMOMETER, CONV, POOL, LINEAR, SCORES, OR_SKIP, XOR_SKIP = range(7)


class VectorType(types.Type):
    """LANES words in one vector register (or in two, where registers are shorter)."""

    def __init__(self) -> None:
        super().__init__(name=f"vector of {LANES} words of {WORD} bits")


VECTOR = VectorType()
WORD_TYPE = types.uint32 if WORD == 32 else types.uint64
LLVM_VECTOR = ir.VectorType(ir.IntType(WORD), LANES)


def vector_operation(typer: Callable[..., Any]) -> Callable[..., Any]:
    """numba's `intrinsic`: a function of types that returns a signature and what generates its LLVM code."""
    operation: Callable[..., Any] = intrinsic(typer)
    return operation


@register_model(VectorType)
class VectorModel(models.PrimitiveModel):
    """Tells numba that a vector is a plain LLVM value."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, LLVM_VECTOR)  # type: ignore[no-untyped-call]


def constant(value: int) -> Any:
    """The same number in every lane."""
    return ir.Constant(LLVM_VECTOR, [value] * LANES)


def splat(builder: Any, word: Any) -> Any:
    """An LLVM word in every lane."""
    one = builder.insert_element(ir.Constant(LLVM_VECTOR, ir.Undefined), word, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


def call(builder: Any, name: str, *args: Any) -> Any:
    """One of LLVM's own operations on vectors."""
    kind = ir.FunctionType(LLVM_VECTOR, [LLVM_VECTOR] * len(args))
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}i{WORD}")  # type: ignore[no-untyped-call]
    return builder.call(function, args)


def address(context: Any, builder: Any, signature: Any, args: Any, position: int) -> Any:
    """Pointer to the element of array args[position] at index args[position + 1]; no check for a negative index slows it down."""
    array = context.make_array(signature.args[position])(context, builder, args[position])
    return builder.gep(array.data, [args[position + 1]])


@vector_operation
def load(typing: Any, array: Any, index: Any) -> Any:
    """array[index : index + LANES]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = builder.bitcast(address(context, builder, signature, args, 0), LLVM_VECTOR.as_pointer())
        return builder.load(place, align=WORD // 8)

    return VECTOR(array, types.int64), generate


@vector_operation
def load_one(typing: Any, array: Any, index: Any) -> Any:
    """array[index] in every lane."""
    return VECTOR(array, types.int64), lambda context, builder, signature, args: splat(
        builder, builder.load(address(context, builder, signature, args, 0))
    )


@vector_operation
def store(typing: Any, array: Any, index: Any, vector: Any) -> Any:
    """array[index : index + LANES] = vector."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = builder.bitcast(address(context, builder, signature, args, 0), LLVM_VECTOR.as_pointer())
        builder.store(args[2], place, align=WORD // 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, VECTOR), generate


@vector_operation
def zeros(typing: Any) -> Any:
    """A vector of zeros."""
    return VECTOR(), lambda context, builder, signature, args: constant(0)


@vector_operation
def count_mismatches(typing: Any, count: Any, bits: Any, weights: Any, index: Any) -> Any:
    """count + popcount(bits ^ weights[index]), lane by lane."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        weight = splat(builder, builder.load(address(context, builder, signature, args, 2)))
        return builder.add(args[0], call(builder, "ctpop", builder.xor(args[1], weight)))

    return VECTOR(VECTOR, VECTOR, weights, types.int64), generate


@vector_operation
def either(typing: Any, word: Any, other: Any) -> Any:
    """word | other."""
    return VECTOR(VECTOR, VECTOR), lambda context, builder, signature, args: builder.or_(*args)


@vector_operation
def differ(typing: Any, word: Any, other: Any) -> Any:
    """word ^ other."""
    return VECTOR(VECTOR, VECTOR), lambda context, builder, signature, args: builder.xor(*args)


@vector_operation
def push_sign(typing: Any, word: Any, count: Any) -> Any:
    """(word << 1) | (count < 0)."""
    return VECTOR(VECTOR, VECTOR), lambda context, builder, signature, args: call(builder, "fshl", args[0], args[1], constant(1))


@vector_operation
def put_piece(typing: Any, word: Any, piece: Any, turn: Any, mask: Any) -> Any:
    """word | (piece rotated left by `turn` & mask)."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        turned = call(builder, "fshl", args[1], args[1], splat(builder, args[2]))
        return builder.or_(args[0], builder.and_(turned, splat(builder, args[3])))

    return VECTOR(VECTOR, VECTOR, WORD_TYPE, WORD_TYPE), generate


@njit
def fire(x, at, pitch, words, run, weights, starts, low, high):  # type: ignore[no-untyped-def]
    """Pushes the bits of a run's filters into `low` and `high`, for the SEGMENT images at x[at], x[at + pitch], ...

    Four filters share every load of the window, two vectors every load of a weight.
    """
    f, a = run.first, run.weights
    while f + 4 <= run.last:
        a0, b0, c0, d0 = load_one(starts, f), load_one(starts, f + 1), load_one(starts, f + 2), load_one(starts, f + 3)
        a1, b1, c1, d1 = a0, b0, c0, d0
        b, c, d = a + words, a + 2 * words, a + 3 * words
        here = at
        for w in range(words):
            x0, x1 = load(x, here), load(x, here + LANES)
            a0, a1 = count_mismatches(a0, x0, weights, a + w), count_mismatches(a1, x1, weights, a + w)
            b0, b1 = count_mismatches(b0, x0, weights, b + w), count_mismatches(b1, x1, weights, b + w)
            c0, c1 = count_mismatches(c0, x0, weights, c + w), count_mismatches(c1, x1, weights, c + w)
            d0, d1 = count_mismatches(d0, x0, weights, d + w), count_mismatches(d1, x1, weights, d + w)
            here += pitch
        low = push_sign(push_sign(push_sign(push_sign(low, a0), b0), c0), d0)
        high = push_sign(push_sign(push_sign(push_sign(high, a1), b1), c1), d1)
        f, a = f + 4, a + 4 * words
    while f < run.last:
        a0, a1 = count(x, at, pitch, words, weights, a, load_one(starts, f))
        low, high = push_sign(low, a0), push_sign(high, a1)
        f, a = f + 1, a + words
    return low, high


@njit
def count(x, at, pitch, words, weights, row, start):  # type: ignore[no-untyped-def]
    """start + mismatches of one filter, two vectors."""
    low, high = start, start
    for w in range(words):
        low = count_mismatches(low, load(x, at), weights, row + w)
        high = count_mismatches(high, load(x, at + LANES), weights, row + w)
        at += pitch
    return low, high


@njit
def gather_word(program, index, arena, origin, images):  # type: ignore[no-untyped-def]
    """Word number `index` of all that are packed from pieces, for the segment whose map begins at `origin`: two vectors."""
    low, high = zeros(), zeros()
    for p in range(program.piece_starts[index], program.piece_starts[index + 1]):
        piece = program.pieces[p]
        at = origin + piece.source * images
        low = put_piece(low, load(arena, at), piece.turn, piece.mask)
        high = put_piece(high, load(arena, at + LANES), piece.turn, piece.mask)
    return low, high


@njit
def gather_window(step, program, arena, origin, images, window):  # type: ignore[no-untyped-def]
    """Packs the bits under a segment of output positions into `window`: words [window_words, SEGMENT]. `origin`: its first lane."""
    for w in range(step.window_words):
        low, high = gather_word(program, step.first_piece + w, arena, origin, images)
        store(window, w * SEGMENT, low)
        store(window, w * SEGMENT + LANES, high)


@njit
def run_filters(step, program, x, origin, pitch, outputs):  # type: ignore[no-untyped-def]
    """All filters of a layer on one segment of x; `outputs`: words [step.words, SEGMENT]."""
    r = step.first_run
    for word in range(step.words):
        low, high = zeros(), zeros()
        while r < step.last_run and program.runs[r].word == word:
            run = program.runs[r]
            at = origin + run.window * pitch
            low, high = fire(x, at, pitch, step.filter_words, run, program.weights, program.starts, low, high)
            r += 1
        store(outputs, word * SEGMENT, low)
        store(outputs, word * SEGMENT + LANES, high)


@njit
def run_conv(step, program, arena, images, window, outputs):  # type: ignore[no-untyped-def]
    """A convolution. With a whole block, a segment is images at one position."""
    plane = step.target_rows * step.target_columns
    for y in range(step.rows):
        for x in range(step.columns):
            source = step.source + y * step.stride_rows * step.source_columns + x * step.stride_columns
            target = step.target + y * step.target_columns + x
            for lane in range(0, images, SEGMENT):
                gather_window(step, program, arena, source * images + lane, images, window)
                run_filters(step, program, window, 0, SEGMENT, outputs)
                for word in range(step.words):
                    at = (target + word * plane) * images + lane
                    store(arena, at, load(outputs, word * SEGMENT))
                    store(arena, at + LANES, load(outputs, word * SEGMENT + LANES))


@njit
def run_flat_conv(step, program, arena, images, window, outputs):  # type: ignore[no-untyped-def]
    """A convolution on less than a block: a segment runs on over columns and rows, so that few images fill it too.

    It runs over the columns of the source, not all of which have an output: what is computed there is thrown away.
    """
    plane = step.target_rows * step.target_columns
    last = (step.rows - 1) * step.stride_rows * step.source_columns + (step.columns - 1) * step.stride_columns
    span = (last + 1) * images
    for first in range(0, span, SEGMENT):
        gather_window(step, program, arena, step.source * images + first, images, window)
        run_filters(step, program, window, 0, SEGMENT, outputs)
        for lane in range(min(SEGMENT, span - first)):
            position, image = divmod(first + lane, images)
            y, skipped_rows = divmod(position // step.source_columns, step.stride_rows)
            x, skipped_columns = divmod(position % step.source_columns, step.stride_columns)
            if skipped_rows == 0 and skipped_columns == 0 and x < step.columns:
                at = (step.target + y * step.target_columns + x) * images + image
                for word in range(step.words):
                    arena[at + word * plane * images] = outputs[word * SEGMENT + lane]


@njit
def run_linear(step, program, arena, images, outputs):  # type: ignore[no-untyped-def]
    """A hidden linear layer: one window, which is the whole map as it lies in memory."""
    plane = step.target_rows * step.target_columns
    for first in range(0, images, SEGMENT):
        run_filters(step, program, arena, step.source * images + first, images, outputs)
        for word in range(step.words):
            for lane in range(min(SEGMENT, images - first)):
                arena[(step.target + word * plane) * images + first + lane] = outputs[word * SEGMENT + lane]


@njit
def run_scores(step, program, arena, images, outputs, scores):  # type: ignore[no-untyped-def]
    """The last layer: int32 [N, classes] into `scores`, whose N may be less than `images`."""
    for first in range(0, len(scores), SEGMENT):
        for label in range(scores.shape[1]):
            row = step.first_row + label * step.filter_words
            at = step.source * images + first
            low, high = count(arena, at, images, step.filter_words, program.weights, row, zeros())
            store(outputs, 0, low)
            store(outputs, LANES, high)
            for n in range(first, min(first + SEGMENT, len(scores))):
                scores[n, label] = step.fan_in - 2 * np.int64(outputs[n - first])


@njit
def run_pool(step, arena, images):  # type: ignore[no-untyped-def]
    """OR of the words under a window."""
    for word in range(step.words):
        for y in range(step.rows):
            for x in range(step.columns):
                row = word * step.source_rows + y * step.stride_rows
                source = (step.source + row * step.source_columns + x * step.stride_columns) * images
                target = (step.target + (word * step.target_rows + y) * step.target_columns + x) * images
                # The words after the last image may be a border: what they held comes back.
                kept = load(arena, target + images)
                for lane in range(0, images, LANES):
                    store(arena, target + lane, pool_window(step, arena, source + lane, images))
                store(arena, target + images, kept)


@njit
def pool_window(step, arena, at, images):  # type: ignore[no-untyped-def]
    """OR of the words at and around `at`, one vector."""
    word = zeros()
    for dy in range(step.kernel_rows):
        for dx in range(step.kernel_columns):
            word = either(word, load(arena, at + (dy * step.source_columns + dx) * images))
    return word


@njit
def run_skip(step, program, arena, images):  # type: ignore[no-untyped-def]
    """A logic skip, row by row: the images of a row's columns lie one after the other in both maps and in the target."""
    span = step.columns * images
    for word in range(step.words):
        for y in range(step.rows):
            current = (step.source + y * step.source_columns) * images
            earlier = (step.earlier + y * step.earlier_columns) * images
            target = (step.target + (word * step.target_rows + y) * step.target_columns) * images
            # The words after the row may be a border: what they held comes back.
            low, high = load(arena, target + span), load(arena, target + span + LANES)
            for lane in range(0, span, SEGMENT):
                a0, a1 = gather_word(program, step.first_piece + 2 * word, arena, current + lane, images)
                b0, b1 = gather_word(program, step.first_piece + 2 * word + 1, arena, earlier + lane, images)
                store(arena, target + lane, differ(a0, b0) if step.kind == XOR_SKIP else either(a0, b0))
                store(arena, target + lane + LANES, differ(a1, b1) if step.kind == XOR_SKIP else either(a1, b1))
            store(arena, target + span, low)
            store(arena, target + span + LANES, high)


@njit
def run_thermometer(step, program, pixels, arena, images):  # type: ignore[no-untyped-def]
    """uint8 [N, C, H, W] to words: a look-up a colour. N may be less than `images`; the other lanes keep what they held."""
    plane = step.target_rows * step.target_columns
    for y in range(step.rows):
        before = -1
        for k in range(len(program.levels)):
            level, lut = program.levels[k], program.lut[k]
            row = step.target + level.word * plane + y * step.target_columns
            for n in range(len(pixels)):
                line = pixels[n, level.colour, y]
                for x in range(step.columns):
                    at = (row + x) * images + n
                    arena[at] = lut[line[x]] if level.word != before else arena[at] | lut[line[x]]
            before = level.word


def cached(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled without the interpreter's lock, and kept on disk: in this folder, else in NUMBA_CACHE_DIR or the user's cache."""
    compiled: Callable[..., Any]
    try:
        compiled = njit(nogil=True, cache=True)(function)
    except RuntimeError:
        # No folder can be written to: compile anew in every process.
        compiled = njit(nogil=True)(function)
    return compiled


@cached
def run_images(program, pixels, images, arena, window, outputs, scores):  # type: ignore[no-untyped-def]
    """Scores of uint8 pixels [N, C, H, W] into int32 scores [N, classes], `images` at a time, BLOCK at most.

    `arena`: words, zero where this was not called before with the same program and `images`; `window`, `outputs`: scratch.
    """
    for first in range(0, len(pixels), images):
        for s in range(len(program.steps)):
            step = program.steps[s]
            if step.kind == THERMOMETER:
                run_thermometer(step, program, pixels[first : first + images], arena, images)
            elif step.kind == CONV and images < BLOCK:
                run_flat_conv(step, program, arena, images, window, outputs)
            elif step.kind == CONV:
                run_conv(step, program, arena, images, window, outputs)
            elif step.kind == POOL:
                run_pool(step, arena, images)
            elif step.kind == LINEAR:
                run_linear(step, program, arena, images, outputs)
            elif step.kind == SCORES:
                run_scores(step, program, arena, images, outputs, scores[first : first + images])
            else:
                run_skip(step, program, arena, images)
