"""`Network` -> the tables that `owlbit.hw.fast.kernels` walks: weights packed once, shuffles gone, every place in memory decided.

A layer that makes bits writes its channels in the order in which the next one wants them, which is all that is left of a shuffle,
and into a map with the next one's padding. A logic skip reads one more map, which was written for another layer: it packs that
map's bits anew wherever their order is not its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import (
    BinaryConv,
    BinaryLinear,
    Bits,
    ChannelShuffle,
    Layer,
    LogicSkip,
    Network,
    OrPool,
    Scores,
    Shape,
    Thermometer,
)
from owlbit.export.network_cost import layer_costs, total_cost
from owlbit.hw.channel_orders import Order, channel_orders, list_passages
from owlbit.hw.fast.kernels import CONV, LINEAR, OR_SKIP, POOL, SCORES, THERMOMETER, WORD, XOR_SKIP
from owlbit.hw.fast.program import LEVEL, PIECE, RUN, STEP, Program, Word, Words
from owlbit.hw.weight_rows import pack_rows, window_rows


@dataclass(frozen=True, eq=False)
class Plan:
    """A network laid out.

    `macs`: binary multiply-accumulates of an image; `arena_words`: memory of all maps, an image; `window_words`, `output_words`:
    the most that one position of a layer reads and writes; `maps`: the map that each layer writes, a shuffle the one before it, in
    order and without the scores.
    """

    program: Program
    macs: int
    arena_words: int
    window_words: int
    output_words: int
    maps: tuple[Map, ...]


@dataclass(frozen=True)
class Map:
    """Where an activation lies, in words per image: `rows` and `columns` with the border, `top` and `left` of which are border."""

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
    weights: list[Words] = field(default_factory=list)
    weight_words: int = 0
    starts: list[int] = field(default_factory=list)
    levels: list[tuple[int, int]] = field(default_factory=list)
    lut: list[Words] = field(default_factory=list)

    def add_weights(self, rows: Words) -> None:
        """Filters' rows [F, words], one after the other."""
        self.weights.append(rows.reshape(-1))
        self.weight_words += rows.size

    def program(self) -> Program:
        """The tables as arrays."""
        return Program(
            np.array([tuple(step.get(name, 0) for name in STEP.names or ()) for step in self.steps], STEP),
            np.array(self.pieces, PIECE),
            np.array([*self.piece_starts, len(self.pieces)], np.int64),
            np.array(self.runs, RUN),
            np.concatenate(self.weights),
            np.array(self.starts, np.int64).astype(Word),
            np.array(self.levels, LEVEL),
            np.array(self.lut, Word),
        )


def plan_network(network: Network) -> Plan:
    """Lays out the maps and tables of a network; takes whatever the specification allows."""
    tables = Tables()
    passages = list_passages(network)
    readers: list[Layer | None] = [*(passage.layer for passage in passages[1:]), None]
    orders = channel_orders(network, passages)
    place = 0
    source = Map(0, 0, *network.input_shape[1:])
    maps: list[Map] = []
    for passage, reader, (reads, writes) in zip(passages, readers, orders, strict=True):
        target = map_for(place, passage.shape, reader)
        place += target.words * target.rows * target.columns
        maps.append(target)
        step = places(source, target, passage.shape)
        if isinstance(passage.layer, LogicSkip):
            written = orders[passage.earlier][1]
            # Channel c of the source is channel earlier_channels[c] of the step that made it, which stands somewhere in its map.
            stands = np.argsort(written)[passage.earlier_channels]
            step |= lay_out_skip(tables, passage.layer, writes, stands, source, maps[passage.earlier])
        else:
            step |= lay_out(tables, passage.layer, reads, writes, source)
        tables.steps.append(step)
        source = target
    makes_map = (not isinstance(layer, ChannelShuffle) for layer in network.layers[1:-1])
    return Plan(
        tables.program(),
        total_cost(layer_costs(network)).macs,
        place,
        max(step.get("window_words", 0) for step in tables.steps),
        max(step["words"] for step in tables.steps),
        tuple(maps[step] for step in accumulate(makes_map, initial=0)),
    )


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


