"""Cycles of the UP5K engine, from how `rtl/` works: what each tile, pass, window, read and write takes.

The memory has one port: every read of a window and every write of an output is a cycle. Tests hold it against the simulated engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from owlbit.export.network import Shape
    from owlbit.hw.up5k.compiler.descriptor import Descriptor
    from owlbit.hw.up5k.compiler.layout import Layout
    from owlbit.hw.up5k.compiler.passes import Pass

CLOCK_HZ = 24_000_000
TILE_OVERHEAD = 6  # between the loads of a descriptor, of the weights and of the first pass
DESCRIPTOR_READS = 8  # a word at a time, each twice for its two steps
PASS_OVERHEAD = 20  # starting, filling and draining the pipeline, and the slots of the last window
RAW_OVERHEAD = 16  # the same where the sender takes the sums
SCORE_CYCLES = 4  # two bytes, each offered and taken
WINDOW_CYCLES = 4  # the least between two windows: the post unit takes four slots in turn


def tile_cycles(tile: Descriptor, passes: list[Pass]) -> int:
    """Cycles of one tile, with nothing else on the memory port."""
    taps = tile.kernel_rows * tile.reads * tile.words
    lead = tile.pair and not tile.kept
    reads = taps if lead else taps + 1  # sums begin anew while the first column of a pair comes, else in a cycle of its own
    walked = tile.rows * tile.columns  # windows, or pairs of them
    least = (2 if tile.pair else 1) * WINDOW_CYCLES
    outputs = walked // (2 if tile.pair else 4) if tile.pool else walked
    written = 1 if tile.pool or not tile.pair else 2
    total = TILE_OVERHEAD + DESCRIPTOR_READS + tile.weights + tile.passes * (1 + tile.starts)
    for each in passes:
        used = [slot for slot in each.slots if slot is not None]
        if tile.raw:
            total += taps + RAW_OVERHEAD + SCORE_CYCLES * sum(chosen >= 0 for chosen in used[0].filters)
            continue
        # A write shares the port with the reads of the windows after it, and fits the pause of a short one. The only one of a pool
        # waits for the cycle in which the sums begin anew, where there is one.
        alone = each.quad or tile.by_words
        writes = 0 if alone and tile.pool and not lead else written * (1 if alone else len(used))
        busy, quiet = max(reads + writes, least), max(reads, least)
        both = tile.pair and not tile.odd  # the last window has a partner, whose slots come after its own
        total += outputs * busy + (walked - outputs) * quiet - (busy - taps) + PASS_OVERHEAD + (WINDOW_CYCLES if both else 0)
    return total


def frame_input_cycles(input_shape: Shape, frame: Layout) -> int:
    """Cycles to take in a frame: two thresholds each."""
    return input_shape[1] * input_shape[2] * frame.pixel_bits // 2
