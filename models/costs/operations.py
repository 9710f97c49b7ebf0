"""Cost of float and binary networks, operation by operation: BOPs, FLOPs, bits of parameters and of feature maps. Imports no torch.

A network is a list of operations in order, made with `Tally`. `owlbit.export.network_cost` counts deployed integer networks
instead. One multiply-accumulate is one operation: a BOP where weights and input are binary, a FLOP otherwise. Real numbers have 32
bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from owlbit.models.layer_table import Shape

REAL_BITS = 32


@dataclass(frozen=True)
class OperationCost:
    """One operation on one image.

    `name`; `output_shape`: (C, H, W); `bops`, `flops`: see the module; `weights`: how many of a convolution or linear layer;
    `parameter_bits`: bits of all that is stored for it; `feature_bits`: bits of its output map.
    """

    name: str
    output_shape: Shape
    bops: int
    flops: int
    weights: int
    parameter_bits: int
    feature_bits: int


class Tally:
    """Collects operations; `rows` are those so far."""

    def __init__(self) -> None:
        self.rows: list[OperationCost] = []

    def conv(
        self,
        name: str,
        shape: Shape,
        filters: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        binary: bool,
        binary_weights: bool = False,
        bias: bool = False,
    ) -> Shape:
        """A convolution of the map `shape`; every weight is used at every output position, padding included. Returns its output.

        `binary`: weights and input of 1 bit; `binary_weights`: weights alone, which costs FLOPs; the output is real (or a
        popcount) all the same. Raises ValueError where `groups` do
        not divide or nothing comes out.
        """
        channels, height, width = shape
        after = (filters, (height + 2 * padding - kernel) // stride + 1, (width + 2 * padding - kernel) // stride + 1)
        if channels % groups or filters % groups or min(after) < 1:
            raise ValueError(f"{name}: expected groups that divide and an output map, got {groups} groups, {shape} to {after}")
        weights = filters * (channels // groups) * kernel**2
        operations = weights * after[1] * after[2]
        bits = weights * (1 if binary or binary_weights else REAL_BITS) + filters * REAL_BITS * bias
        return self._add(name, after, operations * binary, operations * (not binary), weights, bits)

    def linear(self, name: str, shape: Shape, features: int, *, binary: bool, bias: bool = False) -> Shape:
        """A linear layer over the flattened map `shape`; see `conv`."""
        return self.conv(name, (shape[0] * shape[1] * shape[2], 1, 1), features, 1, binary=binary, bias=bias)

    def each(self, name: str, shape: Shape, flops: int = 1, *, parameters: int = 0, bits: int = REAL_BITS) -> Shape:
        """`flops` for every element of the output map `shape`, with `parameters` a channel; `bits` an element of it."""
        return self._add(name, shape, 0, flops * size(shape), 0, parameters * shape[0] * REAL_BITS, bits)

    def pool(self, name: str, shape: Shape, side: int, stride: int, padding: int = 0, *, flops: int) -> Shape:
        """A pooling of the map `shape` that costs `flops` for every element of its output."""
        channels, height, width = shape
        after = (channels, (height + 2 * padding - side) // stride + 1, (width + 2 * padding - side) // stride + 1)
        return self.each(name, after, flops)

    def _add(
        self, name: str, shape: Shape, bops: int, flops: int, weights: int, parameter_bits: int, bits: int = REAL_BITS
    ) -> Shape:
        self.rows.append(OperationCost(name, shape, bops, flops, weights, parameter_bits, bits * size(shape)))
        return shape


def size(shape: Shape) -> int:
    """Elements of a map (C, H, W)."""
    return shape[0] * shape[1] * shape[2]


def total(rows: Iterable[OperationCost]) -> OperationCost:
    """The sums of `rows` as one row named "total"; `feature_bits` is the sum too, not what is alive at one time."""
    rows = list(rows)
    return OperationCost(
        "total",
        rows[-1].output_shape,
        sum(row.bops for row in rows),
        sum(row.flops for row in rows),
        sum(row.weights for row in rows),
        sum(row.parameter_bits for row in rows),
        sum(row.feature_bits for row in rows),
    )
