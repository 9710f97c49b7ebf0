"""Network to the words of the UP5K engine's program: the passes in order, and what they found out."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Network, Thermometer
from owlbit.hw.up5k.compiler.cost_model import frame_input_cycles, tile_cycles
from owlbit.hw.up5k.compiler.descriptor import Descriptor, width_code
from owlbit.hw.up5k.compiler.flash_format import DESCRIPTOR_WORDS, FIRST_DESCRIPTOR
from owlbit.hw.up5k.compiler.layout import INERT, Layout, lay_out_frame, lay_out_map
from owlbit.hw.up5k.compiler.legality import MEMORY_WORDS, check_layers
from owlbit.hw.up5k.compiler.memory import Placement, place_maps
from owlbit.hw.up5k.compiler.passes import Pass, header_words, plan_passes, slot_count, splits, start_words, weight_words
from owlbit.hw.up5k.compiler.stages import Stage, split_stages
from owlbit.hw.up5k.fields import ENTRY, FRAME

TILE_ROWS = 256
TILE_PASSES = 256
LINES = 64  # words of the line memory, for each row of windows of a pool
PEAK_MACS = 512  # a cycle: two windows, four filters, 64 channels
MAX_PAIR_KERNEL = 3  # a pair reads a column more than its kernel has, and four at most


@dataclass(frozen=True)
class Region:
    """A part of the SPRAM: `words` words of 64 bits from `start` on."""

    name: str
    start: int
    words: int


@dataclass(frozen=True)
class LayerReport:
    """One stage: its cycles per frame by the cost model, tiles, passes, and its share of the peak of 512 MAC a cycle."""

    name: str
    macs: int
    cycles: int
    tiles: int
    passes: int
    utilisation: float


@dataclass(frozen=True)
class Up5kProgram:
    """`words`: uint64, the program, as the flash image carries it.

    `cycles_per_frame`: from one frame's last score to the next's, by the cost model, with pixels always at hand; `input_cycles`:
    what taking in a frame takes, hidden behind the computation where `early_input`.
    """

    words: NDArray[np.uint64]
    layers: tuple[LayerReport, ...]
    regions: tuple[Region, ...]
    cycles_per_frame: int
    input_cycles: int
    early_input: bool


@dataclass(frozen=True)
class _Tile:
    stage: int
    passes: list[Pass]
    starts: NDArray[np.uint64]  # [passes, start words]
    weights: NDArray[np.uint64]


def compile_network(network: Network, memory_words: int = MEMORY_WORDS) -> Up5kProgram:
    """The program and its reports. `memory_words`: of the engine; on an ECP5 it may have fewer than on the UP5K.

    Raises Up5kError, with what is too large and by how much, where the network does not fit.
    """
    check_layers(network)
    thermometer, stages = split_stages(network)
    layouts = [lay_out_frame(thermometer, stages[0])]
    layouts += [lay_out_map(writer, reader) for writer, reader in itertools.pairwise(stages)]
    tiles = [tile for index in range(len(stages)) for tile in _cut_tiles(index, stages, layouts)]
    words, places = _place_program(tiles)
    placement = place_maps(len(words), [layout.words for layout in layouts], memory_words)
    words[0] = FRAME.pack(base=_origin(0, layouts, placement))
    words[1 : 1 + 16] = _encoder_table(thermometer, layouts[0])
    descriptors = _descriptors(tiles, stages, layouts, placement)
    for at, tile, descriptor in zip(places, tiles, descriptors, strict=True):
        stage, headers = stages[tile.stage], at + DESCRIPTOR_WORDS + len(tile.weights)
        words[at : at + DESCRIPTOR_WORDS] = descriptor.pack()
        writes = layouts[tile.stage + 1] if tile.stage + 1 < len(stages) else None
        first_tap = _origin(tile.stage, layouts, placement) - _outside(stage, layouts[tile.stage], descriptor.kept)
        end = headers + len(tile.passes) * (1 + descriptor.starts)
        words[headers : end : 1 + descriptor.starts] = header_words(stage, writes, tile.passes, first_tap)
    layers = _layer_reports(stages, tiles, descriptors)
    input_cycles = frame_input_cycles(network.input_shape, layouts[0])
    compute = sum(layer.cycles for layer in layers)
    # By writes of the next frame: they wait for a cycle without a read, and about every second one must go before it comes.
    stolen = network.input_shape[1] * network.input_shape[2] * layouts[0].quarters // 2
    # With a place of its own the next frame comes in from the end of the first stage on.
    total = max(compute + stolen, layers[0].cycles + input_cycles) if placement.early else compute + input_cycles
    return Up5kProgram(
        words=words,
        layers=layers,
        regions=_regions(len(words), stages, layouts, placement),
        cycles_per_frame=total,
        input_cycles=input_cycles,
        early_input=placement.early,
    )


def _origin(index: int, layouts: list[Layout], placement: Placement) -> int:
    """The first quarter of a map. The frame ends with the memory, so that the encoder knows its end."""
    if index == 0:
        return 4 * MEMORY_WORDS - layouts[0].map_shape[0] * layouts[0].map_shape[1] * layouts[0].quarters
    return 4 * placement.maps[index]


def _outside(stage: Stage, reads: Layout, kept: bool) -> int:
    """Quarters from the first read of the first window, which may lie outside the map, to the map's first position."""
    top, left, _, _ = stage.padding
    return (top * stage.map_shape[1] + left - kept) * reads.quarters


