"""When a training fades heavy blocks out and when it removes blocks and filters: everything hangs on the epoch and on the step.

What the training loop calls, in this order:

    schedule = pruning_schedule(recipe, classes)     # None without [pruning]
    net = schedule.prepare(net)                      # before the first epoch
    net = schedule.restore(net, state)               # or instead, to resume: shaped as the saved state is
    net = schedule.on_epoch_start(net, epoch, batches)
    schedule.on_step_start(net, epoch, step, steps)

An epoch in `borders` begins with other parameters than the one before it ended with, so it needs a new optimiser. The state dict
after an epoch tells all that a resumed training has to know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

from owlbit.export.settings import SettingError
from owlbit.models.layer_table import Layer, Shape, removable
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.pruning.block_removal import block_importance, choose_blocks, fit_widths, remove_blocks, without
from owlbit.models.pruning.filter_pruning import (
    Budget,
    BudgetError,
    filter_importance,
    plan_removal,
    shrink,
    table_in,
)
from owlbit.models.pruning.heavy_blocks import MixedBlock, add_heavy, heavy_chains, mix_weight, remove_heavy, set_mix
from owlbit.toolchain.recipes.pruning import Pruning
from owlbit.toolchain.recipes.recipe import Recipe
from owlbit.toolchain.training.batches import Batch
from owlbit.toolchain.training.cycle_budget import up5k_cycles


@dataclass(frozen=True)
class PruningSchedule:
    """`recipe`: the table [pruning]; `layers`: the light table; `input_shape`: (C, H, W) that its first layer reads; `epochs`: of
    the whole training; `budget`: what the pruned table may cost."""

    recipe: Pruning
    layers: tuple[Layer, ...]
    input_shape: Shape
    epochs: int
    budget: Budget

    @property
    def removals(self) -> tuple[int, ...]:
        """Epochs that begin with a round of removal."""
        return self.recipe.removal_epochs(self.epochs)

    @property
    def borders(self) -> tuple[int, ...]:
        """Epochs that begin with other parameters than the one before ended with."""
        return tuple(sorted({*self.removals, *([self.recipe.anneal] if self.recipe.heavy_groups else [])}))

    @property
    def final_epoch(self) -> int:
        """The first epoch with the final network: from it on there is a best epoch to choose."""
        return self.recipe.last_change(self.epochs)

    def mix(self, epoch: int, step: int, steps: int) -> float:
        """Weight of the heavy blocks at `step` of the `steps` in `epoch`, from 0: 1 at first, exactly 0 from epoch `anneal` on."""
        return mix_weight((epoch + step / steps) / self.recipe.anneal) if epoch < self.recipe.anneal else 0.0

    def prepare(self, net: BinaryNet) -> BinaryNet:
        """`net`, of the light table, with the heavy blocks of the first epochs put in, weights drawn from torch's generator."""
        if self.recipe.heavy_groups:
            chains = heavy_chains(self.layers, self.recipe.heavy_groups, self.recipe.heavy_depth)
            add_heavy(net, self.input_shape, self.layers, chains)
        return net

    def restore(self, net: BinaryNet, state: Mapping[str, Tensor]) -> BinaryNet:
        """`net`, of the light table, in the shape of `state` and with its weights: with heavy blocks, without, or narrower."""
        heavy = any(".heavy." in name for name in state)
        net = self.prepare(net) if heavy else fit_widths(net, self.layers, state)
        net.load_state_dict(state)
        return net

    def on_epoch_start(self, net: BinaryNet, epoch: int, batches: Iterable[Batch]) -> BinaryNet:
        """The network to train in `epoch`: the same object but where filters go, which is a new one.

        `batches`: to weigh blocks and filters with, the same ones whenever this epoch begins; read in rounds of removal alone.
        """
        if epoch >= self.recipe.anneal:
            remove_heavy(net)
        if epoch not in self.removals:
            return net
        number, weighed_on = self.removals.index(epoch), [(batch.images, batch.labels) for batch in batches]
        if number == 0 and self.recipe.blocks:
            candidates = block_importance(net, removable(self.input_shape, self.layers), weighed_on)
            filters = filter_importance(net, weighed_on)
            remove_blocks(net, choose_blocks(self.layers, candidates, filters, self.budget, self.recipe.granularity))
        layers = table_in(net.state_dict(), self.layers)
        share = 1 / (len(self.removals) - number)
        plan = plan_removal(layers, filter_importance(net, weighed_on), self.budget, self.recipe.granularity, share)
        return shrink(net, layers, plan)[0]

    def on_step_start(self, net: BinaryNet, epoch: int, step: int, steps: int) -> None:
        """Sets the weight of the heavy blocks, if there are any."""
        if any(isinstance(block, MixedBlock) for block in net.blocks):
            set_mix(net, self.mix(epoch, step, steps))


def pruning_schedule(recipe: Recipe, classes: int) -> PruningSchedule | None:
    """The schedule of `recipe`, None where it has no [pruning]. SettingError where its budget is met already, or cannot be."""
    pruning = recipe.pruning
    if pruning is None:
        return None
    shape, layers = recipe.thermometer_shape, recipe.layers
    count_cycles = up5k_cycles(recipe.input_shape, recipe.input.thresholds, classes)
    budget = Budget(shape, classes, pruning.target_bits, pruning.target_cycles, count_cycles)
    if pruning.removes_filters and budget.excess(layers) == 0:
        key, (cost, limit) = next(iter(budget.cost(layers).items()))
        wanted = f"fewer than the {cost:,.0f} that [[layers]] take anyway"
        raise SettingError(recipe.path, f"pruning.target_{key}", wanted, f"{limit:,}")
    least = without(layers, removable(shape, layers)[: len(layers) - 1]) if pruning.blocks else layers
    try:
        budget.check(least, pruning.granularity)
    except BudgetError as error:
        raise SettingError(recipe.path, f"pruning.target_{error.key}", error.expected, error.got) from None
    return PruningSchedule(pruning, layers, shape, recipe.training.epochs, budget)
