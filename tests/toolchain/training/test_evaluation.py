"""The accuracy of a finished training: the same figure by the exported integers and by torch, and a bar where torch takes long."""

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from owlbit.hw.fast import compile_fast
from owlbit.toolchain.data.load_dataset import load_dataset
from owlbit.toolchain.runs.weights import load_run
from owlbit.toolchain.training import evaluation
from owlbit.toolchain.training.evaluation import accuracies, integer_accuracy, integer_network, torch_accuracy
from owlbit.toolchain.training.train import train
from tiny_recipe import quiet, recipe_for

PRUNED = "[pruning]\nheavy_groups = 1\nanneal = 1\ntarget_bits = 900\nsteps = 1\ngranularity = 4\n"


@pytest.mark.parametrize("training", ["", PRUNED], ids=["plain", "pruned"])
def test_integers_and_torch_give_the_same_scores_and_the_same_result(
    tmp_path: Path, training: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_for(tmp_path, training=training)
    in_torch = train(recipe, tmp_path / "torch", console=quiet())
    monkeypatch.setattr(evaluation, "EXPORT_FROM", 0)  # as for a network that torch takes long for
    monkeypatch.setattr(evaluation, "torch_accuracy", None)  # and it is not asked
    in_integers = train(recipe, tmp_path / "integers", console=quiet())
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("torch", "integers")]
    assert weights[0] == weights[1]
    assert in_torch is not None and in_integers is not None
    assert (in_torch.validation_accuracy, in_torch.test_accuracy) == (in_integers.validation_accuracy, in_integers.test_accuracy)

    net, everything = load_run(tmp_path / "integers").net, load_dataset(recipe.data, tmp_path).train
    network = compile_fast(integer_network(net))
    with torch.no_grad():
        scores = net(torch.from_numpy(everything.images)).numpy()
    np.testing.assert_array_equal(network.simulate(everything.images), scores)
    assert integer_accuracy(network, everything) == torch_accuracy(net, everything)


def test_a_bar_shows_the_export_and_the_images(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "EXPORT_FROM", 0)
    monkeypatch.setattr(evaluation, "BLOCK", 7)
    run = load_run(trained / "run")
    dataset = load_dataset(run.recipe.data, trained)
    terminal = Console(file=StringIO(), force_terminal=True, width=100)
    shown = accuracies(run.net, [dataset.validation, dataset.train], 1, terminal)
    assert shown == [torch_accuracy(run.net, part) for part in (dataset.validation, dataset.train)]
    assert isinstance(terminal.file, StringIO)
    told = terminal.file.getvalue()
    assert "exporting, to evaluate integers" in told and "80/80" in told


def test_a_network_that_does_not_deploy_is_evaluated_in_torch_with_a_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "EXPORT_FROM", 0)
    recipe = recipe_for(tmp_path, training='numbers = "real"\n')
    result = train(recipe, tmp_path / "run", console=quiet())
    net, dataset = load_run(tmp_path / "run").net, load_dataset(recipe.data, tmp_path)
    terminal = Console(file=StringIO(), force_terminal=True, width=100)
    shown = accuracies(net, [dataset.validation, dataset.train], 1, terminal)
    assert result is not None and shown == [result.validation_accuracy, torch_accuracy(net, dataset.train)]
    assert isinstance(terminal.file, StringIO) and "evaluating" in terminal.file.getvalue() and "80/80" in terminal.file.getvalue()
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert shown[0] == history[result.best_epoch]["validation_accuracy"]
