"""The ways to fold each layer of a network, with cycles, LUTs and block RAMs, and what lies between two neighbours.

The stages of a layer are those that `plan_dataflow` would make, without their contents: its window, weights and filters, the FIFO
and the ring of rows before them, the pools behind it. Between two layers words change their width, or channels their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import BinaryConv, BinaryLinear, ChannelShuffle, LogicSkip, Network, OrPool, Scores, Thermometer
from owlbit.hw.ecp5.dataflow.contents import total_bits
from owlbit.hw.ecp5.dataflow.geometry import Geometry, geometry, input_shape, is_flat, legal_foldings
from owlbit.hw.ecp5.dataflow.needs import skip_pixels
from owlbit.hw.ecp5.dataflow.orders import filter_order, filter_ranks
from owlbit.hw.ecp5.dataflow.sizes import AUTO_BUFFER_LUTS, fifo_places, score_cycles
from owlbit.hw.ecp5.dataflow.sizes import ram_luts as buffer_luts
from owlbit.hw.ecp5.folding.rates import Rates
from owlbit.hw.ecp5.folding.stage_costs import Expected, stage_cost
from owlbit.hw.ecp5.folding_file import MEMORIES, LayerFolding, weighted_layers
from owlbit.hw.ecp5.weight_memory import initial_memory, weight_memory
from owlbit.hw.fold_pipeline import Costs, Option

Order = NDArray[np.int64]


@dataclass(frozen=True)
class Choice:
    """One folding of a layer. `luts`: LUT sites of its stages and of what lies behind it up to the next layer with weights;
    `ebr`: block RAMs; `bits`: of the words that it takes."""

    folding: LayerFolding
    geometry: Geometry
    cycles: int
    luts: int
    ebr: int
    bits: int


@dataclass(frozen=True)
class LayerChoices:
    """A layer with weights. `index`: in the network; `choices`: the fewest products per cycle first."""

    index: int
    choices: tuple[Choice, ...]

    def options(self) -> list[Option]:
        """For `owlbit.hw.fold_pipeline`."""
        return [Option(choice.cycles, choice.luts, choice.ebr) for choice in self.choices]


def layer_choices(network: Network, rates: Rates) -> list[LayerChoices]:
    """Every layer with weights and its choices; of those that differ in memories alone, the ones that another does not beat."""
    return [LayerChoices(index, tuple(_choices(network, index, rates))) for index, _ in weighted_layers(network)]


def fixed_cost(network: Network) -> tuple[int, Expected]:
    """Cycles per frame and cost of what no folding changes: the thermometer takes a pixel byte per cycle."""
    first = network.layers[0]
    assert isinstance(first, Thermometer)
    colours, levels = first.thresholds.shape
    return int(np.prod(network.input_shape)), stage_cost("owl_thermometer", {"COLOURS": colours, "LEVELS": levels})


def joint_costs(network: Network, before: LayerChoices | None, after: LayerChoices, rates: Rates) -> Costs:
    """int64 [choices before, choices after]: LUTs of the stages that join two layers; before the first layer is the thermometer."""
    first = network.layers[0]
    assert isinstance(first, Thermometer)
    if before is None:
        sources = [(first.thresholds.shape[1], True)]
    else:
        sources = [(choice.folding.pe, _together(network, before.index, choice.geometry, after.index)) for choice in before.choices]
    channels = input_shape(network, after.index)[0]
    takes = [choice.bits for choice in after.choices]

    def cost(bits: int, together: bool, taken: int) -> int:
        return rates.luts(_conversion(bits, taken) if together else _reordering(bits, taken, channels))

    # Many choices differ in what no neighbour sees.
    rows, columns = list(dict.fromkeys(sources)), list(dict.fromkeys(takes))
    distinct = np.array([[cost(bits, together, taken) for taken in columns] for bits, together in rows], np.int64)
    return distinct[np.ix_([rows.index(source) for source in sources], [columns.index(taken) for taken in takes])]


# ---------------------------------------------------------------- one layer


def _choices(network: Network, index: int, rates: Rates) -> Iterator[Choice]:
    behind = _pools_behind(network, index)
    for pe, simd in legal_foldings(network, index):
        folded = geometry(network, LayerFolding(index, pe, simd))
        bits = folded.simd if folded.flat else folded.lanes * folded.channels
        cycles = _cycles(network, index, folded, behind)
        pools = _pool_costs(network, index, pe, behind) + _skip_costs(network, index, pe)
        found: list[Choice] = []
        for memory in MEMORIES:
            for buffers in ("ebr", "lut"):
                cost = _own_cost(network, index, folded, memory, buffers) + pools
                found.append(
                    Choice(LayerFolding(index, pe, simd, memory, buffers), folded, cycles, rates.luts(cost), cost.ebr, bits)
                )
        yield from (
            one
            for number, one in enumerate(found)
            if not any(_beats(other, one, number > place) for place, other in enumerate(found))
        )


def _beats(other: Choice, one: Choice, first: bool) -> bool:
    """Whether `other` is as good in both figures and better in one, or `first` of two that are alike."""
    if other is one or other.luts > one.luts or other.ebr > one.ebr:
        return False
    return first or (other.luts, other.ebr) != (one.luts, one.ebr)


def _own_cost(network: Network, index: int, folded: Geometry, memory: str, buffers: str) -> Expected:
    layer, shape = network.layers[index], input_shape(network, index)
    assert isinstance(layer, BinaryConv | BinaryLinear | Scores)
    in_block = int(buffers == "ebr")
    weights = weight_memory(folded.words, folded.pe * folded.simd, memory)
    bits = total_bits(layer, folded)
    initial = initial_memory(folded.words // folded.sum_slices, folded.pe * bits)
    arithmetic: dict[str, Any] = {
        "CHANNELS": folded.channels,
        "SLICES": folded.slices,
        "PASSES": folded.passes,
        "PE": folded.pe,
        "TOTAL_BITS": bits,
        "BLOCK_ROWS": weights.rows,
        "BLOCK_COLUMNS": weights.columns,
        "LUT_BITS": weights.lut_bits,
        "BUFFER_BLOCK": in_block,
        "INITIAL_COLUMNS": initial.columns if in_block and initial else 0,
    }
    if isinstance(layer, Scores):
        return stage_cost("owl_scores", arithmetic)
    here = {"SUM_SLICES": folded.sum_slices, "ROWS": folded.rows, "COLUMNS": folded.columns, "LANES": folded.lanes}
    cost = stage_cost("owl_layer", {**arithmetic, **here, "FLAT": int(folded.flat), "PLACES": fifo_places(folded)})
    if folded.flat:
        return cost
    bits, words = folded.lanes * folded.channels, folded.slices
    top, _, bottom, _ = folded.padding
    # What waits while the layer makes its first rows, nearly: `fifo_depths` lays out the schedule, which other layers change.
    depth = max(folded.rows - 1 - top, 1) * shape[2] * words + words + 8
    cost += stage_cost("owl_fifo", {"WIDTH": bits, "DEPTH": depth, "BLOCK": in_block})
    ring = {"CHANNELS": bits, "SLICES": words, "WIDTH": shape[2], "ROWS": folded.rows, "TOP": top, "BOTTOM": bottom}
    return cost + stage_cost("owl_lines", {**ring, "BLOCK": in_block})


def _pools_behind(network: Network, index: int) -> list[int]:
    """The indices of the OR-pools between a layer and the next one with weights."""
    found = []
    for place in range(index + 1, len(network.layers)):
        if isinstance(network.layers[place], BinaryConv | BinaryLinear | Scores):
            break
        if isinstance(network.layers[place], OrPool):
            found.append(place)
    return found


def _pool_costs(network: Network, index: int, pe: int, pools: list[int]) -> Expected:
    total = Expected()
    for place in pools:
        pool, (channels, _, width) = network.layers[place], input_shape(network, place)
        assert isinstance(pool, OrPool)
        words, (rows, columns) = channels // pe, pool.kernel
        if pool.stride[0] >= rows and pool.stride[1] >= columns:
            sizes = {"BITS": pe, "WORDS": words, "WIDTH": width, "COLUMNS": columns, "STRIDE_X": pool.stride[1]}
            depth = ((width - columns) // pool.stride[1] + 1) * words
            sizes["BLOCK"] = int(words >= 4 and buffer_luts(pe, depth) > AUTO_BUFFER_LUTS)
            total += stage_cost("owl_pool", sizes)
        else:
            window = {"CHANNELS": pe, "SLICES": words, "ROWS": rows, "COLUMNS": columns}
            total += stage_cost("owl_pool_window", window)
            total += stage_cost("owl_lines", {**window, "WIDTH": width, "TOP": 0, "BOTTOM": 0, "BLOCK": 0})
    return total


def _skip_costs(network: Network, index: int, pe: int) -> Expected:
    """The logic skips whose earlier map a layer or a pool behind it makes, and the ones that join its own map with another."""
    total = Expected()
    for place, layer in enumerate(network.layers):
        if not isinstance(layer, LogicSkip):
            continue
        if _maker(network, layer.source) == index:
            depth = network.shapes[layer.source][0] // pe * skip_pixels(network, place)
            block = int(buffer_luts(pe, depth) > AUTO_BUFFER_LUTS)
            total += stage_cost("owl_fork", {}) + stage_cost("owl_fifo", {"WIDTH": pe, "DEPTH": max(depth, 2), "BLOCK": block})
        if _maker(network, place) == index:
            total += stage_cost("owl_join", {"BITS": pe})
    return total


def _maker(network: Network, place: int) -> int:
    """The last layer with weights up to `place`; 0, the thermometer, where there is none."""
    return max((index for index, _ in weighted_layers(network) if index <= place), default=0)


def _cycles(network: Network, index: int, folded: Geometry, pools: list[int]) -> int:
    """Of the layer and of the pools behind it, which take its words."""
    if isinstance(network.layers[index], Scores):
        return folded.passes * max(folded.slices, score_cycles(folded))
    words = [int(np.prod(input_shape(network, place))) // folded.pe for place in pools]
    return max(folded.cycles, *words) if words else folded.cycles


# ---------------------------------------------------------------- between two layers


def _together(network: Network, before: int, folded: Geometry, after: int) -> bool:
    """Whether the channels of each group of layer `after` come one after the other, as `before` so folded makes them."""
    layer = network.layers[after]
    if not isinstance(layer, BinaryConv) or is_flat(layer, input_shape(network, after)) or layer.groups == 1:
        return True
    order = _order(network, before, folded)
    for place in range(before + 1, after):
        between = network.layers[place]
        if isinstance(between, ChannelShuffle):
            order = np.argsort(between.permutation)[order]
    groups = (order // (len(order) // layer.groups)).reshape(layer.groups, -1)
    return bool((groups == groups[:, :1]).all())


def _order(network: Network, index: int, folded: Geometry) -> Order:
    layer = network.layers[index]
    assert isinstance(layer, BinaryConv | BinaryLinear | Scores)
    if folded.flat or not isinstance(layer, BinaryConv):
        return np.arange(len(layer.weights))
    return filter_order(folded, np.arange(layer.groups), filter_ranks(network, index))


def _conversion(bits: int, taken: int) -> Expected:
    common = int(np.lcm(bits, taken))
    cost = stage_cost("owl_gather", {"IN": bits, "RATIO": common // bits}) if common != bits else Expected()
    return cost + (stage_cost("owl_split", {"OUT": taken, "RATIO": common // taken}) if common != taken else Expected())


def _reordering(bits: int, taken: int, channels: int) -> Expected:
    return stage_cost("owl_reorder", {"CHANNELS": channels, "IN": bits, "OUT": taken})
