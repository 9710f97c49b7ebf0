"""The network as far as it is built, and the one step that adds to it: a tensor of two values becomes bits.

A table's two values are told apart by one threshold per channel, which is searched for in the table. A channel whose value falls
with the integer is either made by the complemented filter or, where there is no filter to complement (a thermometer's channel, a
maximum already taken), kept as the complement of its bit: its table then falls, and the next layer's weights are complemented.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import BinaryConv, BinaryLinear, ChannelShuffle, Layer, LogicSkip, Shape, Thermometer
from owlbit.export.qonnx.graph import Array, Node
from owlbit.export.qonnx.lowering.find_gate import find_gate
from owlbit.export.qonnx.lowering.traced import (
    BitSource,
    PairSource,
    PixelSource,
    SumSource,
    Traced,
    complemented,
    reverse_rows,
    reverse_tables,
    with_filters,
)

Rows = NDArray[np.bool_]


@dataclass
class Building:
    """Layers so far, and the image's shape.

    `shared`: indices of the layers whose bits several nodes read; `unread`: the tensors that later nodes read, of which none may be
    made bits alone where it shares its integer with another; `notes`: what the user should be told.
    """

    image: Shape
    layers: list[Layer] = field(default_factory=list)
    shared: set[int] = field(default_factory=set)
    unread: list[Traced] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _made: list[tuple[Traced, Traced]] = field(default_factory=list)

    def stays_open(self, x: Traced) -> bool:
        """Whether a later node reads another function of the integer of `x`, so that `x` must stay a function of it too."""
        return not isinstance(x.source, BitSource) and any(x.source == other.source for other in self.unread)

    def make_bits(self, x: Traced, fired: Rows, low: Array, high: Array, pad_fired: Rows | None, node: Node) -> Traced:
        """Adds the layers that compute `fired`, bool [C, L]; the result holds `high` [C] where it is true, else `low` [C]."""
        pad_values = None if pad_fired is None else np.where(pad_fired, high, low)
        if isinstance(x.source, PairSource):
            gate, select, falling, flipped = find_gate(fired, node)
            if flipped.any() and not self._complement(x.source.reads, flipped):
                raise node.error(
                    f"needs the complement of channel {int(flipped.argmax())}'s bit, which another branch reads as it is"
                )
            self.add(LogicSkip(x.source.earlier, gate, select), x.source.reads, node)
        else:
            self._note_constant(fired, high, node)
            x, falling = self._add_thresholds(x, fired, node)
        for pool in x.pools:
            self.add(pool, self.last, node)
        table = np.where(falling[:, None], np.stack([high, low], 1), np.stack([low, high], 1))
        made = Traced(x.shape, x.order, table, BitSource(self.last), (), x.pads, pad_values)
        return made

    def _note_constant(self, fired: Rows, high: Array, node: Node) -> None:
        """Tells of a quantiser none of whose bits ever changes: the network behind it sees the same for every image."""
        if (fired.all(axis=1) | ~fired.any(axis=1)).all():
            what = f"always {high[0]:g}" if fired.all() else "never reached" if not fired.any() else "the same for every image"
            self.notes.append(
                f"{node.label}: its bits never change, its value is {what}; a Relu before a 1-bit quantiser leaves nothing below "
                "zero: a sign of the values without Relu, such as a 1-bit QuantIdentity, was probably meant"
            )

    def _add_thresholds(self, x: Traced, fired: Rows, node: Node) -> tuple[Traced, Rows]:
        """Adds the thermometer or layer that fires as `fired` says; the channels returned fire where they should not."""
        falling = _falling(fired, node)
        if isinstance(x.source, SumSource) and not x.pools and falling.any():
            x, fired = reverse_rows(x, falling), np.where(falling[:, None], fired[:, ::-1], fired)
            falling = np.zeros_like(falling)
        stored = np.where(falling[:, None], ~fired, fired)
        thresholds = np.where(stored.any(axis=1), stored.argmax(axis=1), stored.shape[1]).astype(np.int32)
        if isinstance(x.source, PixelSource):
            self._add_thermometer(x.source, thresholds, node)
        elif isinstance(x.source, SumSource):
            layer = x.source.layer
            self.add(with_filters(layer, layer.weights, thresholds), x.source.reads, node)
        return x, falling

    @property
    def last(self) -> int:
        """Index of the last layer, -1 where there is none."""
        return len(self.layers) - 1

    def check_line(self, reads: int, node: Node) -> None:
        """Raises QonnxError where `reads` is not the last layer: the layers of a network stand in one line."""
        if reads != self.last:
            raise node.error(
                "goes on from a tensor that another branch has left behind; of two branches one may hold layers, and "
                "the other leads straight to the OR, XOR or multiplexer that joins them"
            )

    def add(self, layer: Layer, reads: int, node: Node) -> None:
        """Appends a layer, which must read the last one."""
        self.check_line(reads, node)
        self.layers.append(layer)

    def _add_thermometer(self, source: PixelSource, thresholds: NDArray[np.int32], node: Node) -> None:
        """Channels of the file in any order; the network's thermometer has them colour by colour."""
        colours = self.image[0]
        counts = np.bincount(source.colours, minlength=colours)
        if counts.min() != counts.max():
            raise node.error(f"expected as many thresholds for each of the {colours} colours, got {counts.tolist()}")
        by_colour = np.argsort(source.colours, kind="stable")
        self.add(Thermometer(thresholds[by_colour].reshape(colours, -1)), -1, node)
        if not np.array_equal(by_colour, np.arange(by_colour.size)):
            self.add(ChannelShuffle(np.argsort(by_colour).astype(np.int32)), self.last, node)

    def flip_bits(self, x: Traced, rows: Rows) -> Traced | None:
        """The tensor with the stored bits of `rows` complemented by the layer that makes them; None where that cannot be."""
        return reverse_tables(x, rows) if self._complement(x.bit_layer, rows) else None

    def _complement(self, index: int, rows: Rows) -> bool:
        """Complements the bits `rows` of layer `index`. False where it has no filters for that, or others read its bits too."""
        made = rows
        while index not in self.shared and isinstance(shuffle := self.layers[index], ChannelShuffle):
            before = np.zeros_like(made)
            before[shuffle.permutation] = made
            index, made = index - 1, before
        layer = self.layers[index]
        if index in self.shared or not isinstance(layer, BinaryConv | BinaryLinear):
            return False
        thresholds = np.where(made, layer.fan_in + 1 - layer.thresholds, layer.thresholds).astype(np.int32)
        self.layers[index] = with_filters(layer, complemented(layer.weights, made), thresholds)
        self._made.clear()  # their tables tell of the bits as they were
        return True

    def share(self, x: Traced, node: Node) -> Traced:
        """A tensor that several nodes read: bits from here on, if it has two values, which nobody complements any more.

        The larger value is stored as 1, in as far as the layer that makes it can do that.
        """
        if self.stays_open(x) or x.pad_values is not None:
            return x
        if not isinstance(x.source, BitSource) and x.levels is None and np.unique(x.table).size != 2:
            return x
        x = self.as_bits(x, node)
        x = self.flip_bits(x, x.table[:, 1] < x.table[:, 0]) or x
        self.shared.add(x.bit_layer)
        return x

    def as_bits(self, x: Traced, node: Node) -> Traced:
        """The tensor as bits; where no quantiser has made it so yet, it must hold two values in all."""
        if isinstance(x.source, BitSource):
            return self._with_constants(replace(x, levels=None), node)
        for given, made in self._made:
            if given.same_integer(x) and np.array_equal(given.table, x.table):
                return replace(made, order=x.order)
        low, high, spread = self._two_values(x, node)
        fired = _nearer(x.table, low, high)
        pad_fired = None if x.pad_values is None else _nearer(x.pad_values[:, None], low, high)[:, 0]
        if x.low is not None and x.high is not None:
            unsure = _nearer(x.low, low, high) != _nearer(x.high, low, high)
            if unsure.any():
                self.notes.append(_rounding_note(unsure, node))
        made = self.make_bits(x, fired, low, high, pad_fired, node)
        if spread:
            ends = (made.table.astype(np.float64) + sign * spread for sign in (-1, 1))
            made = replace(made, low=next(ends), high=next(ends))
        self._made.append((x, made))
        return made

    def nearly_bits(self, x: Traced) -> bool:
        """Whether its values are two but for float32's rounding, as those of x + (sign(x) - x) are."""
        values = np.unique(x.table.astype(np.float64))
        gaps = np.sort(np.diff(values))
        return values.size == 2 or (values.size > 2 and bool(gaps[-2] <= 1e-4 * gaps[-1]))

    def _with_constants(self, x: Traced, node: Node) -> Traced:
        """Bits of which some channels always have one value: a layer of one weight per channel makes them so."""
        constant = x.table[:, 0] == x.table[:, 1]
        if not constant.any():
            return x
        low, high, _ = self._two_values(x, node)
        thresholds = np.where(constant, np.where(_nearer(x.table, low, high)[:, 0], 0, 2), 1).astype(np.int32)
        channels = x.shape[0]
        self.add(BinaryConv(np.ones((channels, 1, 1, 1), np.uint8), thresholds, channels), x.bit_layer, node)
        table = np.where(constant[:, None], np.stack([low, high], axis=1), x.table)
        return replace(x, table=table, source=BitSource(self.last))

    def _two_values(self, x: Traced, node: Node) -> tuple[Array, Array, float]:
        """The lower and the higher value of each channel, [C], and how far float32's rounding may take values from them."""
        if x.levels is not None:
            return x.levels[:, 0], x.levels[:, 1], 0.0
        entries = [x.table, *([] if x.pad_values is None else [x.pad_values[:, None]])]
        values = np.unique(np.concatenate([entry.ravel() for entry in entries]))
        if values.size == 1 and np.isfinite(values[0]):  # bits that never change: of the other value nothing is known
            other = values.dtype.type(1) if values[0] == 0 else -values[0] if values.dtype.kind == "f" else values.dtype.type(0)
            below, above = (np.full(x.shape[0], value) for value in sorted((values[0], other)))
            return below, above, 0.0
        gaps = np.diff(values.astype(np.float64))
        if values.size >= 2 and gaps.max() < np.inf:
            # x + (sign(x) - x), in float32, is +-1 but for the last bits.
            cut = int(gaps.argmax()) + 1
            low, high = values[:cut], values[cut:]
            spread = float(max(np.ptp(low.astype(np.float64)), np.ptp(high.astype(np.float64))))
            if spread <= 1e-4 * float(gaps.max()):
                below, above = (
                    np.full(x.shape[0], group[np.abs(group.astype(np.float64) % 1 - 0.5).argmax()]) for group in (low, high)
                )
                return below, above, spread
        message = f"expected binary input (two values), got {values.size} values"
        if isinstance(x.source, PixelSource):
            raise node.error(
                f"{message}; a first layer on 8-bit pixels is not supported, compare them with thresholds first, or build it with "
                "--target finn:PART, which takes 8-bit first layers"
            )
        raise node.error(f"{message}; put a BipolarQuant, a 1-bit Quant or a MultiThreshold with one threshold before it")


