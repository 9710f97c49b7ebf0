"""`Network` -> the tables that `hw.fast.kernels` walks: weights packed once, shuffles gone, every place in memory decided.

Between a layer that makes bits and the next one that reads them stand only pools and shuffles. So a maker writes its channels in
the order in which its reader wants them, which is all that is left of a shuffle; and into a map with its reader's padding around it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.network import BinaryConv, BinaryLinear, Bits, ChannelShuffle, Layer, Network, OrPool, Scores, Shape, Thermometer
from hw.fast.kernels import CONV, LEVEL, LINEAR, PIECE, POOL, RUN, SCORES, STEP, THERMOMETER, Program

WORD = 64
Order = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Plan:
    """A network laid out. `arena_words`: memory of all maps, an image; `window_words`: the largest window of a convolution;
    `strided`: whether a convolution steps over columns."""

    program: Program
    arena_words: int
    window_words: int
    strided: bool


@dataclass(frozen=True)
class Map:
    """Where an activation lies, in words an image: `rows` and `columns` with the border, `top` and `left` of which are border."""

    place: int
    words: int
    rows: int
    columns: int
    top: int = 0
    left: int = 0

    @property
    def inside(self) -> int:
        """The first word that is not border."""
        return self.place + self.top * self.columns + self.left


@dataclass(eq=False)
class Tables:
    """The rows laid out so far; see `kernels.Program`."""

    steps: list[dict[str, int]] = field(default_factory=list)
    pieces: list[tuple[int, int, int]] = field(default_factory=list)
    piece_starts: list[int] = field(default_factory=list)
    runs: list[tuple[int, ...]] = field(default_factory=list)
    weights: list[NDArray[np.uint64]] = field(default_factory=list)
    weight_words: int = 0
    limits: list[int] = field(default_factory=list)
    bits: list[int] = field(default_factory=list)
    levels: list[tuple[int, int]] = field(default_factory=list)
    lut: list[NDArray[np.uint64]] = field(default_factory=list)

    def program(self) -> Program:
        """The tables as arrays."""
        return Program(
            np.array([tuple(step.get(name, 0) for name in STEP.names or ()) for step in self.steps], STEP),
            np.array(self.pieces, PIECE),
            np.array([*self.piece_starts, len(self.pieces)], np.int64),
            np.array(self.runs, RUN),
            np.concatenate(self.weights),
            np.array(self.limits, np.int64),
            np.array(self.bits, np.uint64),
            np.array(self.levels, LEVEL),
            np.array(self.lut, np.uint64),
        )


def plan_network(network: Network) -> Plan:
    """Lays out the maps and tables of a network; takes whatever the specification allows."""
    tables = Tables()
    makers = [(layer, shape) for layer, _, shape in network.steps() if not isinstance(layer, ChannelShuffle)]
    readers: list[Layer | None] = [layer for layer, _ in makers[1:]]
    place = 0
    source = Map(0, 0, *network.input_shape[1:])
    for (layer, shape), reader, order in zip(makers, [*readers, None], channel_orders(network), strict=True):
        target = map_for(place, shape, reader)
        place += target.words * target.rows * target.columns
        tables.steps.append({**places(source, target, shape), **lay_out(tables, layer, order, source)})
        source = target
    windows = [step.get("window_words", 0) for step in tables.steps]
    strided = any(isinstance(layer, BinaryConv) and layer.stride[1] > 1 for layer in network.layers)
    return Plan(tables.program(), place, max(windows), strided)


def channel_orders(network: Network) -> list[Order]:
    """For every layer but shuffles, in order: which of its channels is written at position 0, 1, ... (see the page above)."""
    orders: list[Order] = []
    wanted = np.arange(network.classes)
    for layer, (channels, _, _), _ in reversed(list(network.steps())):
        if isinstance(layer, ChannelShuffle):
            wanted = layer.permutation[wanted].astype(np.int64)
            continue
        orders.append(wanted)
        if not isinstance(layer, OrPool):
            wanted = np.arange(channels)
    return orders[::-1]


def map_for(place: int, shape: Shape, reader: Layer | None) -> Map:
    """The map at `place` for activations [C, H, W] with the border that their reader wants."""
    top, left, bottom, right = reader.padding if isinstance(reader, BinaryConv) else (0, 0, 0, 0)
    return Map(place, -(-shape[0] // WORD), shape[1] + top + bottom, shape[2] + left + right, top, left)


def places(source: Map, target: Map, shape: Shape) -> dict[str, int]:
    """The fields of a step that say where it reads and writes."""
    return {
        "source": source.place,
        "source_rows": source.rows,
        "source_columns": source.columns,
        "target": target.inside,
        "target_rows": target.rows,
        "target_columns": target.columns,
        "words": target.words,
        "rows": shape[1],
        "columns": shape[2],
    }


def lay_out(tables: Tables, layer: Layer, order: Order, source: Map) -> dict[str, int]:
    """Adds a layer to the tables; returns the other fields of its step."""
    match layer:
        case Thermometer():
            return lay_out_thermometer(tables, layer, order)
        case BinaryConv():
            return lay_out_conv(tables, layer, order, source)
        case OrPool():
            return {"kind": POOL, **strides(layer.stride), "kernel_rows": layer.kernel[0], "kernel_columns": layer.kernel[1]}
        case BinaryLinear():
            return {"kind": LINEAR, **lay_out_linear(tables, layer.weights, layer.fan_in - layer.thresholds, order, source)}
        case Scores():
            unused = np.zeros(len(layer.weights), np.int64)
            return {"kind": SCORES, "fan_in": layer.fan_in, **lay_out_linear(tables, layer.weights, unused, order, source)}
        case ChannelShuffle():
            raise AssertionError("shuffles are in the channel orders")


def strides(stride: tuple[int, int]) -> dict[str, int]:
    """Both strides as fields of a step."""
    return {"stride_rows": stride[0], "stride_columns": stride[1]}


def lay_out_thermometer(tables: Tables, layer: Thermometer, order: Order) -> dict[str, int]:
    """A look-up table for every output word and every colour that sets bits in it."""
    levels = layer.thresholds.shape[1]
    for word in range(-(-len(order) // WORD)):
        own = order[word * WORD : (word + 1) * WORD]
        for colour in np.unique(own // levels):
            lut = np.zeros(256, np.uint64)
            for bit in np.flatnonzero(own // levels == colour):
                fires = np.arange(256) >= layer.thresholds[colour, own[bit] % levels]
                lut |= fires.astype(np.uint64) << np.uint64(bit)
            tables.levels.append((int(colour), word))
            tables.lut.append(lut)
    return {"kind": THERMOMETER}


def lay_out_conv(tables: Tables, layer: BinaryConv, order: Order, source: Map) -> dict[str, int]:
    """Pieces that pack the windows of all groups one after the other, bits in the order row, column, channel; then the filters."""
    filters, channels, kernel_rows, kernel_columns = layer.weights.shape
    filter_words = -(-layer.fan_in // WORD)
    step = {
        "kind": CONV,
        **strides(layer.stride),
        "filter_words": filter_words,
        "window_words": layer.groups * filter_words,
        "first_piece": len(tables.piece_starts),
    }
    for group in range(layer.groups):
        taps = [(dy * source.columns + dx, group * channels) for dy in range(kernel_rows) for dx in range(kernel_columns)]
        lay_out_pieces(tables, taps, channels, source)
    rows = layer.weights.transpose(0, 2, 3, 1).reshape(filters, -1)
    runs = lay_out_filters(tables, rows, layer.fan_in - layer.thresholds, order, filters // layer.groups)
    return {**step, **runs}


def lay_out_pieces(tables: Tables, taps: list[tuple[int, int]], channels: int, source: Map) -> None:
    """The pieces of one group's window, `channels` bits a tap (place, first channel), cut where a word ends on either side."""
    plane = source.rows * source.columns
    filled = 0
    for place, first in taps:
        done = 0
        while done < channels:
            word, low = divmod(first + done, WORD)
            at = filled % WORD
            if at == 0:
                tables.piece_starts.append(len(tables.pieces))
            bits = min(channels - done, WORD - low, WORD - at)
            tables.pieces.append((word * plane + place, WORD - low - bits, WORD - at - bits))
            done += bits
            filled += bits


