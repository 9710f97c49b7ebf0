"""Two processes that share every batch train as one process does, and leave one run folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from owlbit.export.errors import OwlbitError
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.toolchain.data.dataset import Dataset, Labelled, Variations
from owlbit.toolchain.recipes.recipe import Recipe, load_recipe
from owlbit.toolchain.recipes.training import Training
from owlbit.toolchain.runs.weights import load_run
from owlbit.toolchain.training.batches import EpochBatches
from owlbit.toolchain.training.distributed import launch
from owlbit.toolchain.training.train import train
from tiny_recipe import recipe_for

ROOT = Path(__file__).resolve().parents[3]


def owlbit(*arguments: str) -> subprocess.CompletedProcess[str]:
    alone = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    command = [sys.executable, "-m", "owlbit.toolchain", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**alone, "OMP_NUM_THREADS": "1"}, check=False)


def history(recipe: Recipe, run: Path, *options: str) -> list[dict[str, float]]:
    done = owlbit("train", str(recipe.path), "--out", str(run), *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("trained:") == 1
    entries: list[dict[str, float]] = json.loads((run / "history.json").read_text())
    return entries


@pytest.mark.parametrize("precision", ["float32", pytest.param("bfloat16", marks=pytest.mark.slow)])
def test_two_processes_give_the_curve_of_one(tmp_path: Path, precision: str) -> None:
    recipe = recipe_for(tmp_path, training=f'precision = "{precision}"\nrate = 0.001\n')
    one = history(recipe, tmp_path / "one")
    two = history(recipe, tmp_path / "two", "--devices", "2")
    assert len(one) == len(two) == 4
    # A sum in another order is another float, and signs turn on it sooner or later: in bfloat16 sooner, within an epoch here.
    compared = 4 if precision == "float32" else 1
    for ours, theirs in zip(one[:compared], two[:compared], strict=True):
        np.testing.assert_allclose(theirs["loss"], ours["loss"], rtol=0.03)
    net = load_run(tmp_path / "two").net
    assert isinstance(net, BinaryNet)
    assert {path.name for path in (tmp_path / "two").iterdir()} == {path.name for path in (tmp_path / "one").iterdir()}


def test_shares_of_a_batch_make_the_batch() -> None:
    images = Labelled(np.random.default_rng(0).integers(0, 256, (20, 1, 4, 4), dtype=np.uint8), np.arange(20))
    dataset = Dataset(images, images, None, ("a", "b"), images, Variations(flip=True, shift=1, light="mixed"))
    whole, left, right = (list(EpochBatches(dataset, Training(batch=8), 0, part=part)) for part in ((0, 1), (0, 2), (1, 2)))
    assert len(whole) == len(left) == len(right) == 2
    for batch, *shares in zip(whole, left, right, strict=True):
        for field in ("images", "labels", "index"):
            parts = [getattr(share, field) for share in shares]
            np.testing.assert_array_equal(torch.cat(parts), getattr(batch, field))


def test_a_batch_that_does_not_divide_is_refused(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path)
    recipe.path.write_text(recipe.text.replace("batch = 16", "batch = 15"))
    done = owlbit("train", str(recipe.path), "--out", str(tmp_path / "run"), "--devices", "2")
    message = f"owlbit: {recipe.path}: training.batch: expected a multiple of the 2 processes, got 15\n"
    assert (done.returncode, done.stderr) == (2, message)  # and not a word of torchrun's
    assert not (tmp_path / "run").exists()


def test_a_batch_of_more_images_than_there_are_cannot_be_shared_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_for(tmp_path)
    recipe.path.write_text(recipe.text.replace("batch = 16", "batch = 100"))
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(OwlbitError, match=r"training\.batch: expected at most the 68 training images, .* got 100"):
        train(load_recipe(recipe.path), tmp_path / "run")


def test_several_machines_need_a_place_to_meet() -> None:
    for given in ("", "elsewhere"):
        with pytest.raises(OwlbitError, match=r"--rendezvous: expected HOST:PORT of one of the 2 machines"):
            launch([], 1, 2, given)
