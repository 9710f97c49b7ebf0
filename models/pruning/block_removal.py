"""Removes whole blocks from a trained network where that loses less than the filters that would have to go instead.

A block that makes a map of the shape that it reads can be left out: what reads it then reads what it read. Its importance is what
the loss would change by, to first order, if the signs that it makes were those that it reads: the Taylor criterion of
`owlbit.models.pruning.filter_pruning`, with the signs that enter in place of 0. The criterion for blocks and the choice are ours.
"""

from __future__ import annotations

import copy
import math
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from owlbit.models.layer_table import Layer, removable
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.pruning.filter_pruning import (
    Budget,
    BudgetError,
    blocks_in,
    keep_channels,
    plan_removal,
    shrink,
    table_in,
    weigh_blocks,
    width,
)


def without(layers: Sequence[Layer], gone: Collection[int]) -> tuple[Layer, ...]:
    """`layers` but for those numbered in `gone`."""
    return tuple(layer for index, layer in enumerate(layers) if index not in gone)


def block_importance(net: BinaryNet, candidates: Sequence[int], batches: Iterable[tuple[Tensor, Tensor]]) -> dict[int, float]:
    """For each block of `candidates`: the mean over images of the sum over channels of |sum over the map of (s - e) * d loss / d s|
    with the signs s that leave the block and e that enter it.

    `batches`, and what becomes of `net`: see `owlbit.models.pruning.filter_pruning.weigh_blocks`.
    """

    def measure(entered: Tensor, left: Tensor, gradient: Tensor) -> Tensor:
        return ((left - entered) * gradient).double().sum((2, 3)).abs().sum()

    weighed = weigh_blocks(net, candidates, batches, measure)
    return {index: float(total) for index, total in zip(candidates, weighed, strict=True)}


def choose_blocks(
    layers: tuple[Layer, ...], blocks: Mapping[int, float], filters: Sequence[Tensor], budget: Budget, granularity: int
) -> tuple[int, ...]:
    """Which layers to leave out so that as little as possible is lost on the way to `budget`.

    `blocks`: importance of those that may go; `filters`: importance of every layer's filters. Greedy: one block after the other,
    the one with which blocks and the filters that must still go add up to the least, as long as that falls. Raises BudgetError
    where the budget is out of reach.
    """

    def lost(gone: tuple[int, ...]) -> float:
        left = [index for index in range(len(layers)) if index not in gone]
        weighed = [filters[index] for index in left]
        try:
            plan = plan_removal(tuple(layers[index] for index in left), weighed, budget, granularity)
        except BudgetError:
            return math.inf
        cut = sum(float(each.sum() - each[list(kept)].sum()) for each, kept in zip(weighed, plan, strict=True))
        return cut + sum(blocks[index] for index in gone)

    gone: tuple[int, ...] = ()
    least = lost(gone)
    while len(gone) < min(len(blocks), len(layers) - 1):
        following, index = min((lost((*gone, index)), index) for index in blocks if index not in gone)
        if following >= least < math.inf:
            break
        gone, least = (*gone, index), following
    if least == math.inf:
        budget.check(without(layers, gone), granularity)
    return tuple(sorted(gone))


def remove_blocks(net: BinaryNet, gone: Collection[int]) -> None:
    """Takes the blocks named `gone` out of `net`, in place. The others keep their names: a state dict tells which are left."""
    left = OrderedDict((name, block) for name, block in net.blocks.named_children() if int(name) not in gone)
    net.blocks = nn.Sequential(left)


def fit_widths(net: BinaryNet, layers: tuple[Layer, ...], state: Mapping[str, Tensor]) -> BinaryNet:
    """A network like `net`, which has the layers `layers`, with those layers and widths alone that the pruned one had whose state
    dict is `state`.

    The weights in it are not those of `state` yet. Raises ValueError where no removal makes such layers or widths.
    """
    widths, left = [width(layer) for layer in table_in(state, layers)], blocks_in(state)
    gone = set(range(len(layers))) - set(left)
    input_shape = net.thermometer.colours * net.thermometer.levels, *net.input_shape[1:]
    if gone - set(removable(input_shape, layers)):
        fixed = sorted(set(range(len(layers))) - set(removable(input_shape, layers)))
        raise ValueError(f"expected the weights of at least the layers {fixed}, got those of {left}")
    smaller, table = copy.deepcopy(net), without(layers, gone)
    remove_blocks(smaller, gone)
    plan = [keep_channels(table, index, torch.zeros(width(layer)), widths[index]) for index, layer in enumerate(table)]
    return shrink(smaller, table, tuple(plan))[0]
