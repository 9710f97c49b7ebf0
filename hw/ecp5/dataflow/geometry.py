"""How a layer with weights is cut by its folding: what one cycle takes, how often, and the exact cycles of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import BinaryConv, BinaryLinear, Network, NetworkError, Scores, Shape
from owlbit.hw.ecp5.folding_file import LayerFolding

LARGEST_SCORE = 32_767  # what 16 bits hold

Weighted = BinaryConv | BinaryLinear | Scores


@dataclass(frozen=True)
class Geometry:
    """A folded layer.

    `rows`, `columns`: the kernel; `channels`: of each tap that a filter takes per cycle; `lanes`: groups that are computed at once;
    `slices`: words of lanes * channels bits in a position; `sum_slices`: after how many of them the sum of a filter ends;
    `passes`: over each position with an output; `positions`, `outputs`: of a frame, the padded map's and those with an output;
    `pe`: filters at once; `fan_in`: weights of a filter; `padding`: (top, left, bottom, right) as far as outputs see it;
    `flat`: the layer takes a whole map at once, as a single position of many channels; `shape`: (C, H, W) of its input.
    """

    rows: int
    columns: int
    channels: int
    lanes: int
    slices: int
    sum_slices: int
    passes: int
    positions: int
    outputs: int
    pe: int
    fan_in: int
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    stride: tuple[int, int] = (1, 1)
    flat: bool = False
    shape: Shape = (1, 1, 1)

    @property
    def simd(self) -> int:
        return self.rows * self.columns * self.channels

    @property
    def words(self) -> int:
        """Words of pe * simd weights."""
        return self.passes * self.slices

    @property
    def cycles(self) -> int:
        """Cycles of a frame: every position is passed over once to bring in the next one, those with an output `passes` times."""
        return self.slices * (self.outputs * self.passes + self.positions - self.outputs)

    def marks(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """bool [positions] twice: which positions of the padded map have an output, and which are pixels of the map."""
        top, left, bottom, right = self.padding
        height, width = self.shape[1:]
        rows, columns = np.arange(top + height + bottom), np.arange(left + width + right)
        full_rows = (rows >= self.rows - 1) & ((rows - self.rows + 1) % self.stride[0] == 0)
        full_columns = (columns >= self.columns - 1) & ((columns - self.columns + 1) % self.stride[1] == 0)
        inner_rows, inner_columns = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
        return np.outer(full_rows, full_columns).ravel(), np.outer(inner_rows, inner_columns).ravel()


def is_flat(layer: Weighted, shape: Shape) -> bool:
    """Whether the layer takes a whole map of `shape` at once: linear layers, and convolutions whose kernel covers the map."""
    if not isinstance(layer, BinaryConv):
        return True
    return layer.groups == 1 and not any(layer.padding) and layer.weights.shape[2:] == shape[1:]


def input_shape(network: Network, index: int) -> Shape:
    """(C, H, W) of the map that layer `index` reads."""
    return network.shapes[index - 1] if index else network.input_shape


def geometry(network: Network, folding: LayerFolding) -> Geometry:
    """The layer's geometry. Raises NetworkError, one sentence, for a folding that is none of `legal_foldings`."""
    layer, shape = network.layers[folding.layer], input_shape(network, folding.layer)
    assert isinstance(layer, BinaryConv | BinaryLinear | Scores)
    return _geometry(layer, shape, folding.pe, folding.simd, f"layer {folding.layer}")


def layer_cycles(network: Network, index: int, pe: int, simd: int) -> int:
    """Cycles per frame of layer `index` so folded. Raises NetworkError as `geometry` does."""
    return geometry(network, LayerFolding(index, pe, simd)).cycles


def legal_foldings(network: Network, index: int) -> list[tuple[int, int]]:
    """Every (pe, simd) of layer `index`, the fewest products per cycle first."""
    layer, shape = network.layers[index], input_shape(network, index)
    if isinstance(layer, BinaryLinear | Scores) or (isinstance(layer, BinaryConv) and is_flat(layer, shape)):
        pairs = {(pe, simd) for pe in divisors(len(layer.weights)) for simd in divisors(layer.fan_in)}
    elif isinstance(layer, BinaryConv):
        filters, channels, rows, columns = layer.weights.shape
        per_group = divisors(filters // layer.groups)
        pairs = {(pe, rows * columns * part) for pe in per_group for part in divisors(channels)}
        pairs |= {(lanes * pe, layer.fan_in) for pe in per_group for lanes in divisors(layer.groups)}
    else:
        raise NetworkError(f"layer {index}: expected a layer with weights, got {type(layer).__name__}")
    return sorted(pairs, key=lambda pair: (pair[0] * pair[1], pair))


def divisors(number: int) -> list[int]:
    """The divisors of a positive number, rising."""
    return [candidate for candidate in range(1, number + 1) if number % candidate == 0]


def needed_padding(layer: BinaryConv, shape: Shape, output: Shape) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) without what lies behind the last output's window."""
    top, left, bottom, right = layer.padding
    spare_rows = shape[1] + top + bottom - ((output[1] - 1) * layer.stride[0] + layer.weights.shape[2])
    spare_columns = shape[2] + left + right - ((output[2] - 1) * layer.stride[1] + layer.weights.shape[3])
    return top, left, max(bottom - spare_rows, 0), max(right - spare_columns, 0)


def _geometry(layer: Weighted, shape: Shape, pe: int, simd: int, what: str) -> Geometry:
    filters, fan_in = len(layer.weights), layer.fan_in
    if not isinstance(layer, BinaryConv) or is_flat(layer, shape):
        if filters % pe or fan_in % simd:
            raise NetworkError(f"{what}: expected pe to divide {filters} and simd to divide {fan_in}, got pe {pe} and simd {simd}")
        slices = fan_in // simd
        return Geometry(1, 1, simd, 1, slices, slices, filters // pe, 1, 1, pe, fan_in, flat=True, shape=shape)
    _, channels, rows, columns = layer.weights.shape
    per_group, taps = filters // layer.groups, rows * columns
    if simd % taps or channels % (simd // taps):
        raise NetworkError(
            f"{what}: expected simd to be {rows} * {columns} * a divisor of the {channels} channels of a group, got {simd}"
        )
    lanes = 1
    if per_group % pe:
        lanes = next((n for n in divisors(layer.groups) if pe % n == 0 and per_group % (pe // n) == 0), 0)
        if not lanes or simd != fan_in:
            raise NetworkError(
                f"{what}: expected pe to divide the {per_group} filters of a group, "
                f"or with simd {fan_in} those of several groups, got {pe}"
            )
    part = simd // taps
    output = layer.output_shape(shape)
    padding = needed_padding(layer, shape, output)
    positions = (shape[1] + padding[0] + padding[2]) * (shape[2] + padding[1] + padding[3])
    return Geometry(
        rows=rows,
        columns=columns,
        channels=part,
        lanes=lanes,
        slices=shape[0] // (lanes * part),
        sum_slices=channels // part,
        passes=per_group // (pe // lanes),
        positions=positions,
        outputs=prod(output[1:]),
        pe=pe,
        fan_in=fan_in,
        padding=padding,
        stride=layer.stride,
        shape=shape,
    )
