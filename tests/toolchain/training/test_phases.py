"""Trainings of several phases (chain, attention, pruning, teachers of other runs, fast training), and resuming them to the bit."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from owlbit.export.errors import OwlbitError
from owlbit.hw.reference import simulate
from owlbit.models.layer_table import Conv
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.toolchain.data.load_dataset import load_dataset
from owlbit.toolchain.deploy.export_run import export_run
from owlbit.toolchain.deploy.torch_scores import torch_scores
from owlbit.toolchain.recipes.recipe import load_recipe
from owlbit.toolchain.runs.weights import load_run
from owlbit.toolchain.training.phases import plan_phases
from owlbit.toolchain.training.train import train
from tiny_recipe import TEACHER, quiet, recipe_for

CHAIN = 'stages = 3\n[distillation]\nteacher = "float"\nepochs = 1\nattention = 1.0\nprogressive = true\n'
HEAVY = "[pruning]\nheavy_groups = 1\nanneal = 2\n"
BUDGET = "[pruning]\nheavy_groups = 1\nanneal = 1\ntarget_bits = 900\nsteps = 1\ngranularity = 4\n"
TWO_STAGES = "stages = 2\n[pruning]\ntarget_bits = 700\nsteps = 2\ngranularity = 2\n"
FAST = 'precision = "bfloat16"\n'


def halves_and_whole(recipe_text: str, folder: Path, stops: tuple[int, ...]) -> None:
    """A training stopped after each of `stops` epochs and resumed ends in the weights of one that was not."""
    recipe = recipe_for(folder, training=recipe_text)
    train(recipe, folder / "whole", console=quiet())
    for stop in stops:
        assert train(recipe, folder / "halves", console=quiet(), stop_after=stop, resume=True) is None
        torch.manual_seed(99)  # as another process would have it
    assert train(recipe, folder / "halves", console=quiet(), resume=True) is not None
    files = [(folder / name / "model.safetensors").read_bytes() for name in ("whole", "halves")]
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("text", "stops"),
    [
        (CHAIN, (1, 2, 4)),
        (FAST + CHAIN, (2, 3)),
        (HEAVY, (1, 2, 3)),
        (FAST + BUDGET, (1, 2, 3)),
        (TWO_STAGES, (1, 2)),  # filters go in real weights, and at the end of them
        (FAST + TEACHER, (2, 3)),
    ],
    ids=["chain", "fast chain", "heavy", "budget", "budget in two stages", "fast teacher"],
)
def test_every_technique_resumes_to_the_bit(tmp_path: Path, text: str, stops: tuple[int, ...]) -> None:
    halves_and_whole(text, tmp_path, stops)


def test_the_chain_ends_in_a_network_that_deploys(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, training=CHAIN)
    train(recipe, tmp_path / "run", console=quiet())
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert [entry["stage"] for entry in history] == [1, 2, 3, 3]
    assert (tmp_path / "run" / "stage1.safetensors").exists() and (tmp_path / "run" / "stage2.safetensors").exists()
    images = load_dataset(recipe.data, tmp_path).train.images
    np.testing.assert_array_equal(simulate(export_run(tmp_path / "run"), images), torch_scores(tmp_path / "run", images))


def test_stages_have_the_papers_weights_and_activations(tmp_path: Path) -> None:
    phases = plan_phases(recipe_for(tmp_path, training=CHAIN))
    assert [(phase.real, phase.activation, phase.attention) for phase in phases] == [
        (True, "tanh", True),
        (True, "clipped", True),
        (False, "clipped", False),
    ]


def test_pruning_ends_within_the_budget_and_deploys(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, training=BUDGET)
    result = train(recipe, tmp_path / "run", console=quiet())
    assert result is not None and result.weight_bits <= 900 and result.best_epoch >= 2
    net = load_run(tmp_path / "run").net
    assert isinstance(net, BinaryNet) and sum(weight.numel() for weight in net.binary_weights()) == result.weight_bits
    images = load_dataset(recipe.data, tmp_path).train.images
    np.testing.assert_array_equal(simulate(export_run(tmp_path / "run"), images), torch_scores(tmp_path / "run", images))


def test_fading_heavy_blocks_leave_the_light_table(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, training=HEAVY)
    result = train(recipe, tmp_path / "run", console=quiet())
    assert result is not None and result.best_epoch >= 2
    light = BinaryNet((3, 8, 8), 3, tuple(layer for layer in recipe.layers if isinstance(layer, Conv)), 2)
    assert load_run(tmp_path / "run").net.state_dict().keys() == light.state_dict().keys()


@pytest.mark.parametrize("anneal", [1, 2], ids=["plain teacher", "heavy teacher"])
def test_a_chain_of_stages_teaches_a_network_that_is_pruned(tmp_path: Path, anneal: int) -> None:
    halves_and_whole(CHAIN + BUDGET.replace("anneal = 1", f"anneal = {anneal}"), tmp_path, (1, 2, 3))
    net = load_run(tmp_path / "whole").net
    assert isinstance(net, BinaryNet) and sum(weight.numel() for weight in net.binary_weights()) <= 900
    # What teaches the last stage is the network before the filters went that go at that border.
    teacher = safetensors.torch.load_file(tmp_path / "whole" / "stage2.safetensors")
    kind = "conv" if anneal == 1 else "light.conv"
    assert [len(teacher[f"blocks.{index}.{name}.weight"]) for index, name in ((0, "conv"), (1, kind))] == [8, 8]


def test_a_float_run_teaches_another_run_and_does_not_deploy(tmp_path: Path) -> None:
    (tmp_path / "float").mkdir()
    teacher = recipe_for(tmp_path / "float", training='numbers = "real"\n')
    train(teacher, tmp_path / "teacher", console=quiet())
    with pytest.raises(OwlbitError, match=r'training\.numbers: expected "binary", .* got "real"'):
        export_run(tmp_path / "teacher")
    taught = recipe_for(tmp_path, training=FAST + '[distillation]\nteacher = "teacher"\ncache_logits = true\n')
    result = train(taught, tmp_path / "run", console=quiet())
    assert result is not None and result.validation_accuracy > 0.8


def test_a_teacher_of_other_classes_is_refused_and_nothing_is_overwritten(tmp_path: Path) -> None:
    train(recipe_for(tmp_path, training='numbers = "real"\n'), tmp_path / "teacher", console=quiet())
    facts = tmp_path / "teacher" / "run.json"
    facts.write_text(facts.read_text().replace('"1"', '"one"'))
    before = facts.read_bytes()
    recipe = recipe_for(tmp_path, training='[distillation]\nteacher = "teacher"\n')
    with pytest.raises(OwlbitError, match=r"teacher: expected a teacher of the classes 0, 1, got 0, one; choose another"):
        train(recipe, tmp_path / "run", console=quiet())
    assert facts.read_bytes() == before and not (tmp_path / "run" / "last.ckpt").exists()


def test_attention_needs_maps_of_the_same_size(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = recipe_for(tmp_path / "other", training='numbers = "real"\n')
    other.path.write_text(other.text.replace("pool = 2", "pool = 4"))
    train(load_recipe(other.path), tmp_path / "teacher", console=quiet())
    recipe = recipe_for(tmp_path, training='[distillation]\nteacher = "teacher"\nattention = 1.0\n')
    train(other, tmp_path / "run", console=quiet())
    before = (tmp_path / "run" / "model.safetensors").read_bytes()
    with pytest.raises(OwlbitError, match=r"distillation\.attention: transfer point 0: expected maps"):
        train(recipe, tmp_path / "run", console=quiet(), overwrite=True)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before  # refused before anything goes


def test_attention_without_a_map_is_refused_before_the_teacher_is_trained(tmp_path: Path) -> None:
    path = recipe_for(tmp_path, training='[distillation]\nteacher = "float"\nattention = 1.0\n').path
    table, rest = path.read_text().split("[[layers]]", 1)
    path.write_text(f'{table}[[layers]]\nkind = "linear"\nfeatures = 8\n[training]{rest.split("[training]")[1]}')
    with pytest.raises(OwlbitError, match=r"distillation\.attention: expected as many transfer points .* at least 1, got 0 and 0"):
        train(load_recipe(path), tmp_path / "run", console=quiet())
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_stops_with_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_for(tmp_path)
    train(recipe, tmp_path / "run", console=quiet(), stop_after=2)
    before = (tmp_path / "run" / "last.ckpt").read_bytes()
    monkeypatch.setattr(
        "owlbit.models.networks.binary_net.BinaryNet.logits", lambda net, images: net(images) * net.log_temperature * float("nan")
    )
    with pytest.raises(OwlbitError, match=r"expected a finite loss, got nan in epoch 3; .* lower training\.rate"):
        train(recipe, tmp_path / "run", console=quiet(), resume=True)
    assert (tmp_path / "run" / "last.ckpt").read_bytes() == before


def test_weights_that_are_no_numbers_do_not_take_the_checkpoints_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_for(tmp_path)
    train(recipe, tmp_path / "run", console=quiet(), stop_after=2)
    before = (tmp_path / "run" / "last.ckpt").read_bytes()

    def logits(net: BinaryNet, images: torch.Tensor) -> torch.Tensor:  # as after a last step that went wrong
        wrong: torch.Tensor = net(images) * net.log_temperature * (1.0 if net.training else float("inf"))
        return wrong

    monkeypatch.setattr("owlbit.models.networks.binary_net.BinaryNet.logits", logits)
    with pytest.raises(OwlbitError, match=r"expected a finite loss, got nan in epoch 3"):
        train(recipe, tmp_path / "run", console=quiet(), resume=True)
    assert (tmp_path / "run" / "last.ckpt").read_bytes() == before
