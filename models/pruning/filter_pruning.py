"""Removes filters from a trained network until it costs no more than a budget: which, how many of which layer, and the surgery.

Importance follows the Taylor criterion of Molchanov et al., "Pruning Convolutional Neural Networks for Resource Efficient
Inference", arXiv 1611.06440: what the loss would change by, to first order, if a channel's signs were 0. How it meets groups,
shuffles and a budget is ours.

A channel lies in a cell: the group that makes it, and the group that reads it, after the shuffle if there is one. A narrower map
has cells too, and how many channels each holds follows from its width alone. So the most important channels of every cell are kept,
and take the places that the cell has in the narrower map: every filter goes on reading from the group it read from, and the smaller
network computes what the larger one does without the removed channels' products.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from owlbit.models.layer_table import Conv, Layer, Linear, Shape, layer_shapes, weight_bits
from owlbit.models.networks.binary_net import BinaryNet, ConvBlock, LinearBlock

# For each layer, the old number of each channel of its output that is kept, in its new order.
Plan = tuple[tuple[int, ...], ...]


class BudgetError(ValueError):
    """A budget that the layer table cannot reach: `key`, "bits" or "cycles"; `expected`, what it can; `got`, the target."""

    def __init__(self, key: str, least: float, widths: tuple[int, ...], target: int) -> None:
        self.key = key
        narrowest = f"with its layers at their narrowest ({', '.join(map(str, widths))})"
        self.expected = f"at least {least:,.0f}, the fewest {key} that this table reaches {narrowest}"
        if not math.isfinite(least):
            self.expected = f"a table that fits the device {narrowest}"
        self.got = f"{target:,}; raise the target, or lower granularity, filters or features"
        super().__init__(f"{key}: expected {self.expected}, got {self.got}")


@dataclass(frozen=True)
class Budget:
    """What the pruned table may cost: `bits`, binary weights, `cycles` by `count_cycles`, or both; 0 for no such limit.

    `input_shape`: (C, H, W) that the first layer reads; `count_cycles`: of a layer table on some device, inf where it does not fit.
    """

    input_shape: Shape
    classes: int
    bits: int = 0
    cycles: int = 0
    count_cycles: Callable[[tuple[Layer, ...]], float] = lambda layers: 0

    def cost(self, layers: tuple[Layer, ...]) -> dict[str, tuple[float, int]]:
        """What `layers` cost and may cost, by kind of limit."""
        costs: dict[str, tuple[float, int]] = {}
        if self.bits:
            costs["bits"] = weight_bits(self.input_shape, layers, self.classes), self.bits
        if self.cycles:
            costs["cycles"] = self.count_cycles(layers), self.cycles
        return costs

    def excess(self, layers: tuple[Layer, ...]) -> float:
        """0 where `layers` keep the budget; else by what shares of it they are over, added up."""
        return sum(max(0.0, cost / limit - 1) for cost, limit in self.cost(layers).values())

    def check(self, layers: tuple[Layer, ...], granularity: int) -> None:
        """Raises BudgetError where `layers` cannot be made narrow enough."""
        widths = [[width(layer), *narrower(layers, index, granularity)][-1] for index, layer in enumerate(layers)]
        narrowest = tuple(with_width(layer, least) for layer, least in zip(layers, widths, strict=True))
        for key, (least, limit) in self.cost(narrowest).items():
            if least > limit:
                raise BudgetError(key, least, tuple(widths), limit)


def width(layer: Layer) -> int:
    """Channels of its output."""
    return layer.filters if isinstance(layer, Conv) else layer.features


def with_width(layer: Layer, channels: int) -> Layer:
    """`layer` with so many channels of output."""
    return replace(layer, filters=channels) if isinstance(layer, Conv) else Linear(channels)


def blocks_in(state: Mapping[str, Tensor]) -> list[int]:
    """The numbers of the blocks in a state dict, rising."""
    return sorted({int(name.split(".")[1]) for name in state if name.startswith("blocks.")})


def table_in(state: Mapping[str, Tensor], layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """Those of `layers` that are left in the network whose state dict is `state`, pruned, with heavy blocks, or neither, with their
    widths there. Raises ValueError where it has other layers than these."""
    found = []
    for index in blocks_in(state):
        kinds = ("conv", "light.conv") if index < len(layers) and isinstance(layers[index], Conv) else ("linear",)
        weights = [state[name] for kind in kinds if (name := f"blocks.{index}.{kind}.weight") in state]
        if index >= len(layers) or not weights:
            raise ValueError(f"expected the weights of {len(layers)} layers, got others in blocks.{index}")
        found.append(with_width(layers[index], len(weights[0])))
    return tuple(found)


def filter_importance(net: BinaryNet, batches: Iterable[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """float64 [channels] for each block of `net`: the mean over images of |sum over the map of sign * d loss / d sign|.

    `batches`, and what becomes of `net`: see `weigh_blocks`.
    """

    def measure(_entered: Tensor, left: Tensor, gradient: Tensor) -> Tensor:
        product = left * gradient
        return product.reshape(*product.shape[:2], -1).double().sum(2).abs().sum(0)

    return weigh_blocks(net, range(len(net.blocks)), batches, measure)


@torch.enable_grad()
def weigh_blocks(
    net: BinaryNet,
    blocks: Sequence[int],
    batches: Iterable[tuple[Tensor, Tensor]],
    measure: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> list[Tensor]:
    """For each of `blocks` the mean over images of `measure`, which gives a batch's sum from the signs that enter a block, those
    that leave it, and the derivative of the loss by those that leave.

    `batches`: images [N, C, H, W] and labels int64 [N]; the loss is the cross-entropy of an image. In eval mode and float32; `net`
    comes back as it was given, without gradients. Raises ValueError where there are no images.
    """
    training, fast = net.training, net.fast
    maps: dict[nn.Module, tuple[Tensor, Tensor]] = {}
    weighed = [net.blocks[index] for index in blocks]
    hooks = [
        block.register_forward_hook(lambda block, entered, left: maps.update({block: (entered[0], left)})) for block in weighed
    ]
    totals: list[Tensor] = []
    images_seen = 0
    try:
        net.eval()
        net.fast = None
        for images, labels in batches:
            loss = F.cross_entropy(net.logits(images), labels, reduction="sum")
            found = [maps[block] for block in weighed]
            gradients = torch.autograd.grad(loss, [left for _, left in found])
            sums = [
                measure(entered.detach(), left.detach(), gradient)
                for (entered, left), gradient in zip(found, gradients, strict=True)
            ]
            totals = [total + each for total, each in zip(totals, sums, strict=True)] if totals else sums
            images_seen += len(labels)
    finally:
        for hook in hooks:
            hook.remove()
        net.train(training)
        net.fast = fast
    if not images_seen:
        raise ValueError("expected at least one image to weigh filters with, got none")
    return [total / images_seen for total in totals]


def _places(channels: int, groups: int, shuffle: bool) -> Tensor:
    """int64 [channels]: where each channel goes when it is shuffled, or stays."""
    return torch.arange(channels).view(groups, -1).T.flatten().argsort() if shuffle else torch.arange(channels)


def _cells(layers: tuple[Layer, ...], index: int, channels: int) -> Tensor:
    """int64 [channels]: the cell of each channel of the output of layer `index`, were it so wide."""
    layer, reader = layers[index], layers[index + 1] if index + 1 < len(layers) else None
    makers = layer.groups if isinstance(layer, Conv) else 1
    groups, shuffle = (reader.groups, reader.shuffle) if isinstance(reader, Conv) else (1, False)
    read_by = _places(channels, groups, shuffle) // (channels // groups)
    return torch.arange(channels) // (channels // makers) * groups + read_by


def _divides(layers: tuple[Layer, ...], index: int, channels: int) -> bool:
    both = layers[index : index + 2]
    return channels > 0 and all(channels % layer.groups == 0 for layer in both if isinstance(layer, Conv))


def narrower(layers: tuple[Layer, ...], index: int, granularity: int) -> list[int]:
    """The widths that layer `index` can be cut down to, falling: multiples of `granularity` that its own and the reader's groups
    divide, with no more channels in any cell than there are."""
    now = width(layers[index])
    there = _cells(layers, index, now).bincount()
    found = []
    for channels in range((now - 1) // granularity * granularity, 0, -granularity):
        if _divides(layers, index, channels):
            wanted = _cells(layers, index, channels).bincount(minlength=len(there))
            if bool((wanted <= there).all()):
                found.append(channels)
    return found


def keep_channels(layers: tuple[Layer, ...], index: int, importance: Tensor, channels: int) -> tuple[int, ...]:
    """Which channels of the output of layer `index` are kept where `channels` of them are, in their new order; see the module.

    Raises ValueError where such a width needs more channels in some cell than there are.
    """
    old, new = (_cells(layers, index, number) for number in (len(importance), channels))
    kept = torch.empty(channels, dtype=torch.int64)
    for cell in set(new.tolist()):
        places, there = (new == cell).nonzero().flatten(), (old == cell).nonzero().flatten()
        if len(there) < len(places):
            widths = [len(old), *narrower(layers, index, 1)]
            raise ValueError(f"layer {index}: expected one of the widths {widths}, got {channels}")
        best = importance[there].argsort(descending=True, stable=True)[: len(places)]
        kept[places] = there[best].sort().values
    return tuple(kept.tolist())


def plan_removal(
    layers: tuple[Layer, ...], importance: Sequence[Tensor], budget: Budget, granularity: int = 16, share: float = 1.0
) -> Plan:
    """Which channels to keep so that `layers` keep `budget`, or the first `share` of the way there.

    Greedy: of the steps that make one layer narrower, the one with the least lost importance for what it brings the cost closer to
    the budget. `importance`: of `filter_importance`. Raises BudgetError where the budget is out of reach.
    """
    budget.check(layers, granularity)
    tables, options = [layers], [narrower(layers, index, granularity) for index in range(len(layers))]
    while budget.excess(tables[-1]) > 0:
        steps = [_step(layers, tables[-1], index, rows[0], importance[index], budget) for index, rows in enumerate(options) if rows]
        _, index, table = min(steps, key=lambda step: step[:2])
        options[index].pop(0)
        tables.append(table)
    chosen = tables[math.ceil(share * (len(tables) - 1))]
    return tuple(keep_channels(layers, index, importance[index], width(layer)) for index, layer in enumerate(chosen))


def _step(
    layers: tuple[Layer, ...], now: tuple[Layer, ...], index: int, channels: int, importance: Tensor, budget: Budget
) -> tuple[tuple[bool, float], int, tuple[Layer, ...]]:
    """(rank, index, table) of making layer `index` so narrow: ranked by lost importance a gain, steps without a gain last."""
    table = (*now[:index], with_width(now[index], channels), *now[index + 1 :])
    kept = [sum(importance[list(keep_channels(layers, index, importance, n))].tolist()) for n in (width(now[index]), channels)]
    before, after = budget.excess(now), budget.excess(table)
    if after < before:
        return (False, (kept[0] - kept[1]) / (before - after)), index, table
    saved = [weight_bits(budget.input_shape, each, budget.classes) for each in (now, table)]  # all that tells where no step fits
    return (True, (kept[0] - kept[1]) / (saved[0] - saved[1])), index, table


@torch.no_grad()
def shrink(net: BinaryNet, layers: tuple[Layer, ...], plan: Plan) -> tuple[BinaryNet, tuple[Layer, ...]]:
    """The network, and its layer table, with the channels of `plan` alone; `net` stays as it is.

    Its blocks give for every channel kept the bits of `net` with the removed channels' signs, and the padding around them, set to
    0. Statistics and slopes of BatchNorm are those of the filters kept; the temperature of the logits is the same. Raises
    ValueError where a plan would move a channel to another group, or where heavy blocks are still there.
    """
    smaller = copy.deepcopy(net)
    if len(plan) != len(layers) or len(net.blocks) != len(layers):
        raise ValueError(f"expected a plan and a network of {len(layers)} layers, got {len(plan)} and {len(net.blocks)}")
    shape = net.thermometer.colours * net.thermometer.levels, *net.input_shape[1:]
    shapes = [shape, *layer_shapes(shape, layers)]
    read = tuple(range(shape[0]))
    for index, (layer, block) in enumerate(zip(layers, smaller.blocks, strict=True)):
        kept = plan[index]
        _check_kept(layers, index, kept)
        if type(block) is ConvBlock and isinstance(layer, Conv):
            block.conv.weight = _parameter(_conv_weight(block.conv.weight, layer, shapes[index][0], read, kept), block.conv.weight)
        elif type(block) is LinearBlock:
            rows = block.linear.weight[list(kept)]
            block.linear.weight = _parameter(_columns(rows, shapes[index][0], read), block.linear.weight)
        else:
            raise ValueError(f"layer {index}: expected a plain block, got a {type(block).__name__}; remove heavy blocks first")
        _keep_statistics(block.norm, kept)
        read = kept
    classifier = smaller.classifier
    classifier.weight = _parameter(_columns(classifier.weight, shapes[-1][0], read), classifier.weight)
    return smaller, tuple(with_width(layer, len(kept)) for layer, kept in zip(layers, plan, strict=True))


def _check_kept(layers: tuple[Layer, ...], index: int, kept: tuple[int, ...]) -> None:
    now = width(layers[index])
    if len(set(kept)) != len(kept) or not set(kept) <= set(range(now)):
        raise ValueError(f"layer {index}: expected different channels of 0..{now - 1} to keep, got {kept}")
    if not _divides(layers, index, len(kept)):
        raise ValueError(f"layer {index}: expected a number of channels that the groups around it divide, got {len(kept)}")
    if not torch.equal(_cells(layers, index, now)[list(kept)], _cells(layers, index, len(kept))):
        raise ValueError(f"layer {index}: expected every channel to stay with the groups that make and read it, got {kept}")


def _conv_weight(weight: Tensor, layer: Conv, channels: int, read: tuple[int, ...], kept: tuple[int, ...]) -> Tensor:
    """Latents [kept, read/groups, k, k] of a convolution that reads the channels `read` of `channels`."""
    was = _places(channels, layer.groups, layer.shuffle)[list(read)]  # of each channel read, its old place after the shuffle
    ordered = was[_places(len(read), layer.groups, layer.shuffle).argsort()]  # by its new place
    columns = (ordered % (channels // layer.groups)).view(layer.groups, -1)
    rows = torch.tensor(kept).view(layer.groups, -1)
    return torch.cat([weight[own][:, inputs] for own, inputs in zip(rows, columns, strict=True)])


def _columns(weight: Tensor, channels: int, read: tuple[int, ...]) -> Tensor:
    """Latents [rows, read * positions] of a linear layer that reads the channels `read` of `channels`, each a map of positions."""
    return weight.view(len(weight), channels, -1)[:, list(read)].flatten(1)


def _parameter(values: Tensor, old: nn.Parameter) -> nn.Parameter:
    return nn.Parameter(values.clone(memory_format=torch.contiguous_format), requires_grad=old.requires_grad)


def _keep_statistics(norm: nn.BatchNorm1d | nn.BatchNorm2d, kept: tuple[int, ...]) -> None:
    assert norm.running_mean is not None and norm.running_var is not None
    rows = list(kept)
    norm.weight, norm.bias = _parameter(norm.weight[rows], norm.weight), _parameter(norm.bias[rows], norm.bias)
    norm.running_mean, norm.running_var = norm.running_mean[rows].clone(), norm.running_var[rows].clone()
    norm.num_features = len(rows)
