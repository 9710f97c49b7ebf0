"""Cuts a stage into passes of up to 16 filters and works out, bit by bit, what the weight and threshold memories hold for each.

A pass has one, two or four slots: a slot is a nibble of four filters of one group. Lane 4k+q of the engine matches filter k of the
slot that owns quarter q of the word read.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Bits
from owlbit.hw.up5k.compiler.layout import INERT, Layout
from owlbit.hw.up5k.compiler.legality import WEIGHT_ROWS, refuse
from owlbit.hw.up5k.compiler.stages import Stage
from owlbit.hw.up5k.fields import CLASSES, FILTERS, PASS, SLOT

NEVER = 0x3FFF  # a threshold that no popcount reaches


@dataclass(frozen=True)
class Slot:
    """Four filters (or INERT) of one group and the nibble of the output pixel they go to; `fill` clears the rest of its word."""

    filters: tuple[int, int, int, int]
    nibble: int
    fill: bool = False


@dataclass(frozen=True)
class Pass:
    """`first_word`: the input word of a pixel where the groups of this pass begin; `slots`: 1, 2 or 4, None where one is unused."""

    first_word: int
    slots: tuple[Slot | None, ...]

    @property
    def quad(self) -> bool:
        """Whether all four slots fill one quarter and so take one write."""
        first = self.slots[0]
        if len(self.slots) != 4 or first is None or first.nibble % 4:
            return False
        return all(
            slot is not None and slot.nibble == first.nibble + place and (place == 0 or not slot.fill)
            for place, slot in enumerate(self.slots)
        )


def slot_count(stage: Stage, reads: Layout) -> int:
    """How many slots share a word: 4 of 16 bits, 2 of 32, or 1. A flat stage reads whole words."""
    return 1 if stage.flat else {16: 4, 32: 2}.get(reads.group_bits, 1)


def plan_passes(stage: Stage, reads: Layout, writes: Layout | None) -> list[Pass]:
    """The passes of a stage; `writes` is None for the last stage, whose filters are the classes in order."""
    if writes is None:
        chunks = [list(range(start, min(start + 4, stage.filters))) for start in range(0, stage.filters, 4)]
        return [Pass(0, (Slot(_four(chunk), place),)) for place, chunk in enumerate(chunks)]
    queues = _queues(stage, writes)
    count = slot_count(stage, reads)
    group_words = max(1, reads.group_bits // 64)
    passes: list[Pass] = []
    if count == 1:
        for group, queue in enumerate(queues):
            passes += [Pass(group * group_words, (slot,)) for slot in queue]
    else:
        in_word = min(count, reads.pixel_bits // reads.group_bits)  # a narrow pixel is repeated over the word
        for word, first in enumerate(range(0, stage.groups, in_word)):
            own = [queues[group] if group < stage.groups else deque() for group in range(first, first + in_word)]
            while any(own):
                taken = [own[place % in_word].popleft() if own[place % in_word] else None for place in range(count)]
                passes.append(Pass(word, tuple(taken)))
    return _with_fills(passes, writes)


def _four(filters: list[int]) -> tuple[int, int, int, int]:
    a, b, c, d = [*filters, *[INERT] * (4 - len(filters))]
    return a, b, c, d


def _queues(stage: Stage, writes: Layout) -> list[deque[Slot]]:
    """The nibbles of every group, by where they go. A word of the pixel that nobody writes gets an inert nibble, to clear it."""
    queues: list[deque[Slot]] = [deque() for _ in range(stage.groups)]
    per_group = stage.filters // stage.groups
    nibbles = writes.written.reshape(-1, 4)
    for place, nibble in enumerate(nibbles):
        filters = [int(channel) for channel in nibble if channel != INERT]
        if filters:
            queues[filters[0] // per_group].append(Slot(_four([int(channel) for channel in nibble]), place))
        elif place % 16 == 0 and (nibbles[place : place + 16] == INERT).all():
            queues[0].append(Slot(_four([]), place))
    return queues


def _with_fills(passes: list[Pass], writes: Layout) -> list[Pass]:
    """Marks the first write of every word that holds inert nibbles: it also clears them."""
    per_word = min(16, writes.pixel_bits // 4)
    inert = (writes.written.reshape(-1, 4) == INERT).all(axis=1)
    to_clear = {int(place) // per_word for place in np.flatnonzero(inert)}
    result = []
    for each in passes:
        slots: list[Slot | None] = []
        for slot in each.slots:
            fill = slot is not None and slot.nibble // per_word in to_clear
            if slot is not None and fill:
                to_clear.remove(slot.nibble // per_word)
                slot = Slot(slot.filters, slot.nibble, True)
            slots.append(slot)
        result.append(Pass(each.first_word, tuple(slots)))
    return result


def physical_weights(stage: Stage, reads: Layout) -> Bits:
    """Bits [F + 1, kh, kw, group_bits]: every filter over the bits of its group as they lie in memory.

    Inert bits are 1, and so is the whole of the last filter, which stands for inert ones. A flat stage
    has kernel 1x1 and the whole map, position by position, in place of a group.
    """
    if stage.flat:
        filters, _, height, width = stage.weights.shape
        padded = np.ones((filters + 1, height, width, reads.pixel_bits), np.uint8)
        live = np.flatnonzero(reads.channels[0] != INERT)
        padded[:-1, :, :, live] = stage.weights[:, reads.channels[0][live]].transpose(0, 2, 3, 1)
        return padded.reshape(filters + 1, 1, 1, -1)
    filters, per_group, kernel_h, kernel_w = stage.weights.shape
    padded = np.ones((filters + 1, kernel_h, kernel_w, reads.group_bits), np.uint8)
    for group in range(stage.groups):
        rows = slice(group * filters // stage.groups, (group + 1) * filters // stage.groups)
        live = np.flatnonzero(reads.channels[group] != INERT)
        own = reads.channels[group][live] - group * per_group
        padded[rows, :, :, live] = stage.weights[rows][:, own].transpose(0, 2, 3, 1)
    return padded


def weight_words(stage: Stage, reads: Layout, passes: list[Pass]) -> NDArray[np.uint64]:
    """uint64 [passes, rows * 4]: the weight memory of each pass; a row is one word for each filter k of the slots."""
    weights = physical_weights(stage, reads)
    _, kernel_h, kernel_w, bits = weights.shape
    count = slot_count(stage, reads)
    words = -(-bits // 64)
    if kernel_h * kernel_w * words > WEIGHT_ROWS:
        raise refuse(
            f"{stage.name} has {kernel_h * kernel_w * words * 64:,} inputs per filter, inert ones included, "
            f"{(kernel_h * kernel_w * words - WEIGHT_ROWS) * 64:,} too many; {WEIGHT_ROWS * 64:,} fit"
        )
    lanes = np.full((len(passes), 4, 4), stage.filters, np.intp)  # filter of lane (k, q)
    for index, each in enumerate(passes):
        for quarter in range(4):
            slot = each.slots[quarter * len(each.slots) // 4]
            if slot is not None:
                lanes[index, :, quarter] = [stage.filters if chosen == INERT else chosen for chosen in slot.filters]
    if count == 1:  # [p, k, q, kh, kw, word, 16]
        split = weights.reshape(-1, kernel_h, kernel_w, words, 4, 16)
        rows = np.stack([split[lanes[:, :, quarter], :, :, :, quarter] for quarter in range(4)], axis=2)
    else:
        split = weights.reshape(-1, kernel_h, kernel_w, 1, 4 // count, 16)
        rows = np.stack([split[lanes[:, :, quarter], :, :, :, quarter % (4 // count)] for quarter in range(4)], axis=2)
    ordered = rows.transpose(0, 3, 5, 4, 1, 2, 6)  # [p, kh, word, kw, k, q, 16]
    packed = np.packbits(ordered.reshape(len(passes), -1, 64), axis=2, bitorder="little")
    return packed.view("<u8").reshape(len(passes), -1)


def threshold_words(stage: Stage, writes: Layout | None, passes: list[Pass]) -> NDArray[np.uint64]:
    """uint64 [passes, 1 + slots]: the header of each pass and the four thresholds (or, at the end, -K) of each slot."""
    result = np.zeros((len(passes), 1 + len(passes[0].slots)), np.uint64)
    for index, each in enumerate(passes):
        slots, scores = [0] * 4, 1
        for place, slot in enumerate(each.slots):
            values = [NEVER] * 4
            if slot is not None:
                values = [_threshold(stage, chosen) for chosen in slot.filters]
                if writes is not None:
                    slots[place] = _slot_bits(slot)
                else:
                    scores = _live(slot)
            result[index, 1 + place] = CLASSES.pack(offset=values) if writes is None else FILTERS.pack(threshold=values)
        result[index, 0] = PASS.pack(slot=slots, first_word=each.first_word, quad=each.quad, scores=scores)
    return result


def _live(slot: Slot) -> int:
    return sum(chosen != INERT for chosen in slot.filters)


def _slot_bits(slot: Slot) -> int:
    return SLOT.pack(write=1, fill=slot.fill, nibble=slot.nibble % 4, quarter=slot.nibble // 4)


def _threshold(stage: Stage, chosen: int) -> int:
    if chosen == INERT:
        return NEVER
    if stage.thresholds is None:
        return -int(stage.weights[0].size)
    return int(stage.thresholds[chosen])
