"""The inner loops of the fast simulator: bits packed 64 to a word, one image a vector lane, compiled by numba.

numba has no vector type, and what LLVM's auto-vectoriser makes of a tiled loop is luck. So a vector of LANES 64-bit words is made
known to numba here, with the few operations needed on it; on a processor with AVX-512 VPOPCNTDQ `count_mismatches` becomes
`vpxorq`, `vpopcntq`, `vpaddq`. All that is compiled lies in this one file because numba's cache on disk is keyed by it.

Memory. A map is `uint64 [words, rows, columns, images]`, the images of one block lying next to each other: nothing is ever
added across lanes. Bit b of word q is channel `64*q + b`, in the order in which the next layer wants its channels. A map is stored
with the padding of the convolution that reads it; nobody writes the border, which stays 0. All maps lie in one arena.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model
from numpy.typing import NDArray

LANES = 8 if binding.get_host_cpu_features().get("avx512f") else 4
SEGMENT = 2 * LANES
BLOCK = 16
THERMOMETER, CONV, POOL, LINEAR, SCORES = range(5)

# One layer. Places and sizes of maps are in words an image; `target` is the first word inside the border.
STEP = np.dtype(
    [
        (name, np.int64)
        for name in (
            *("kind", "source", "source_rows", "source_columns", "target", "target_rows", "target_columns"),
            *("words", "rows", "columns", "stride_rows", "stride_columns", "kernel_rows", "kernel_columns"),
            *("window_words", "filter_words", "fan_in", "first_piece", "first_run", "last_run"),
        )
    ]
)
# Bits of a source word that go into a word of the window: shifted left by `drop`, then right by `place`.
PIECE = np.dtype([("source", np.int64), ("drop", np.int64), ("place", np.int64)])
# Filters first..last, whose rows begin at `weights`, read the window from word `window` on and make bits of output word `word`.
RUN = np.dtype([(name, np.int64) for name in ("word", "window", "first", "last", "weights")])
# Colour and output word of one row of the thermometer's look-up table.
LEVEL = np.dtype([("colour", np.int64), ("word", np.int64)])


class Program(NamedTuple):
    """A network as tables.

    `steps`: STEP, one a layer; `pieces`: PIECE; `piece_starts`: int64, where the pieces of each window word begin; `runs`: RUN;
    `weights`: uint64, the filters' rows of `filter_words` words; `limits` and `bits`: one a filter, how many mismatches it
    tolerates and its bit in the output word; `levels`: LEVEL; `lut`: uint64 [levels, 256], the bits that a pixel's value sets.
    """

    steps: NDArray[Any]
    pieces: NDArray[Any]
    piece_starts: NDArray[np.int64]
    runs: NDArray[Any]
    weights: NDArray[np.uint64]
    limits: NDArray[np.int64]
    bits: NDArray[np.uint64]
    levels: NDArray[Any]
    lut: NDArray[np.uint64]


class VectorType(types.Type):
    """LANES 64-bit words in one vector register (or in two, where registers are shorter)."""

    def __init__(self) -> None:
        super().__init__(name=f"words{LANES}")


WORDS = VectorType()
LLVM_WORDS = ir.VectorType(ir.IntType(64), LANES)


@register_model(VectorType)
class VectorModel(models.PrimitiveModel):
    """Tells numba that a vector is a plain LLVM value."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, LLVM_WORDS)


