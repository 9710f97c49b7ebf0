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
TILE_OVERHEAD = 12  # fetching a descriptor and starting the two loads
PASS_OVERHEAD = 16  # header, filling and draining the pipeline
WINDOW_CYCLES = 4  # the least between two windows: the post unit adds four quarters in turn


def tile_cycles(tile: Descriptor, passes: list[Pass]) -> int:
    """Cycles of one tile, with nothing else on the memory port."""
    reads = tile.kernel_rows * tile.reads * tile.words
    walked = tile.rows * tile.columns  # windows, or pairs of them
    least = (2 if tile.pair else 1) * WINDOW_CYCLES
    outputs = walked // (2 if tile.pair else 4) if tile.pool else walked
    written = 1 if tile.pool or not tile.pair else 2
    total = TILE_OVERHEAD + 4 + tile.thresholds + tile.weights
    for each in passes:
        used = [slot for slot in each.slots if slot is not None]
        writes = written * (1 if each.quad else len(used))
        if tile.raw:
            total += reads + PASS_OVERHEAD + 4 * sum(chosen >= 0 for chosen in used[0].filters)
        else:
            # A write shares the port with the reads of the windows after it, and fits the pause of a short one.
            busy, quiet = max(reads + writes, least), max(reads, least)
            total += outputs * busy + (walked - outputs) * quiet + PASS_OVERHEAD
    return total


def frame_input_cycles(input_shape: Shape, frame: Layout) -> int:
    """Cycles to take in a frame: an encoder entry of four thresholds each."""
    return input_shape[1] * input_shape[2] * frame.pixel_bits // 4
