"""Cuts a stage into passes of up to 16 filters and works out the words of the program for each: header, starts of sums, weights.

A pass has one, two or four slots: a slot is a nibble of four filters of one group. The engine matches quarter q of the word read
with the weights of filter k of the slot that owns it, for each of four k.
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
from owlbit.hw.up5k.fields import LAST, PASS, SLOT, START, STEP

NEVER = 0x3FFF  # a threshold that no popcount reaches
LIMIT = 24576  # a sum of 16 bits begins here, less the threshold; a filter fires where it is reached
BYTE_LIMITS = (96, 160)  # the same for a sum of 8 bits: the second where the threshold is above the first
BYTE_TAPS = 9  # a sum of 8 bits holds as many times 16 bits, whatever the threshold
SUMS = {1: (1,), 2: (1, 3), 4: (0, 1, 2, 3)}  # the engine's sum for each slot of a pass, by the number of slots
SPLIT_ORDER = (1, 3, 0, 2)  # of slots in the start words, where each set of lanes takes two of four quarters


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


def splits(stage: Stage, reads: Layout) -> bool:
    """Whether groups of 16 bits have more taps than a sum of 8 bits holds: each set of lanes then takes two quarters."""
    return slot_count(stage, reads) == 4 and stage.weights.shape[2] * stage.weights.shape[3] > BYTE_TAPS


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


def header_words(stage: Stage, writes: Layout | None, passes: list[Pass], origin: int) -> NDArray[np.uint64]:
    """uint64 [passes]: the header of each pass. origin: the first tap of the first window, in quarters."""
    return np.array([_header(stage, writes is None, each, origin + 4 * each.first_word) for each in passes], np.uint64)


def _header(stage: Stage, raw: bool, each: Pass, base: int) -> int:
    step = STEP.pack(size=[base, 0])
    if raw:
        assert each.slots[0] is not None
        live = sum(chosen != INERT for chosen in each.slots[0].filters)
        return step | LAST.pack(scores=live, odd=stage.weights[0].size % 2)
    slots = [0] * 4
    for place, slot in zip(SUMS[len(each.slots)], each.slots, strict=True):
        if slot is not None:
            slots[place] = SLOT.pack(write=1, fill=slot.fill, nibble=slot.nibble % 4, quarter=slot.nibble // 4)
    if each.quad:
        slots[1] = SLOT.pack(write=0, fill=1, nibble=0, quarter=0)
    return step | PASS.pack(slot=slots)


def start_words(stage: Stage, reads: Layout, writes: Layout | None, passes: list[Pass]) -> NDArray[np.uint64]:
    """uint64 [passes, start words]: where the sums of each pass begin."""
    return np.array([_start_words(stage, reads, writes is None, each) for each in passes], np.uint64)


def _start_words(stage: Stage, reads: Layout, raw: bool, each: Pass) -> list[int]:
    if raw:
        return [_whole_starts([-((stage.weights[0].size + 1) // 2)] * 4)]  # a score is twice the sum, plus 1 where K is odd
    thresholds = [_thresholds(stage, slot) for slot in each.slots]
    if len(thresholds) == 4 and not splits(stage, reads):
        return [_byte_starts(*thresholds[:2]), _byte_starts(*thresholds[2:])]
    if len(thresholds) == 4:
        thresholds = [thresholds[slot] for slot in SPLIT_ORDER]
    return [_whole_starts([LIMIT - threshold for threshold in four]) for four in thresholds]


def _whole_starts(values: list[int]) -> int:
    """A start word of four sums of 16 bits, of which the highest is never needed."""
    parts = [(value & 0x7F, value >> 7 & 1, value >> 8 & 0x7F, 0) for value in values]
    return START.pack(**dict(zip(("even", "even_high", "odd", "odd_high"), zip(*parts, strict=True), strict=True)))


def _byte_starts(even: list[int], odd: list[int]) -> int:
    """A start word of four times two sums of 8 bits, by their thresholds."""
    capped = [[min(threshold, BYTE_LIMITS[1]) for threshold in four] for four in (even, odd)]
    high = [[int(threshold > BYTE_LIMITS[0]) for threshold in four] for four in capped]
    starts = [[BYTE_LIMITS[one] - value for value, one in zip(*pair, strict=True)] for pair in zip(capped, high, strict=True)]
    return START.pack(even=starts[0], even_high=high[0], odd=starts[1], odd_high=high[1])


def _thresholds(stage: Stage, slot: Slot | None) -> list[int]:
    if slot is None or stage.thresholds is None:
        return [NEVER] * 4
    return [NEVER if chosen == INERT else int(stage.thresholds[chosen]) for chosen in slot.filters]
