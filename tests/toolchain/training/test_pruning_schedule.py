"""The table [pruning] and its schedule: a whole training in a plain loop, resumed anywhere, and budgets in bits and cycles."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from owlbit.export.errors import OwlbitError
from owlbit.export.from_torch import export_module
from owlbit.export.load_model import load_model
from owlbit.hw.reference import simulate
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.models.layer_table import Conv, Layer, Linear, weight_bits
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.networks.brevitas_twin import brevitas_twin
from owlbit.models.pruning.block_removal import fit_widths
from owlbit.models.pruning.filter_pruning import table_in, width
from owlbit.models.pruning.heavy_blocks import MixedBlock
from owlbit.toolchain.recipes.recipe import Recipe, load_recipe
from owlbit.toolchain.runs.build_net import build_net
from owlbit.toolchain.runs.untrained_network import Zeros, untrained_network
from owlbit.toolchain.training.batches import Batch
from owlbit.toolchain.training.cycle_budget import up5k_cycles
from owlbit.toolchain.training.pruning_schedule import PruningSchedule, pruning_schedule
from random_nets import random_weights, smooth_images

RECIPE = """
[data]
source = "none"
size = [12, 12]
classes = 5
[input]
thresholds = 4
[[layers]]
kind = "conv"
filters = 32
pool = 2
[[layers]]
kind = "conv"
filters = 64
groups = 4
shuffle = true
pool = 2
[[layers]]
kind = "linear"
features = 32
[training]
epochs = 8
"""
BITS = 32 * 4 * 9 + 64 * 8 * 9 + 32 * 64 * 9 + 5 * 32
BOTH = "[pruning]\nheavy_groups = 1\nanneal = 2\ntarget_bits = 12_000\nsteps = 2\n"
STEPS = 3  # in an epoch


def recipe_for(folder: Path, pruning: str, text: str = RECIPE) -> Recipe:
    (folder / "recipe.toml").write_text(text + pruning)
    return load_recipe(folder / "recipe.toml")


def schedule_for(recipe: Recipe) -> PruningSchedule:
    schedule = pruning_schedule(recipe, 5)
    assert schedule is not None
    return schedule


def batches(epoch: int) -> list[Batch]:
    generator = torch.Generator().manual_seed(epoch)
    labels = torch.arange(STEPS * 10) % 5
    images = (smooth_images(len(labels), (1, 12, 12), generator).float() * (0.2 + 0.2 * labels.view(-1, 1, 1, 1))).byte()
    whole = Batch(images, labels, torch.arange(len(labels)))
    return [whole.part(slice(start, start + 10)) for start in range(0, len(labels), 10)]


def optimiser_for(net: BinaryNet) -> torch.optim.Optimizer:
    return torch.optim.Adam(net.parameters(), lr=0.01)


def learn(
    schedule: PruningSchedule, net: BinaryNet, epochs: range, optimiser: torch.optim.Optimizer
) -> tuple[BinaryNet, dict[str, Any]]:
    """Trains in a plain loop; the network and the state of its optimiser after the last of `epochs`."""
    for epoch in epochs:
        net = schedule.on_epoch_start(net, epoch, batches(epoch)).train()
        if epoch in schedule.borders:
            optimiser = optimiser_for(net)
        for step, batch in enumerate(batches(epoch)):
            schedule.on_step_start(net, epoch, step, STEPS)
            loss = F.cross_entropy(net.logits(batch.images), batch.labels)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            net.limit_latents()
    return net, optimiser.state_dict()


def fresh(recipe: Recipe) -> BinaryNet:
    torch.manual_seed(recipe.training.seed)
    net = build_net(recipe, 5)
    assert isinstance(net, BinaryNet)
    return net


def test_a_training_ends_light_narrow_and_exact_on_the_chip(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, BOTH)
    schedule = schedule_for(recipe)
    assert (schedule.removals, schedule.borders, schedule.final_epoch) == ((3, 5), (2, 3, 5), 5)
    net = schedule.prepare(fresh(recipe))
    assert isinstance(net.blocks[1], MixedBlock) and not isinstance(net.blocks[0], MixedBlock)
    start = net.state_dict()["thermometer.latents"].clone()
    sizes = []
    optimiser = optimiser_for(net)
    for epoch in range(8):
        net, state = learn(schedule, net, range(epoch, epoch + 1), optimiser)
        optimiser = optimiser_for(net)
        optimiser.load_state_dict(state)
        sizes.append(sum(weight.numel() for weight in net.binary_weights()))
    assert sizes[0] == sizes[1] == BITS + 64 * 32 * 9  # both the light block and the heavy one
    assert sizes[2] == BITS > sizes[3] == sizes[4] > sizes[5] == sizes[7] <= 12_000
    table = table_in(net.state_dict(), recipe.layers)
    assert weight_bits(recipe.thermometer_shape, table, 5) == sizes[7]
    assert (net.state_dict()["thermometer.latents"] != start).any()
    export_module(brevitas_twin(net.eval()), tmp_path / "model.onnx", input_shape=(1, 12, 12))
    network = load_model(tmp_path / "model.onnx")
    images = torch.cat([batch.images for batch in batches(0)])
    np.testing.assert_array_equal(simulate(network, images.numpy()), net(images).detach().numpy())
    assert compile_network(network).cycles_per_frame == up5k_cycles((1, 12, 12), 4, 5)(table)


@pytest.mark.parametrize("stop", range(1, 8))
def test_a_resumed_training_ends_in_the_same_bits(tmp_path: Path, stop: int) -> None:
    recipe = recipe_for(tmp_path, BOTH)
    schedule = schedule_for(recipe)
    net = schedule.prepare(fresh(recipe))
    whole, _ = learn(schedule, net, range(8), optimiser_for(net))
    net = schedule.prepare(fresh(recipe))
    net, moments = learn(schedule, net, range(stop), optimiser_for(net))
    saved = net.state_dict()
    torch.manual_seed(77)
    net = schedule.restore(fresh(recipe), saved)
    optimiser = optimiser_for(net)
    optimiser.load_state_dict(moments)
    halves, _ = learn(schedule, net, range(stop, 8), optimiser)
    assert whole.state_dict().keys() == halves.state_dict().keys()
    for key, value in whole.state_dict().items():
        np.testing.assert_array_equal(value, halves.state_dict()[key], err_msg=key)


def test_heavy_weight_is_exactly_zero_from_the_end_of_the_annealing(tmp_path: Path) -> None:
    schedule = schedule_for(recipe_for(tmp_path, "[pruning]\nheavy_groups = 2\nheavy_depth = 2\nanneal = 5\n"))
    weights = [schedule.mix(epoch, step, STEPS) for epoch in range(8) for step in range(STEPS)]
    assert weights[0] == 1.0 and 0 < weights[14] < 0.02 and weights[15:] == [0.0] * 9
    assert schedule.borders == (5,) and schedule.removals == () and schedule.final_epoch == 5
    net = schedule.prepare(fresh(recipe_for(tmp_path, "")))
    schedule.on_step_start(net, 2, 1, STEPS)
    block = net.blocks[1]
    assert isinstance(block, MixedBlock) and len(block.heavy) == 2 and block.mix == weights[7]
    assert pruning_schedule(recipe_for(tmp_path, ""), 5) is None


TABLES: list[tuple[Layer, ...]] = [
    (Conv(32, pool=2), Conv(64, groups=4, shuffle=True), Conv(64, groups=2, stride=2, kernel=1)),
    (Conv(16, pool=2), Linear(24)),
]


@pytest.mark.parametrize("layers", TABLES)
def test_cycles_of_a_table_are_those_of_a_network_of_it(tmp_path: Path, layers: tuple[Layer, ...]) -> None:
    net = random_weights(BinaryNet((3, 12, 12), 4, layers, 5), 1)
    export_module(brevitas_twin(net), tmp_path / "model.onnx", input_shape=(3, 12, 12))
    network = load_model(tmp_path / "model.onnx")
    assert untrained_network((3, 12, 12), 4, layers, 5, Zeros()).shapes == network.shapes
    assert up5k_cycles((3, 12, 12), 4, 5)(layers) == compile_network(network).cycles_per_frame


def test_filters_go_until_a_frame_takes_no_more_cycles(tmp_path: Path) -> None:
    cycles = up5k_cycles((1, 12, 12), 4, 5)
    recipe = recipe_for(tmp_path, "")
    target = int(cycles(recipe.layers) * 0.7)
    schedule = schedule_for(recipe_for(tmp_path, f"[pruning]\ntarget_cycles = {target}\nsteps = 2\ngranularity = 8\n"))
    assert schedule.removals == (2, 4)
    net = fresh(recipe)
    taken = []
    for epoch in range(5):
        net = schedule.on_epoch_start(net, epoch, batches(epoch))
        taken.append(cycles(table_in(net.state_dict(), recipe.layers)))
    assert taken[1] == cycles(recipe.layers) > taken[2] > taken[4] and taken[4] <= target


def test_a_table_too_large_for_the_engine_ends_within_it(tmp_path: Path) -> None:
    text = RECIPE.replace("filters = 64\ngroups = 4", "filters = 2048\ngroups = 2").replace("features = 32", "features = 64")
    recipe = recipe_for(tmp_path, "[pruning]\ntarget_cycles = 40_000\nsteps = 1\ngranularity = 512\n", text)
    cycles = up5k_cycles((1, 12, 12), 4, 5)
    assert cycles(recipe.layers) == math.inf
    net = schedule_for(recipe).on_epoch_start(fresh(recipe), 4, batches(4))
    assert cycles(table_in(net.state_dict(), recipe.layers)) <= 40_000


def test_widths_come_from_a_state_dict(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, "")
    small = load_recipe(recipe.path)
    layers = (Conv(16, pool=2), Conv(48, groups=4, shuffle=True, pool=2), Linear(32))
    state = BinaryNet((1, 12, 12), 4, layers, 5).state_dict()
    net = fit_widths(fresh(small), small.layers, state)
    net.load_state_dict(state)
    assert [width(layer) for layer in table_in(net.state_dict(), small.layers)] == [16, 48, 32]


BLOCKS = RECIPE.replace(
    '[[layers]]\nkind = "linear"\n', 2 * '[[layers]]\nkind = "conv"\nfilters = 64\n' + '[[layers]]\nkind = "linear"\n'
)
WITH_BLOCKS = "[pruning]\ntarget_bits = 8_000\nsteps = 2\nblocks = true\n"


@pytest.mark.parametrize("stop", [2, 3, 5])
def test_a_block_goes_and_a_resumed_training_ends_in_the_same_bits(tmp_path: Path, stop: int) -> None:
    recipe = recipe_for(tmp_path, WITH_BLOCKS, BLOCKS)
    schedule = schedule_for(recipe)
    assert schedule.removals == (2, 4)
    first = fresh(recipe)
    whole, _ = learn(schedule, first, range(8), optimiser_for(first))
    table = table_in(whole.state_dict(), recipe.layers)
    assert len(whole.blocks) == len(table) < len(recipe.layers) == 5
    assert weight_bits(recipe.thermometer_shape, table, 5) == sum(weight.numel() for weight in whole.binary_weights()) <= 8_000
    begun = fresh(recipe)
    half, optimiser_state = learn(schedule, begun, range(stop), optimiser_for(begun))
    resumed = schedule.restore(fresh(recipe), half.state_dict())
    optimiser = optimiser_for(resumed)
    optimiser.load_state_dict(optimiser_state)
    resumed, _ = learn(schedule, resumed, range(stop, 8), optimiser)
    assert whole.state_dict().keys() == resumed.state_dict().keys()
    for key, value in whole.state_dict().items():
        np.testing.assert_array_equal(resumed.state_dict()[key], value, err_msg=key)
    export_module(brevitas_twin(whole.eval()), tmp_path / "model.onnx", input_shape=(1, 12, 12))
    images = torch.cat([batch.images for batch in batches(0)])
    scores = simulate(load_model(tmp_path / "model.onnx"), images.numpy())
    np.testing.assert_array_equal(scores, whole(images).detach().numpy())


def test_a_state_without_a_layer_that_cannot_be_left_out_is_refused(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, WITH_BLOCKS, BLOCKS)
    state = {key: value for key, value in fresh(recipe).state_dict().items() if not key.startswith("blocks.1.")}
    with pytest.raises(ValueError, match=r"expected the weights of at least the layers \[0, 1, 4\], got those of \[0, 2, 3, 4\]"):
        fit_widths(fresh(recipe), recipe.layers, state)


def test_blocks_that_may_go_reach_a_smaller_budget(tmp_path: Path) -> None:
    narrow = "[pruning]\ntarget_bits = 4_000\nsteps = 2\n"
    with pytest.raises(OwlbitError, match=r"target_bits: expected at least [\d,]+, the fewest bits"):
        pruning_schedule(recipe_for(tmp_path, narrow, BLOCKS), 5)
    schedule = schedule_for(recipe_for(tmp_path, narrow + "blocks = true\n", BLOCKS))
    net = fresh(recipe_for(tmp_path, narrow + "blocks = true\n", BLOCKS))
    net, _ = learn(schedule, net, range(5), optimiser_for(net))
    assert sum(weight.numel() for weight in net.binary_weights()) <= 4_000


def test_reads_the_table(tmp_path: Path) -> None:
    pruning = recipe_for(tmp_path, BOTH).pruning
    assert pruning is not None and pruning.removes_filters
    assert (pruning.heavy_groups, pruning.heavy_depth, pruning.anneal, pruning.steps, pruning.granularity) == (1, 1, 2, 2, 16)


@pytest.mark.parametrize(
    ("pruning", "message"),
    [
        (
            "target_bits = 30000\n",
            rf"pruning\.target_bits: expected fewer than the {BITS:,} that \[\[layers\]\] take anyway, got 30,000",
        ),
        (
            "target_bits = 3000\n",
            r"pruning\.target_bits: expected at least 3,536, the fewest bits .* \(16, 16, 16\), got 3,000; raise",
        ),
        (
            "target_cycles = 10\n",
            r"pruning\.target_cycles: expected at least [\d,]+, the fewest cycles .* \(16, 16, 16\), got 10; raise",
        ),
    ],
)
def test_budgets_that_are_met_or_out_of_reach_are_named(tmp_path: Path, pruning: str, message: str) -> None:
    with pytest.raises(OwlbitError, match=r"recipe\.toml: " + message):
        pruning_schedule(recipe_for(tmp_path, "[pruning]\n" + pruning), 5)
