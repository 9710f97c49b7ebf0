"""Recipe keys of training techniques: what each does to a run, resuming across every border, export, and contradictory keys."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
import torch.nn.functional as F

from owlbit.export.errors import OwlbitError
from owlbit.export.network import LogicSkip, Thermometer
from owlbit.export.qonnx.execute import execute_qonnx
from owlbit.hw import fast
from owlbit.hw.reference import simulate
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.models.layer_table import Conv
from owlbit.models.layers.thermometer import quantile_thresholds
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.toolchain.data.load_dataset import load_dataset
from owlbit.toolchain.deploy.export_run import export_run
from owlbit.toolchain.deploy.torch_scores import torch_scores
from owlbit.toolchain.recipes.recipe import load_recipe
from owlbit.toolchain.recipes.training import Distillation
from owlbit.toolchain.runs.weights import load_run
from owlbit.toolchain.training.batches import Batch
from owlbit.toolchain.training.distillation import Distiller
from owlbit.toolchain.training.train import train
from tiny_recipe import TEACHER, TWO_STAGES, quiet, recipe_for


@pytest.mark.parametrize("encoding", ["uniform", "quantile", "learned"])
@pytest.mark.parametrize("shared", [False, True])
def test_thresholds_of_every_encoding_deploy(tmp_path: Path, encoding: str, shared: bool) -> None:
    recipe = recipe_for(tmp_path, encoding=f'encoding = "{encoding}"\nshared = {str(shared).lower()}\n')
    train(recipe, tmp_path / "run", console=quiet())
    network = export_run(tmp_path / "run")
    images = load_dataset(recipe.data, tmp_path).train.images
    np.testing.assert_array_equal(simulate(network, images), torch_scores(tmp_path / "run", images))
    thermometer = network.layers[0]
    assert isinstance(thermometer, Thermometer)
    thresholds = thermometer.thresholds
    assert shared == bool((thresholds == thresholds[0]).all()) or encoding == "uniform"
    quantiles = quantile_thresholds(torch.from_numpy(images), 3, shared=shared).numpy()
    if encoding == "uniform":
        np.testing.assert_array_equal(thresholds, np.tile([64, 128, 192], (3, 1)))
    else:
        assert (np.abs(thresholds - quantiles).max() <= 1) == (encoding == "quantile")


def test_bit_planes_train_and_are_refused_at_export(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, encoding='encoding = "bit-planes"\n')
    result = train(recipe, tmp_path / "run", console=quiet())
    assert result is not None and result.thresholds == [[], [], []]
    for use in (export_run, lambda run: torch_scores(run, load_dataset(recipe.data, tmp_path).train.images)):
        with pytest.raises(OwlbitError, match=r'expected thresholds, .* got "bit-planes": .* can be trained and measured but not'):
            use(tmp_path / "run")
    assert not (tmp_path / "run" / "model.onnx").exists()


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_two_stages_resume_to_the_bit_on_either_side_of_the_border(tmp_path: Path, stop: int) -> None:
    recipe = recipe_for(tmp_path, training=TWO_STAGES + 'estimator = "triangular"\n')
    result = train(recipe, tmp_path / "whole", console=quiet())
    assert train(recipe, tmp_path / "halves", console=quiet(), stop_after=stop) is None
    train(recipe, tmp_path / "halves", console=quiet(), resume=True)
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "halves")]
    assert files[0] == files[1]
    states = [torch.load(tmp_path / name / "last.ckpt", weights_only=True) for name in ("whole", "halves")]
    for key, values in states[0]["state_dict"].items():
        np.testing.assert_array_equal(values.numpy(), states[1]["state_dict"][key].numpy(), err_msg=key)
    history = json.loads((tmp_path / "halves" / "history.json").read_text())
    assert [entry["stage"] for entry in history] == [1, 1, 2, 2]
    assert result is not None and result.best_epoch >= 2
    assert all(float(values.abs().max()) <= 1 for key, values in states[0]["state_dict"].items() if "conv.weight" in key)


def test_weights_decay_in_the_first_stage_only(tmp_path: Path) -> None:
    decays = []
    for stop in (1, 3):
        train(recipe_for(tmp_path, training=TWO_STAGES), tmp_path / str(stop), console=quiet(), stop_after=stop)
        state = torch.load(tmp_path / str(stop) / "last.ckpt", weights_only=True)["optimizer_states"][0]
        decays.append([group["weight_decay"] for group in state["param_groups"]])
    assert decays == [[0.001, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_distillation_resumes_to_the_bit_and_keeps_the_teacher(trained: Path, tmp_path: Path, stop: int) -> None:
    recipe = recipe_for(tmp_path, training=TEACHER)
    train(recipe, tmp_path / "whole", console=quiet())
    assert train(recipe, tmp_path / "halves", console=quiet(), stop_after=stop) is None
    train(recipe, tmp_path / "halves", console=quiet(), resume=True)
    for file in ("model.safetensors", "teacher.safetensors"):
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "halves" / file).read_bytes()
    assert len(json.loads((tmp_path / "whole" / "teacher.json").read_text())) == 2
    plain = safetensors.torch.load_file(trained / "run" / "model.safetensors")
    taught = load_run(tmp_path / "whole").net.state_dict()
    assert plain.keys() == taught.keys() and any((plain[key] != taught[key]).any() for key in plain)


def test_a_damaged_teacher_is_named(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, training=TEACHER)
    train(recipe, tmp_path / "run", console=quiet(), stop_after=3)
    (tmp_path / "run" / "teacher.safetensors").write_bytes(b"no weights")
    with pytest.raises(OwlbitError, match=r"teacher\.safetensors: expected the weights as training writes them, could not read"):
        train(recipe, tmp_path / "run", console=quiet(), resume=True)


def test_the_old_name_of_a_key_is_taken_with_a_note(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recipe = recipe_for(tmp_path, training='[distillation]\nteacher = "float"\nonce = true\n')
    assert recipe.distillation is not None and recipe.distillation.cache_logits
    assert caplog.messages == [f"{recipe.path}: distillation.once: this key is now called cache_logits"]
    with pytest.raises(OwlbitError, match=r"distillation\.once: expected a known key"):
        recipe_for(tmp_path, training='[distillation]\nteacher = "float"\nonce = true\ncache_logits = true\n')


def test_distillation_loss_is_the_weighted_sum_of_its_formula() -> None:
    teacher = BinaryNet((1, 8, 8), 2, (Conv(4),), 3, encoding="ramps", activation="hardtanh")
    teacher.use_real_weights(True)
    images = torch.randint(0, 256, (5, 1, 8, 8), generator=torch.Generator().manual_seed(1))
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(2))
    distiller = Distiller(teacher, Distillation("float", temperature=3.0, weight=0.25))
    batch = Batch(images, torch.zeros(5), torch.tensor([6, 2, 0, 3, 5]))
    loss = distiller.loss(batch, logits, torch.tensor(2.0))
    p, q = F.softmax(teacher.logits(images) / 3, 1), F.softmax(logits / 3, 1)
    expected = 0.75 * 2 + 0.25 * 9 * (p * (p / q).log()).sum(1).mean()
    np.testing.assert_allclose(loss.detach().numpy(), expected.detach().numpy(), rtol=1e-5)
    # Cached logits are those at the images' places in the set, whatever the images look like by now.
    cached = torch.full((7, 3), float("nan")).index_copy(0, batch.index, teacher.logits(images).detach())
    dark = Batch(images * 0, batch.labels, batch.index)
    from_cache = Distiller(teacher, distiller.recipe, cached).loss(dark, logits, torch.tensor(2.0))
    np.testing.assert_array_equal(from_cache.detach().numpy(), loss.detach().numpy())


def test_logic_skips_train_and_deploy(tmp_path: Path) -> None:
    """All gates, in both stages and beside a teacher: torch, QONNX, reference and fast simulator give the same integers."""
    recipe = recipe_for(tmp_path, training=TWO_STAGES + TEACHER)
    skips = "".join(f'[[layers]]\nkind = "conv"\nfilters = 8\ngroups = 2\nskip = "{gate}"\n' for gate in ("or", "xor", "mux"))
    recipe.path.write_text(recipe.text.replace("[training]", skips + "[training]"))
    recipe = load_recipe(recipe.path)
    train(recipe, tmp_path / "run", console=quiet())
    network = export_run(tmp_path / "run")
    assert [layer.gate for layer in network.layers if isinstance(layer, LogicSkip)] == ["or", "xor", "mux"]
    images = load_dataset(recipe.data, tmp_path).train.images
    scores = simulate(network, images)
    np.testing.assert_array_equal(scores, torch_scores(tmp_path / "run", images))
    np.testing.assert_array_equal(scores, fast.simulate(network, images))
    np.testing.assert_array_equal(scores[:4], execute_qonnx(tmp_path / "run" / "model.onnx", images[:4]))
    with pytest.raises(OwlbitError, match="up5k: skip1 is a logic skip; the engine has none"):
        compile_network(network)