def _nearer(values: Array, low: Array, high: Array) -> Rows:
    """Whether each of [C, L] is nearer to `high` [C] than to `low` [C]."""
    wide = values.astype(np.float64)
    return np.asarray(np.abs(wide - high[:, None]) < np.abs(wide - low[:, None]))


def _rounding_note(unsure: Rows, node: Node) -> str:
    """Which decisions hang on the order in which float32 sums are rounded."""
    channels = int(unsure.any(axis=1).sum())
    channel, popcount = (int(index) for index in np.argwhere(unsure)[0])
    return (
        f"{node.label}: {channels} of {len(unsure)} channels decide at a sum so near their threshold that float32 rounding, whose "
        f"order is each tool's own, tips it (channel {channel} at the sum {2 * popcount - (unsure.shape[1] - 1):+d}); there other "
        "tools may give other bits; weights of a scale that is a power of two, or a shift by half a step, leave no such sums"
    )


def _falling(fired: Rows, node: Node) -> Rows:
    """Which channels switch off as the integer rises. Raises QonnxError for a channel that switches more than once."""
    count = (fired[:, 1:] != fired[:, :-1]).sum(axis=1)
    if count.max(initial=0) > 1:
        channel = int(count.argmax())
        raise node.error(f"expected one switch between two values, but channel {channel} switches {int(count[channel])} times")
    return np.asarray((count == 1) & ~fired[:, -1])