def lay_out_linear(tables: Tables, weights: Bits, limits: NDArray[Any], order: Order, source: Map) -> dict[str, int]:
    """Filters that read a whole map as it lies in memory: words, rows, columns."""
    area = source.rows * source.columns
    channels = weights.shape[1] // area
    padded = np.zeros((len(weights), source.words * WORD, area), np.uint8)
    padded[:, :channels] = weights.reshape(len(weights), channels, area)
    rows = padded.reshape(len(weights), source.words, WORD, area).transpose(0, 1, 3, 2).reshape(len(weights), -1)
    return {"filter_words": source.words * area, **lay_out_filters(tables, rows, limits, order, len(weights))}


def lay_out_filters(tables: Tables, rows: Bits, limits: NDArray[Any], order: Order, group_size: int) -> dict[str, int]:
    """Filters [F, K] whose bits are in window order; bit i of the output is filter order[i], `group_size` filters read one window."""
    packed = pack_rows(rows)
    filter_words = packed.shape[1]
    first_run = len(tables.runs)
    for word in range(-(-len(order) // WORD)):
        own = order[word * WORD : (word + 1) * WORD]
        for group in np.unique(own // group_size):
            positions = np.flatnonzero(own // group_size == group)
            first = len(tables.limits)
            tables.runs.append((word, int(group) * filter_words, first, first + len(positions), tables.weight_words))
            tables.weights.append(packed[own[positions]].reshape(-1))
            tables.weight_words += tables.weights[-1].size
            tables.limits.extend(limits[own[positions]].tolist())
            tables.bits.extend(1 << int(position) for position in positions)
    return {"first_run": first_run, "last_run": len(tables.runs)}


def pack_rows(rows: Bits) -> NDArray[np.uint64]:
    """Bits [F, K] to uint64 [F, ceil(K / 64)]: bit i of a row is bit i % 64 of word i // 64, the rest 0."""
    padded = np.pad(rows, ((0, 0), (0, -rows.shape[1] % WORD)))
    packed: NDArray[np.uint64] = np.packbits(padded, axis=1, bitorder="little").view("<u8").astype(np.uint64)
    return packed