def lay_out(tables: Tables, layer: Layer, reads: Order, writes: Order, source: Map) -> dict[str, int]:
    """Adds a layer to the tables; returns the other fields of its step."""
    match layer:
        case Thermometer():
            return lay_out_thermometer(tables, layer, writes)
        case BinaryConv():
            return lay_out_conv(tables, layer, reads, writes, source)
        case OrPool():
            return {"kind": POOL, **strides(layer.stride), "kernel_rows": layer.kernel[0], "kernel_columns": layer.kernel[1]}
        case BinaryLinear():
            rows = rows_of_map(layer.weights, reads, source)
            runs = lay_out_filters(tables, rows, layer.thresholds - layer.fan_in - 1, writes, len(rows))
            return {"kind": LINEAR, "filter_words": rows.shape[1] // WORD, **runs}
        case Scores():
            rows = rows_of_map(layer.weights, reads, source)
            step = {"kind": SCORES, "filter_words": rows.shape[1] // WORD, "fan_in": layer.fan_in, "first_row": tables.weight_words}
            tables.add_weights(pack_rows(rows, Word))
            return step
        case ChannelShuffle() | LogicSkip():
            raise AssertionError("a shuffle is in the orders of its neighbours, and a skip has two sources")


def strides(stride: tuple[int, int]) -> dict[str, int]:
    """Both strides as fields of a step."""
    return {"stride_rows": stride[0], "stride_columns": stride[1]}


def lay_out_thermometer(tables: Tables, layer: Thermometer, writes: Order) -> dict[str, int]:
    """A look-up table for every output word and every colour that sets bits in it."""
    levels = layer.thresholds.shape[1]
    for word in range(-(-len(writes) // WORD)):
        colours, steps = np.divmod(writes[word * WORD : (word + 1) * WORD], levels)
        for colour in np.unique(colours):
            lut = np.zeros(256, Word)
            for bit in np.flatnonzero(colours == colour):
                fires = np.arange(256) >= layer.thresholds[colour, steps[bit]]
                lut |= fires.astype(Word) << Word(bit)
            tables.levels.append((int(colour), word))
            tables.lut.append(lut)
    return {"kind": THERMOMETER}


def lay_out_conv(tables: Tables, layer: BinaryConv, reads: Order, writes: Order, source: Map) -> dict[str, int]:
    """Pieces that pack the windows of all groups one after the other, bits in the order row, column, position; then the filters."""
    filters, channels, kernel_rows, kernel_columns = layer.weights.shape
    filter_words = -(-layer.fan_in // WORD)
    step = {
        "kind": CONV,
        **strides(layer.stride),
        "filter_words": filter_words,
        "window_words": layer.groups * filter_words,
        "first_piece": len(tables.piece_starts),
    }
    taps = [dy * source.columns + dx for dy in range(kernel_rows) for dx in range(kernel_columns)]
    for group in range(layer.groups):
        lay_out_pieces(tables, taps, group * channels, channels, source)
    rows = window_rows(layer, reads)
    return {**step, **lay_out_filters(tables, rows, layer.thresholds - layer.fan_in - 1, writes, filters // layer.groups)}


def lay_out_pieces(tables: Tables, taps: list[int], first: int, channels: int, source: Map) -> None:
    """The pieces of one group's window: from every tap (a place) `channels` bits from position `first`, cut where a word ends."""
    plane = source.rows * source.columns
    filled = 0
    for tap in taps:
        done = 0
        while done < channels:
            word, low = divmod(first + done, WORD)
            at = filled % WORD
            if at == 0:
                tables.piece_starts.append(len(tables.pieces))
            bits = min(channels - done, WORD - low, WORD - at)
            tables.pieces.append((word * plane + tap, (at - low) % WORD, ((1 << bits) - 1) << at))
            done += bits
            filled += bits


def lay_out_skip(tables: Tables, layer: LogicSkip, writes: Order, stands: Order, source: Map, earlier: Map) -> dict[str, int]:
    """Pieces that make each output word of the current map, and of the earlier one.

    The current map lies in the order of the output. `stands`: where channel 0, 1, ... of the earlier map stands in it. A
    multiplexer is an OR of what its pieces have cut out.
    """
    step = {
        "kind": XOR_SKIP if layer.gate == "xor" else OR_SKIP,
        "source": source.inside,
        "earlier": earlier.inside,
        "earlier_columns": earlier.columns,
        "first_piece": len(tables.piece_starts),
    }
    takes = np.ones(len(writes), bool) if layer.select is None else layer.select[writes] == 1
    leaves = takes if layer.select is None else ~takes
    for first in range(0, len(writes), WORD):
        outputs = np.arange(first, min(first + WORD, len(writes)))
        current, other = outputs[takes[outputs]], outputs[leaves[outputs]]
        lay_out_word(tables, current % WORD, current, source)
        lay_out_word(tables, other % WORD, stands[writes[other]], earlier)
    return step


def lay_out_word(tables: Tables, bits: Order, positions: Order, source: Map) -> None:
    """The pieces of one word: bit bits[i] is position positions[i] of the map. Bits that move alike are one piece."""
    tables.piece_starts.append(len(tables.pieces))
    plane = source.rows * source.columns
    masks: dict[tuple[int, int], int] = {}
    for bit, position in zip(bits.tolist(), positions.tolist(), strict=True):
        word, low = divmod(position, WORD)
        move = word * plane, (bit - low) % WORD
        masks[move] = masks.get(move, 0) | 1 << bit
    tables.pieces.extend((place, turn, mask) for (place, turn), mask in masks.items())


def rows_of_map(weights: Bits, reads: Order, source: Map) -> Bits:
    """Weights [F, C*H*W] with their bits in the order in which the whole map lies in memory: word, row, column, bit."""
    area = source.rows * source.columns
    padded = np.zeros((len(weights), source.words * WORD, area), np.uint8)
    padded[:, : len(reads)] = weights.reshape(len(weights), -1, area)[:, reads]
    return padded.reshape(len(weights), source.words, WORD, area).transpose(0, 1, 3, 2).reshape(len(weights), -1)


def lay_out_filters(tables: Tables, rows: Bits, starts: NDArray[Any], writes: Order, group_size: int) -> dict[str, int]:
    """Filters [F, K] whose bits are in window order; bit i of the output is filter writes[i], `group_size` filters read one window.

    A run is neighbouring bits of one word made from one window. Bits are pushed into a word from below: the highest comes first.
    """
    packed = pack_rows(rows, Word)
    filter_words = packed.shape[1]
    first_run = len(tables.runs)
    for word in range(-(-len(writes) // WORD)):
        own = writes[word * WORD : (word + 1) * WORD][::-1]
        groups = own // group_size
        cuts = [0, *(np.flatnonzero(np.diff(groups)) + 1).tolist(), len(own)]
        for begin, end in pairwise(cuts):
            first = len(tables.starts)
            window = int(groups[begin]) * filter_words
            tables.runs.append((word, window, first, first + end - begin, tables.weight_words))
            tables.add_weights(packed[own[begin:end]])
            tables.starts.extend(starts[own[begin:end]].tolist())
    return {"first_run": first_run, "last_run": len(tables.runs)}
