"""What the ROMs of a layer hold: its weights in the order in which its inputs come, and where its sums begin."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import BinaryConv, BinaryLinear, Bits, Ints, Scores
from owlbit.hw.ecp5.dataflow.geometry import Geometry
from owlbit.hw.ecp5.dataflow.stages import Order

PART_BITS = 16  # of owl_rom; Yosys takes a time for a constant that grows with the square of its bits


def conv_words(layer: BinaryConv, geometry: Geometry, order: Order, filters: NDArray[np.int64]) -> Bits:
    """uint8 [words, pe * simd]: the weights, inverted, as `owl_filters` reads them.

    `order`: the input channel that comes i-th; `filters`: the filter whose output comes i-th.
    """
    per_input_group = layer.weights.shape[1]
    channels = (order % per_input_group).reshape(geometry.slices, geometry.lanes, geometry.channels)
    sums = geometry.slices // geometry.sum_slices
    parts = geometry.pe // geometry.lanes
    taken = filters.reshape(geometry.passes, sums, geometry.lanes, parts)
    words = np.empty(
        (geometry.passes, geometry.slices, geometry.lanes, parts, geometry.rows, geometry.columns, geometry.channels), np.uint8
    )
    for place in range(geometry.slices):
        for lane in range(geometry.lanes):
            chosen = layer.weights[taken[:, place // geometry.sum_slices, lane]]  # [pass, filter, channel, row, column]
            words[:, place, lane] = chosen[:, :, channels[place, lane]].transpose(0, 1, 3, 4, 2)
    return 1 - words.reshape(geometry.words, -1)


def linear_words(weights: Bits, geometry: Geometry, inputs: Order) -> Bits:
    """uint8 [words, pe * simd]: the weights [features, K], inverted. `inputs`: the input that comes i-th."""
    ordered = weights[:, inputs].reshape(geometry.passes, geometry.pe, geometry.slices, geometry.simd)
    return np.asarray(1 - ordered.transpose(0, 2, 1, 3).reshape(geometry.words, -1), np.uint8)


def total_bits(layer: BinaryConv | BinaryLinear | Scores, geometry: Geometry) -> int:
    """Bits of a sum: of a threshold's difference with its sign, or of a score less its lowest bit."""
    if isinstance(layer, Scores):
        return max(((layer.fan_in + 1) // 2).bit_length() + 1, geometry.simd.bit_length() + 1)
    return (layer.fan_in + 1).bit_length() + 1


def initial_values(layer: BinaryConv | BinaryLinear, bits: int) -> Ints:
    """Where each filter's sum begins, so that its highest bit says whether it reaches the threshold: 2^(bits-1) - threshold."""
    return np.asarray((1 << (bits - 1)) - layer.thresholds.astype(np.int64), np.int32)


def initial_scores(layer: Scores, bits: int) -> Ints:
    """-(K / 2), rounded away from 0, modulo 2^bits, for each class."""
    return np.full(len(layer.weights), (-((layer.fan_in + 1) // 2)) % (1 << bits), np.int32)


def number_words(numbers: Ints, per_word: int, bits: int) -> Bits:
    """uint8 [words, per_word * bits]: numbers, `per_word` to a word, the first one lowest."""
    shifted = (numbers.astype(np.int64)[:, None] >> np.arange(bits)) & 1
    return np.asarray(shifted, np.uint8).reshape(-1, per_word * bits)


def hex_lines(words: Bits) -> str:
    """Words as $readmemh reads them, one per line."""
    digits = -(-words.shape[1] // 4)
    padded = np.zeros((len(words), digits * 4), np.uint8)
    padded[:, : words.shape[1]] = words
    nibbles = (padded.reshape(len(words), digits, 4) << np.arange(4, dtype=np.uint8)).sum(2)[:, ::-1]
    return "".join("".join(f"{nibble:x}" for nibble in row) + "\n" for row in nibbles.tolist())


def constant(words: Bits) -> str:
    """uint8 [words, bits] as one Verilog constant, the first word's first bit lowest."""
    return f"{words.size}'h{int.from_bytes(np.packbits(words.ravel(), bitorder='little').tobytes(), 'little'):x}"


def tables(words: Bits) -> str:
    """uint8 [words, bits] as the constant of `owl_rom`'s look-up tables: `PART_BITS` bits of all words after one another."""
    parts = [words[:, start : start + PART_BITS].ravel() for start in range(0, words.shape[1], PART_BITS)]
    return constant(np.concatenate(parts))


def packed(numbers: Iterable[int], bits: int) -> str:
    """Numbers as one Verilog constant, the first one lowest."""
    values = [int(number) for number in numbers]
    return f"{bits * len(values)}'h{sum(value << (bits * place) for place, value in enumerate(values)):x}"
