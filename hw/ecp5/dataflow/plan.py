"""From a network and a folding to a plan: which primitives, with which parameters, on which streams.

Channels come in whatever order the layer before makes them; each layer permutes its own weights instead. So a shuffle is a new name
for the same wires, and filters are computed in the order in which the next layer wants their groups. Only where the channels of a
group do not come together all the same does a stage reorder them.
"""

from __future__ import annotations

from dataclasses import replace
from math import lcm, prod
from typing import Any

import numpy as np

from owlbit.export.layers import Bits
from owlbit.export.network import (
    BinaryConv,
    BinaryLinear,
    ChannelShuffle,
    LogicSkip,
    Network,
    NetworkError,
    OrPool,
    Scores,
    Thermometer,
)
from owlbit.hw.ecp5.dataflow import contents
from owlbit.hw.ecp5.dataflow.fifos import fifo_depths
from owlbit.hw.ecp5.dataflow.geometry import LARGEST_SCORE, Geometry, geometry, is_flat
from owlbit.hw.ecp5.dataflow.orders import filter_order, filter_ranks
from owlbit.hw.ecp5.dataflow.sizes import AUTO_BUFFER_LUTS, count_stages, fifo_places, ram_luts, score_cycles
from owlbit.hw.ecp5.dataflow.stages import Content, Order, Plan, Stage, Stream
from owlbit.hw.ecp5.folding_file import Folding
from owlbit.hw.ecp5.weight_memory import WeightMemory, initial_memory, weight_memory

GATE_NUMBERS = {"or": 0, "xor": 1, "mux": 2}


def plan_dataflow(network: Network, folding: Folding) -> Plan:
    """The pipeline of `network` so folded.

    Raises FoldingError for a folding of other layers, NetworkError, one sentence, for a (pe, simd) that is none of
    `legal_foldings` or a network that the circuits do not take.
    """
    folding.check(network, "folding")
    last = network.layers[-1]
    assert isinstance(last, Scores)
    if last.fan_in > LARGEST_SCORE:
        raise NetworkError(f"scores: expected up to {LARGEST_SCORE:,} inputs, as a score has 16 bits, got {last.fan_in:,}")
    return _Planner(network, folding).plan()