def splat(builder: Any, word: Any) -> Any:
    """A 64-bit LLVM value in every lane."""
    one = builder.insert_element(ir.Constant(LLVM_WORDS, ir.Undefined), word, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


def address(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """Pointer to the vector that begins at word `index` of a one-dimensional array."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), LLVM_WORDS.as_pointer())


@intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """array[index : index + LANES]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(address(context, builder, signature.args[0], *args), align=8)

    return WORDS(array, types.int64), generate


@intrinsic
def store(typing: Any, array: Any, index: Any, vector: Any) -> Any:
    """array[index : index + LANES] = vector."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], address(context, builder, signature.args[0], *args[:2]), align=8)
        return context.get_dummy_value()

    return types.void(array, types.int64, WORDS), generate


@intrinsic
def zeros(typing: Any) -> Any:
    """A vector of zeros."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(LLVM_WORDS, [0] * LANES)

    return WORDS(), generate


@intrinsic
def count_mismatches(typing: Any, count: Any, bits: Any, weight: Any) -> Any:
    """count + popcount(bits ^ weight), lane by lane."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        different = builder.xor(args[1], splat(builder, args[2]))
        kind = ir.FunctionType(LLVM_WORDS, [LLVM_WORDS])
        popcount = cgutils.get_or_insert_function(builder.module, kind, f"llvm.ctpop.v{LANES}i64")
        return builder.add(args[0], builder.call(popcount, [different]))

    return WORDS(WORDS, WORDS, types.uint64), generate


@intrinsic
def mark(typing: Any, word: Any, count: Any, limit: Any, bit: Any) -> Any:
    """word | bit in the lanes where count <= limit."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        fires = builder.icmp_signed("<=", args[1], splat(builder, args[2]))
        none = ir.Constant(LLVM_WORDS, [0] * LANES)
        return builder.or_(args[0], builder.select(fires, splat(builder, args[3]), none))

    return WORDS(WORDS, WORDS, types.int64, types.uint64), generate


@intrinsic
def put_piece(typing: Any, word: Any, piece: Any, drop: Any, place: Any) -> Any:
    """word | ((piece << drop) >> place)."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        high = builder.shl(args[1], splat(builder, args[2]))
        return builder.or_(args[0], builder.lshr(high, splat(builder, args[3])))

    return WORDS(WORDS, WORDS, types.int64, types.int64), generate



@njit
def fire(x, at, pitch, words, run, weights, limits, bits, low, high):  # type: ignore[no-untyped-def]
    """ORs the bits of a run's filters into `low` and `high`, for the SEGMENT images at x[at], x[at + pitch], ...

    Four filters share every load of the window, two vectors every load of a weight.
    """
    f, a = run.first, run.weights
    while f + 4 <= run.last:
        a0, a1, b0, b1, c0, c1, d0, d1 = zeros(), zeros(), zeros(), zeros(), zeros(), zeros(), zeros(), zeros()
        b, c, d = a + words, a + 2 * words, a + 3 * words
        here = at
        for w in range(words):
            x0, x1 = load(x, here), load(x, here + LANES)
            a0, a1 = count_mismatches(a0, x0, weights[a + w]), count_mismatches(a1, x1, weights[a + w])
            b0, b1 = count_mismatches(b0, x0, weights[b + w]), count_mismatches(b1, x1, weights[b + w])
            c0, c1 = count_mismatches(c0, x0, weights[c + w]), count_mismatches(c1, x1, weights[c + w])
            d0, d1 = count_mismatches(d0, x0, weights[d + w]), count_mismatches(d1, x1, weights[d + w])
            here += pitch
        low, high = mark(low, a0, limits[f], bits[f]), mark(high, a1, limits[f], bits[f])
        low, high = mark(low, b0, limits[f + 1], bits[f + 1]), mark(high, b1, limits[f + 1], bits[f + 1])
        low, high = mark(low, c0, limits[f + 2], bits[f + 2]), mark(high, c1, limits[f + 2], bits[f + 2])
        low, high = mark(low, d0, limits[f + 3], bits[f + 3]), mark(high, d1, limits[f + 3], bits[f + 3])
        f += 4
        a += 4 * words
    while f < run.last:
        a0, a1 = count(x, at, pitch, words, weights, a)
        low, high = mark(low, a0, limits[f], bits[f]), mark(high, a1, limits[f], bits[f])
        f += 1
        a += words
    return low, high


@njit
def count(x, at, pitch, words, weights, row):  # type: ignore[no-untyped-def]
    """Mismatches of one filter, two vectors."""
    low, high = zeros(), zeros()
    for w in range(words):
        low = count_mismatches(low, load(x, at), weights[row + w])
        high = count_mismatches(high, load(x, at + LANES), weights[row + w])
        at += pitch
    return low, high


@njit
def gather_window(step, pieces, piece_starts, arena, origin, images, window):  # type: ignore[no-untyped-def]
    """Packs the bits under one output position into `window`: uint64 [window_words, SEGMENT]. `origin`: its first lane."""
    for w in range(step.window_words):
        low, high = zeros(), zeros()
        for p in range(piece_starts[step.first_piece + w], piece_starts[step.first_piece + w + 1]):
            piece = pieces[p]
            at = origin + piece.source * images
            low = put_piece(low, load(arena, at), piece.drop, piece.place)
            high = put_piece(high, load(arena, at + LANES), piece.drop, piece.place)
        store(window, w * SEGMENT, low)
        store(window, w * SEGMENT + LANES, high)


@njit
def put(x, at, lanes, low, high, spill):  # type: ignore[no-untyped-def]
    """Stores the first `lanes` lanes of two vectors, and no others: the next words may be a border."""
    if lanes >= SEGMENT:
        store(x, at, low)
        store(x, at + LANES, high)
    else:
        store(spill, 0, low)
        store(spill, LANES, high)
        for lane in range(lanes):
            x[at + lane] = spill[lane]


@njit
def run_filters(step, program, x, origin, pitch, arena, target, images, lanes, spill):  # type: ignore[no-untyped-def]
    """All filters of a layer on one segment of x; `target`: where word 0 of its output goes."""
    r = step.first_run
    plane = step.target_rows * step.target_columns * images
    for word in range(step.words):
        low, high = zeros(), zeros()
        while r < step.last_run and program.runs[r].word == word:
            run = program.runs[r]
            at = origin + run.window * pitch
            low, high = fire(x, at, pitch, step.filter_words, run, program.weights, program.limits, program.bits, low, high)
            r += 1
        put(arena, target + word * plane, lanes, low, high, spill)


@njit
def run_conv(step, program, arena, images, window, spill):  # type: ignore[no-untyped-def]
    """A convolution. A segment runs along images and then columns, so that even one image fills the lanes."""
    for y in range(step.rows):
        row = step.source + y * step.stride_rows * step.source_columns
        target = (step.target + y * step.target_columns) * images
        for lane in range(0, step.columns * images, SEGMENT):
            origin = (row + lane // images * step.stride_columns) * images + lane % images
            gather_window(step, program.pieces, program.piece_starts, arena, origin, images, window)
            left = step.columns * images - lane
            run_filters(step, program, window, 0, SEGMENT, arena, target + lane, images, left, spill)


@njit
def run_linear(step, program, arena, images, spill):  # type: ignore[no-untyped-def]
    """A hidden linear layer: one window, which is the whole map as it lies in memory."""
    for lane in range(0, images, SEGMENT):
        origin, target = step.source * images + lane, step.target * images + lane
        run_filters(step, program, arena, origin, images, arena, target, images, images - lane, spill)


@njit
def run_scores(step, program, arena, images, spill, scores):  # type: ignore[no-untyped-def]
    """The last layer: int32 [N, classes] into `scores`, whose N may be less than `images`."""
    for lane in range(0, len(scores), SEGMENT):
        for label in range(scores.shape[1]):
            row = program.runs[step.first_run].weights + label * step.filter_words
            low, high = count(arena, step.source * images + lane, images, step.filter_words, program.weights, row)
            store(spill, 0, low)
            store(spill, LANES, high)
            for n in range(lane, min(lane + SEGMENT, len(scores))):
                scores[n, label] = step.fan_in - 2 * np.int64(spill[n - lane])


@njit
def run_pool(step, arena, images):  # type: ignore[no-untyped-def]
    """OR of the words under a window."""
    for word in range(step.words):
        for y in range(step.rows):
            for x in range(step.columns):
                column = word * step.target_rows * step.target_columns + y * step.target_columns + x
                target = (step.target + column) * images
                arena[target : target + images] = 0
                for dy in range(step.kernel_rows):
                    for dx in range(step.kernel_columns):
                        row = word * step.source_rows + y * step.stride_rows + dy
                        source = (step.source + row * step.source_columns + x * step.stride_columns + dx) * images
                        for n in range(images):
                            arena[target + n] |= arena[source + n]


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


@njit(nogil=True, cache=True)
def run_images(program, pixels, images, arena, window, spill, scores):  # type: ignore[no-untyped-def]
    """Scores of uint8 pixels [N, C, H, W] into int32 scores [N, classes], `images` at a time.

    `arena`: uint64, zero where this was not called before with the same program and `images`; `window`, `spill`: uint64 scratch.
    """
    for first in range(0, len(pixels), images):
        own = pixels[first : first + images]
        for s in range(len(program.steps)):
            step = program.steps[s]
            if step.kind == THERMOMETER:
                run_thermometer(step, program, own, arena, images)
            elif step.kind == CONV:
                run_conv(step, program, arena, images, window, spill)
            elif step.kind == POOL:
                run_pool(step, arena, images)
            elif step.kind == LINEAR:
                run_linear(step, program, arena, images, spill)
            else:
                run_scores(step, program, arena, images, spill, scores[first : first + images])
