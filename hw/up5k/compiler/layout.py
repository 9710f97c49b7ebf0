"""Where each channel of an activation map lies in memory: the contract between the stage that writes it and the one that reads.

The engine writes nibbles: four channels that one group of the writer made. It reads words of 64 bits, in which a group of the
reader occupies 16, 32 or a multiple of 64 bits. So the channels of a reader's group are gathered, cut into nibbles by the writer's
group, and padded with inert channels: their bit is always 0 and the reader's weight on them always 1, so that they never match.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Thermometer
from owlbit.hw.up5k.compiler.legality import MAX_PIXEL_WORDS, PIXEL_BITS, refuse
from owlbit.hw.up5k.compiler.stages import Stage

INERT = -1


@dataclass(frozen=True)
class Layout:
    """One map in memory.

    `channels`: int [groups, group_bits], the reader's channel at each bit of each of its groups, or INERT; `written`: int
    [pixel_bits], the writer's channel at each bit of a pixel, or INERT. Both widths are 16, 32 or a multiple of 64.
    """

    channels: NDArray[np.intp]
    written: NDArray[np.intp]
    map_shape: tuple[int, int]

    @property
    def group_bits(self) -> int:
        """Bits a group of the reader occupies."""
        return int(self.channels.shape[1])

    @property
    def pixel_bits(self) -> int:
        """Bits of one position of the map."""
        return len(self.written)

    @property
    def quarters(self) -> int:
        """Quarters of a word (16 bits) a position takes."""
        return self.pixel_bits // 16

    @property
    def words(self) -> int:
        """64-bit words of the whole map."""
        return -(-self.map_shape[0] * self.map_shape[1] * self.pixel_bits // 64)


def _round_up(bits: int) -> int:
    """The narrowest width of at least `bits` that the engine reads."""
    return 16 if bits <= 16 else 32 if bits <= 32 else -(-bits // 64) * 64


def _finish(groups: list[list[int]], stage: Stage) -> Layout:
    """Pads lists of reader's channels (or INERT) to legal widths; `stage` is the reader."""
    group_bits = _round_up(max(len(group) for group in groups))
    pixel_bits = _round_up(group_bits * len(groups))
    positions = stage.map_shape[0] * stage.map_shape[1]
    if stage.flat and positions * pixel_bits % 64:  # a linear layer reads the map as whole words
        pixel_bits = group_bits = 64
    channels = np.full((len(groups), group_bits), INERT, np.intp)
    for row, group in zip(channels, groups, strict=True):
        row[: len(group)] = group
    flat = channels.reshape(-1)
    written = np.full(pixel_bits, INERT, np.intp)
    written[: flat.size] = np.where(flat == INERT, INERT, stage.source[flat])
    if pixel_bits > 64 * MAX_PIXEL_WORDS:
        raise refuse(f"{stage.name} reads {pixel_bits} channels, inert ones included; up to {64 * MAX_PIXEL_WORDS} fit")
    return Layout(channels, written, stage.map_shape)


def lay_out_map(writer: Stage, reader: Stage) -> Layout:
    """The layout of the map between two stages."""
    per_writer, per_reader = writer.filters // writer.groups, len(reader.source) // reader.groups
    groups = []
    for first in range(0, len(reader.source), per_reader):
        by_writer: dict[int, list[int]] = {}
        for channel in range(first, first + per_reader):
            by_writer.setdefault(int(reader.source[channel]) // per_writer, []).append(channel)
        # Nibbles of the writer's groups take turns: four groups that share a word then fill a quarter, which is one write.
        nibbles = []
        for writer_group, channels in sorted(by_writer.items()):
            channels.sort(key=lambda channel: int(reader.source[channel]))
            for turn, start in enumerate(range(0, len(channels), 4)):
                four = channels[start : start + 4]
                nibbles.append((turn, writer_group, four + [INERT] * (4 - len(four))))
        nibbles.sort(key=lambda nibble: nibble[:2])
        groups.append([channel for _, _, four in nibbles for channel in four])
    return _finish(groups, reader)


def lay_out_frame(thermometer: Thermometer, reader: Stage) -> Layout:
    """The layout of the encoded frame. Raises Up5kError where its bits do not fit a word or its colours come out of order.

    The encoder sees one colour at a time, in order, and makes nibbles of one colour.
    """
    levels = thermometer.thresholds.shape[1]
    per_reader = len(reader.source) // reader.groups
    groups, colours = [], []
    for first in range(0, len(reader.source), per_reader):
        group: list[int] = []
        by_colour: dict[int, list[int]] = {}
        for channel in range(first, first + per_reader):
            by_colour.setdefault(int(reader.source[channel]) // levels, []).append(channel)
        for colour, channels in sorted(by_colour.items()):
            colours.append(colour)
            channels.sort(key=lambda channel: int(reader.source[channel]))
            group += channels + [INERT] * (-len(channels) % 4)
        groups.append(group)
    if colours != sorted(colours):
        raise refuse(f"{reader.name} mixes colours across its groups; one group, or a group a colour, fits")
    layout = _finish(groups, reader)
    if layout.pixel_bits > PIXEL_BITS:
        raise refuse(
            f"the thermometer gives {layout.pixel_bits} bits per pixel, inert ones included, "
            f"{layout.pixel_bits - PIXEL_BITS} too many; {PIXEL_BITS} fit (T up to 16 for three colours, 64 for one)"
        )
    return layout