class _Planner:
    def __init__(self, network: Network, folding: Folding) -> None:
        self.network, self.folding = network, folding
        self.stages: list[Stage] = []
        self.streams: dict[str, Stream] = {}
        self.contents: dict[str, Content] = {}
        self.layer = 0  # the one being planned
        self.forked: dict[int, Stream] = {}  # the earlier map of each logic skip, by the skip's index

    def plan(self) -> Plan:
        network = self.network
        stream = self._new("pixels", 8, np.arange(1), 1, prod(network.input_shape))
        for self.layer, layer in enumerate(network.layers):
            match layer:
                case Thermometer():
                    stream = self._thermometer(layer, stream)
                case BinaryConv() | BinaryLinear():
                    stream = self._weighted(layer, stream)
                case OrPool():
                    stream = self._pool(layer, stream)
                case ChannelShuffle():
                    places = np.argsort(layer.permutation)  # where each channel goes
                    stream = Stream(stream.name, stream.bits, places[stream.order], stream.height, stream.width)
                case LogicSkip():
                    stream = self._skip(layer, stream)
                case Scores():
                    self._scores(layer, stream)
            for index, later in enumerate(network.layers):
                if isinstance(later, LogicSkip) and later.source == self.layer:
                    stream, self.forked[index] = self._fork(stream, index)
        self._size_fifos()
        return Plan(network, self.folding, tuple(self.stages), self.streams, self.contents)

    # ---------------------------------------------------------------- the parts of a plan

    def _new(self, name: str, bits: int, order: Order, height: int, width: int) -> Stream:
        assert name not in self.streams
        self.streams[name] = Stream(name, bits, np.asarray(order, np.int64), height, width)
        return self.streams[name]

    def _add(
        self, module: str, what: str, cycles: int, ports: dict[str, Stream], folded: Geometry | None = None, **parameters: Any
    ) -> None:
        names = {prefix: stream.name for prefix, stream in ports.items()}
        self.stages.append(Stage(module, f"layer{self.layer}_{what}", self.layer, parameters, names, cycles, folded))

    def _size_fifos(self) -> None:
        depths = fifo_depths(self.network, self.stages, self.streams)
        for place, stage in enumerate(self.stages):
            if stage.module == "owl_fifo":
                self.layer = stage.layer
                bits, depth = stage.parameters["WIDTH"], depths[stage.name]
                parameters = {"WIDTH": bits, "DEPTH": depth, "BLOCK": self._block(bits, depth)}
                self.stages[place] = replace(stage, parameters=parameters)

    def _files(self, kind: str, words: Bits, memory: WeightMemory) -> str:
        """What the file names of the block RAMs with `words` begin with; their contents are noted."""
        begin = f"layer{self.layer}_{kind}_"
        for row in range(memory.rows):
            for column in range(memory.columns):
                height, width = memory.shape
                block = words[row * height : (row + 1) * height, column * width : (column + 1) * width]
                self.contents[f"{begin}{row * memory.columns + column:03x}.hex"] = Content(self.layer, block)
        return begin

    def _name(self, what: str) -> str:
        return f"layer{self.layer}_{what}"

    # ---------------------------------------------------------------- layers

    def _thermometer(self, layer: Thermometer, source: Stream) -> Stream:
        colours, levels = layer.thresholds.shape
        height, width = self.network.input_shape[1:]
        out = self._new(self._name("bits"), levels, np.arange(colours * levels), height, width)
        packed = contents.packed(layer.thresholds.ravel(), 9)
        self._add(
            "owl_thermometer",
            "thermometer",
            source.width,
            {"s": source, "m": out},
            COLOURS=colours,
            LEVELS=levels,
            THRESHOLDS=packed,
        )
        return out

    def _weighted(self, layer: BinaryConv | BinaryLinear, source: Stream) -> Stream:
        folded = geometry(self.network, self.folding.of(self.layer))
        shape = self.network.shapes[self.layer]
        if isinstance(layer, BinaryConv) and not is_flat(layer, self.network.shapes[self.layer - 1]):
            source, groups = self._grouped(layer, folded, source)
            filters = filter_order(folded, groups, filter_ranks(self.network, self.layer))
            words = contents.conv_words(layer, folded, source.order, filters)
            columns = self._lines(folded, source)
        else:
            columns = self._converted(source, folded.simd)
            filters = np.arange(len(layer.weights))
            words = contents.linear_words(layer.weights.reshape(len(layer.weights), -1), folded, _inputs(source))
        out = self._new(self._name("bits"), folded.pe, filters, shape[1], shape[2])
        bits = contents.total_bits(layer, folded)
        initial = contents.number_words(contents.initial_values(layer, bits)[filters], folded.pe, bits)
        self._add(
            "owl_layer",
            "layer",
            folded.cycles,
            {"s": columns, "m": out},
            folded,
            **_window(folded),
            SUM_SLICES=folded.sum_slices,
            ROWS=folded.rows,
            COLUMNS=folded.columns,
            LANES=folded.lanes,
            FLAT=int(folded.flat),
            PLACES=fifo_places(folded),
            **self._arithmetic(folded, bits, words, initial),
        )
        return out

    def _scores(self, layer: Scores, source: Stream) -> None:
        folded = geometry(self.network, self.folding.of(self.layer))
        columns = self._converted(source, folded.simd)
        out = self._new("scores", 8, np.arange(1), 1, 2 * len(layer.weights))
        bits = contents.total_bits(layer, folded)
        words = contents.linear_words(layer.weights, folded, _inputs(source))
        initial = contents.number_words(contents.initial_scores(layer, bits), folded.pe, bits)
        arithmetic = self._arithmetic(folded, bits, words, initial)
        cycles = folded.passes * max(folded.slices, score_cycles(folded) + (arithmetic["BLOCK_ROWS"] > 1))
        self._add("owl_scores", "scores", cycles, {"s": columns, "m": out}, **_window(folded), ODD=layer.fan_in % 2, **arithmetic)

    def _arithmetic(self, folded: Geometry, bits: int, words: Bits, initial: Bits) -> dict[str, Any]:
        wish = self.folding.of(self.layer).memory
        memory = weight_memory(len(words), words.shape[1], wish if len(words) > 1 else "lut")  # a single word is a constant
        split = words.shape[1] - memory.lut_bits
        return {
            "PE": folded.pe,
            "STAGES": count_stages(folded.simd),
            "TOTAL_BITS": bits,
            "BUFFER_BLOCK": self._block(folded.simd, 2 * folded.slices),
            "BLOCK_WORDS": memory.shape[0],
            "BLOCK_BITS": memory.shape[1],
            "BLOCK_ROWS": memory.rows,
            "BLOCK_COLUMNS": memory.columns,
            "LUT_BITS": memory.lut_bits,
            **({"WEIGHTS": self._files("weights", words[:, :split], memory)} if split else {}),
            **({"WEIGHT_BITS": contents.tables(words[:, split:])} if memory.lut_bits else {}),
            **self._initial(initial),
        }

    def _initial(self, initial: Bits) -> dict[str, Any]:
        """Where the beginnings of sums lie: in block RAM where they take many LUTs and buffers may."""
        memory = initial_memory(*initial.shape)
        if memory is None or self._wish() == "lut":
            return {"INITIAL_COLUMNS": 0, "INITIAL": contents.tables(initial)}
        sizes = {"INITIAL_WORDS": memory.shape[0], "INITIAL_BITS": memory.shape[1], "INITIAL_COLUMNS": memory.columns}
        return {**sizes, "INITIAL_FILE": self._files("initial", initial, memory)}

    def _pool(self, layer: OrPool, source: Stream) -> Stream:
        _, height, width = self.network.shapes[self.layer]
        out = self._new(self._name("bits"), source.bits, source.order, height, width)
        sizes: dict[str, Any] = {
            "WIDTH": source.width,
            "HEIGHT": source.height,
            "STRIDE_Y": layer.stride[0],
            "STRIDE_X": layer.stride[1],
        }
        (rows, columns), ends = layer.kernel, {"s": source, "m": out}
        if layer.stride[0] >= rows and layer.stride[1] >= columns:
            here: dict[str, Any] = {"BITS": source.bits, "WORDS": source.words, "ROWS": rows, "COLUMNS": columns}
            across = (source.width - columns) // layer.stride[1] + 1
            block = self._block(source.bits, across * source.words) if source.words >= 4 else 0
            self._add("owl_pool", "pool", source.frame_words, ends, **here, **sizes, BLOCK=block)
            return out
        folded = Geometry(
            rows, columns, source.bits, 1, source.words, 1, 1, source.height * source.width, 0, 1, 0, stride=layer.stride
        )
        window: dict[str, Any] = {"CHANNELS": source.bits, "SLICES": source.words, "ROWS": rows, "COLUMNS": columns}
        self._add(
            "owl_pool_window", "pool", source.frame_words, {"s": self._lines(folded, source, buffered=False), "m": out}, **window
        )
        return out

    # ---------------------------------------------------------------- streams

    def _grouped(self, layer: BinaryConv, folded: Geometry, source: Stream) -> tuple[Stream, Order]:
        """`source` in words of the layer's slices, the channels of each group together; and the order of its groups."""
        per_group = len(source.order) // layer.groups
        groups = (source.order // per_group).reshape(layer.groups, per_group)
        bits = folded.lanes * folded.channels
        if (groups == groups[:, :1]).all():
            return self._converted(source, bits), groups[:, 0]
        return self._reordered(source, np.arange(len(source.order)), bits), np.arange(layer.groups)

    def _converted(self, source: Stream, bits: int) -> Stream:
        """`source` in words of `bits` bits; both divide the bits of a frame."""
        stream = source
        common = lcm(stream.bits, bits)
        if common != stream.bits:
            wide = self._like(stream, "gathered", common)
            ratio = common // stream.bits
            self._add("owl_gather", "gather", stream.frame_words, {"s": stream, "m": wide}, IN=stream.bits, RATIO=ratio)
            stream = wide
        if common != bits:
            narrow = self._like(stream, "split", bits)
            words = prod((len(source.order), source.height, source.width)) // bits
            self._add("owl_split", "split", words, {"s": stream, "m": narrow}, OUT=bits, RATIO=common // bits)
            stream = narrow
        return stream

    def _reordered(self, source: Stream, order: Order, bits: int) -> Stream:
        out = self._new(self._name("ordered"), bits, order, source.height, source.width)
        channels = len(order)
        index_bits = max((channels - 1).bit_length(), 1)
        places = np.argsort(source.order)[order]  # of each output bit among the inputs of a pixel
        self._add(
            "owl_reorder",
            "reorder",
            source.height * source.width * max(source.words, out.words),
            {"s": source, "m": out},
            CHANNELS=channels,
            IN=source.bits,
            OUT=bits,
            INDEX_BITS=index_bits,
            ORDER=contents.packed(places, index_bits),
        )
        return out

    def _buffered(self, source: Stream) -> Stream:
        """`source` through a FIFO, whose depth is set when all stages are known."""
        out = self._like(source, "buffered", source.bits)
        self._add("owl_fifo", "fifo", source.frame_words, {"s": source, "m": out}, WIDTH=source.bits)
        return out

    def _lines(self, folded: Geometry, source: Stream, buffered: bool = True) -> Stream:
        if buffered:
            source = self._buffered(source)
        out = self._new(self._name("columns"), folded.rows * source.bits, source.order, source.height, source.width)
        top, left, bottom, right = folded.padding
        self._add(
            "owl_lines",
            "lines",
            folded.positions * source.words,
            {"s": source, "m": out},
            CHANNELS=source.bits,
            SLICES=source.words,
            WIDTH=source.width,
            HEIGHT=source.height,
            TOP=top,
            LEFT=left,
            BOTTOM=bottom,
            RIGHT=right,
            ROWS=folded.rows,
            COLUMNS=folded.columns,
            STRIDE_Y=folded.stride[0],
            STRIDE_X=folded.stride[1],
            BLOCK=self._block((folded.rows - 1) * source.bits, source.width * source.words),
        )
        return out

    def _wish(self) -> str:
        """The `buffers` of the present layer's folding."""
        return next((entry.buffers for entry in self.folding.layers if entry.layer == self.layer), "auto")

    def _block(self, bits: int, depth: int) -> int:
        """1 where a buffer of `depth` words of `bits` bits shall be block RAM, else 0."""
        wish = self._wish()
        if depth < 2 or bits == 0 or wish == "lut":
            return 0
        return int(wish == "ebr" or ram_luts(bits, depth) > AUTO_BUFFER_LUTS)

    def _like(self, source: Stream, what: str, bits: int) -> Stream:
        return self._new(self._name(what), bits, source.order, source.height, source.width)

    # ---------------------------------------------------------------- logic skips

    def _fork(self, source: Stream, skip: int) -> tuple[Stream, Stream]:
        """`source` twice: for the next layer, and for the logic skip with index `skip`, through a FIFO."""
        main = self._new(self._name(f"main_{skip}"), source.bits, source.order, source.height, source.width)
        aside = self._new(self._name(f"aside_{skip}"), source.bits, source.order, source.height, source.width)
        self._add("owl_fork", f"fork_{skip}", source.frame_words, {"s": source, "a": main, "b": aside})
        kept = self._new(self._name(f"kept_{skip}"), source.bits, source.order, source.height, source.width)
        self._add("owl_fifo", f"kept_{skip}", source.frame_words, {"s": aside, "m": kept}, WIDTH=source.bits, skip=skip)
        return main, kept

    def _skip(self, layer: LogicSkip, current: Stream) -> Stream:
        earlier = self.forked[self.layer]
        if earlier.bits != current.bits or not np.array_equal(earlier.order, current.order):
            current = self._buffered(current)  # the earlier pixel is only there when the whole of it is
        if not np.array_equal(earlier.order, current.order):
            earlier = self._reordered(earlier, current.order, current.bits)
        earlier = self._converted(earlier, current.bits)
        out = self._like(current, "bits", current.bits)
        select = 0 if layer.select is None else contents.packed(layer.select[current.order], 1)
        self._add(
            "owl_join",
            "join",
            current.frame_words,
            {"s": current, "e": earlier, "m": out},
            BITS=current.bits,
            WORDS=current.words,
            GATE=GATE_NUMBERS[layer.gate],
            SELECT=select,
        )
        return out


def _window(folded: Geometry) -> dict[str, Any]:
    return {"CHANNELS": folded.channels, "SLICES": folded.slices, "PASSES": folded.passes}


def _inputs(source: Stream) -> Order:
    """int64 [C*H*W]: the feature that comes i-th, counted as a map is flattened: (c * H + h) * W + w."""
    pixels = np.arange(source.height * source.width)
    return np.asarray((source.order[None, :] * len(pixels) + pixels[:, None]).reshape(-1), np.int64)
