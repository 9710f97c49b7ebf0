"""Trainings with weights = "recu": another network than without, resumed to the bit, exported exactly, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from owlbit.export.errors import OwlbitError
from owlbit.hw.fast import simulate
from owlbit.toolchain.data.load_dataset import load_dataset
from owlbit.toolchain.deploy.export_run import export_run
from owlbit.toolchain.recipes.recipe import load_recipe
from owlbit.toolchain.runs.weights import load_run
from owlbit.toolchain.training.timed.train_timed import check_timed
from owlbit.toolchain.training.train import train
from tiny_recipe import TWO_STAGES, quiet, recipe_for

RECU = 'weights = "recu"\n'


@pytest.mark.parametrize(
    "more", ["", TWO_STAGES, "weight_decay = 0.001\n[pruning]\nheavy_groups = 1\nanneal = 2\n"], ids=["plain", "stages", "pruning"]
)
def test_resumes_to_the_bit_with_centred_latents_and_deploys(tmp_path: Path, more: str) -> None:
    recipe = recipe_for(tmp_path, training=RECU + more)
    train(recipe, tmp_path / "whole", console=quiet())
    for stop in (1, 3, 20):
        train(recipe, tmp_path / "parts", console=quiet(), resume=True, stop_after=stop)
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "parts")]
    assert files[0] == files[1]
    state = safetensors.torch.load(files[0])
    latents = [tensor for name, tensor in state.items() if name.endswith(("conv.weight", "classifier.weight"))]
    assert len(latents) == 3
    for tensor in latents:
        np.testing.assert_allclose(tensor.flatten(1).mean(1).numpy(), 0, atol=1e-5)
    network, images = export_run(tmp_path / "whole"), load_dataset(recipe.data, tmp_path).train.images
    with_torch = load_run(tmp_path / "whole").net
    scores = with_torch(torch.from_numpy(images)).detach().numpy()
    np.testing.assert_array_equal(simulate(network, images), scores)
    plain = recipe_for(tmp_path, training=more.replace("weight_decay = 0.001\n[", "["))
    train(plain, tmp_path / "plain", console=quiet())
    assert (tmp_path / "plain" / "model.safetensors").read_bytes() != files[0]


def test_is_refused_where_there_are_no_binary_weights_or_no_table(tmp_path: Path) -> None:
    with pytest.raises(OwlbitError, match=r'training\.weights: expected "clipped" with numbers = "real"'):
        recipe_for(tmp_path, training=RECU + 'numbers = "real"\n')
    recipe = recipe_for(tmp_path, training=RECU)
    with pytest.raises(OwlbitError, match=r'training\.weights: expected "clipped" with --minutes, got "recu"'):
        check_timed(recipe)
    data, rest = recipe.text.split("[input]")
    (tmp_path / "recipe.toml").write_text(data + '[network]\nkind = "xnor"\n' + rest[rest.index("[training]") :])
    with pytest.raises(OwlbitError, match=r'training\.weights: expected "clipped" beside \[network\]'):
        load_recipe(tmp_path / "recipe.toml")