def _cut_tiles(index: int, stages: list[Stage], layouts: list[Layout]) -> list[_Tile]:
    """A stage's passes, as many at a time as the weight memory holds."""
    stage, reads = stages[index], layouts[index]
    writes = layouts[index + 1] if index + 1 < len(stages) else None
    passes = plan_passes(stage, reads, writes)
    weights = weight_words(stage, reads, passes)
    starts = start_words(stage, reads, writes, passes)
    count = min(TILE_ROWS * 4 // weights.shape[1], TILE_PASSES)
    return [
        _Tile(index, passes[at : at + count], starts[at : at + count], weights[at : at + count].reshape(-1))
        for at in range(0, len(passes), count)
    ]


def _place_program(tiles: list[_Tile]) -> tuple[NDArray[np.uint64], list[int]]:
    """The words of the program, configuration, descriptors and headers still empty, and the first word of each descriptor."""
    parts: list[NDArray[np.uint64]] = [np.zeros(FIRST_DESCRIPTOR, np.uint64)]
    places = []
    for tile in tiles:
        places.append(sum(map(len, parts)))
        blank_headers = np.zeros((len(tile.passes), 1), np.uint64)
        parts += [np.zeros(DESCRIPTOR_WORDS, np.uint64), tile.weights, np.hstack([blank_headers, tile.starts]).reshape(-1)]
    return np.concatenate(parts), places


def _encoder_table(thermometer: Thermometer, frame: Layout) -> NDArray[np.uint64]:
    """uint64 [16]: one entry for each nibble of an encoded pixel."""
    levels = thermometer.thresholds.shape[1]
    nibbles = frame.written.reshape(-1, 4)
    colours = [int(nibble.max()) // levels if nibble.max() != INERT else -1 for nibble in nibbles]
    for index in range(1, len(colours)):  # an inert nibble rides along with the colour before it
        colours[index] = max(colours[index], colours[index - 1])
    table = np.zeros(16, np.uint64)
    flat = thermometer.thresholds.reshape(-1)
    for index, nibble in enumerate(nibbles):
        values = [256 if channel == INERT else int(flat[channel]) for channel in nibble]
        ends_pixel = index + 1 == len(nibbles)
        ends_byte = ends_pixel or colours[index + 1] != colours[index]
        table[index] = ENTRY.pack(threshold=values, ends_byte=ends_byte, ends_pixel=ends_pixel)
    return table


def _walks_pairs(stage: Stage, reads: Layout) -> bool:
    """Whether two neighbouring windows are walked at once: where they overlap by all but a column and there are two."""
    overlap = not stage.flat and stage.stride[1] == 1 and 2 <= stage.weights.shape[3] <= MAX_PAIR_KERNEL
    return overlap and stage.computed[1] > 1 and not splits(stage, reads)


def _keeps_columns(stage: Stage, words: int, pair: bool) -> bool:
    """Whether the first column of a pair comes from the line memory: where it has room, and that of the first pair lies outside.

    A word is there three cycles after it was read.
    """
    _, _, kernel_h, kernel_w = stage.weights.shape
    return pair and stage.padding[1] == 1 and kernel_h * words <= LINES and kernel_h * words * kernel_w >= 3


def _steps(stage: Stage, reads: Layout, words: int, pair: bool, lead: bool) -> tuple[int, int, int, int, int, int, int]:
    """Increments of the window's address, in quarters: next column, word and row, then a, b, d, e of `rtl/owl_window.v`.

    The last four go from the last read of a window to the first of another one.
    """
    pixel, row = reads.quarters, reads.quarters * stage.map_shape[1]
    back = 0 if stage.flat else (stage.weights.shape[3] + lead - 1) * pixel
    down, right = stage.stride[0] * row, stage.stride[1] * pixel * (2 if pair else 1)
    walked = -(-stage.computed[1] // 2) if pair else stage.computed[1]
    step_word, step_ky = 4 - back, row - back - 4 * (words - 1)
    rows = 1 if stage.flat else stage.weights.shape[2]
    across = rows * (words * back + (words - 1) * step_word) + (rows - 1) * step_ky
    below = down if pair else down - right
    return (
        pixel,
        step_word,
        step_ky,
        right - across,
        below - across,
        right - down - across,
        down - (walked - 1) * right - across,
    )


def _descriptors(tiles: list[_Tile], stages: list[Stage], layouts: list[Layout], placement: Placement) -> list[Descriptor]:
    result = []
    for number, tile in enumerate(tiles):
        stage, reads = stages[tile.stage], layouts[tile.stage]
        writes = layouts[tile.stage + 1] if tile.stage + 1 < len(stages) else None
        slots = slot_count(stage, reads)
        words = reads.words if stage.flat else max(1, reads.group_bits // 64)
        top, left, _, _ = stage.padding
        kernel = (1, 1) if stage.flat else (stage.weights.shape[2], stage.weights.shape[3])
        pair, split = _walks_pairs(stage, reads), splits(stage, reads)
        kept = _keeps_columns(stage, words, pair)
        below = (stage.computed[0] - 1) * stage.stride[0] - top + kernel[0] > stage.map_shape[0]
        beside = (stage.computed[1] - 1) * stage.stride[1] - left + kernel[1] > stage.map_shape[1]
        last_of_first = tile.stage == 0 and (number + 1 == len(tiles) or tiles[number + 1].stage != 0)
        last = number + 1 == len(tiles)
        result.append(
            Descriptor(
                write_base=_origin(tile.stage + 1, layouts, placement) if writes is not None else 0,
                columns=-(-stage.computed[1] // 2) if pair else stage.computed[1],
                rows=stage.computed[0],
                by_quarters=slots == 4 and not split,
                by_words=slots == 1,
                split=split,
                read_width=0 if stage.flat else width_code(reads.pixel_bits),
                write_width=width_code(writes.pixel_bits) if writes is not None else 0,
                pool=stage.pool,
                raw=writes is None,
                pad=(top > 0, below and not stage.flat, left > 0 and not kept, beside and not stage.flat),
                last=last,
                frees_frame=last_of_first if placement.early else last,
                pair=pair,
                odd=pair and stage.computed[1] % 2 == 1,
                kept=kept,
                steps=_steps(stage, reads, words, pair, pair and not kept),
                words=words,
                passes=len(tile.passes),
                write_step=writes.quarters if writes is not None else 0,
                kernel_rows=kernel[0],
                reads=kernel[1] + (pair and not kept),
                starts=tile.starts.shape[1],
                weights=len(tile.weights),
            )
        )
    return result


def _layer_reports(stages: list[Stage], tiles: list[_Tile], descriptors: list[Descriptor]) -> tuple[LayerReport, ...]:
    rows = []
    for index, stage in enumerate(stages):
        own = [(tile, descriptor) for tile, descriptor in zip(tiles, descriptors, strict=True) if tile.stage == index]
        cycles = sum(tile_cycles(descriptor, tile.passes) for tile, descriptor in own)
        passes = sum(len(tile.passes) for tile, _ in own)
        rows.append(LayerReport(stage.name, stage.macs, cycles, len(own), passes, stage.macs / (PEAK_MACS * cycles)))
    return tuple(rows)


def _regions(program: int, stages: list[Stage], layouts: list[Layout], placement: Placement) -> tuple[Region, ...]:
    regions = [Region("program", 0, program), Region("frame", placement.maps[0], layouts[0].words)]
    for stage, layout, start in zip(stages[:-1], layouts[1:], placement.maps[1:], strict=True):
        regions.append(Region(stage.name, start, layout.words))
    assert all(region.start + region.words <= MEMORY_WORDS for region in regions)
    return tuple(regions)
