"""Training: the files it leaves, resuming to the bit, and what it refuses."""

import json
import shutil
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.data.dataset import Labelled
from owlbit.toolchain.data.digits import digits_dataset
from owlbit.toolchain.recipes.recipe import Recipe, load_recipe
from owlbit.toolchain.recipes.training import Training
from owlbit.toolchain.runs.weights import load_run
from owlbit.toolchain.training.batches import EpochBatches
from owlbit.toolchain.training.evaluation import torch_accuracy
from owlbit.toolchain.training.train import train
from tiny_recipe import quiet

TINY = """
name = "tiny"
[data]
source = "npz"
path = "images.npz"
test = "images.npz"
size = [8, 8]
shift = 1
flip = true
[input]
thresholds = 3
[[layers]]
kind = "conv"
filters = 8
pool = 2
[[layers]]
kind = "conv"
filters = 8
groups = 2
shuffle = true
[training]
epochs = 3
batch = 16
"""


def blobs(count: int = 120) -> Labelled:
    """Bright at the top or bright at the bottom."""
    generator = np.random.default_rng(0)
    labels = (np.arange(count) % 2).astype(np.int64)
    images = generator.integers(0, 100, (count, 1, 8, 8), dtype=np.uint8)
    for label in (0, 1):
        images[labels == label, :, 4 * label : 4 * label + 4] += 60
    return Labelled(images, labels)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    both = blobs()
    np.savez(tmp_path / "images.npz", images=both.images, labels=both.labels, class_names=np.array(["top", "bottom"]))
    (tmp_path / "tiny.toml").write_text(TINY)
    return load_recipe(tmp_path / "tiny.toml")


def test_leaves_a_whole_run_and_nothing_else(recipe: Recipe, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    console = quiet()
    result = train(recipe, tmp_path / "run", console=console)
    assert result is not None
    files = {path.name for path in (tmp_path / "run").iterdir()}
    assert files == {
        *("recipe.toml", "run.json", "last.ckpt", "history.json"),
        *("model.safetensors", "learning_curve.png", "result.json"),
    }
    assert {path.name for path in tmp_path.iterdir()} == {"images.npz", "tiny.toml", "run"}
    assert (tmp_path / "run" / "recipe.toml").read_text() == TINY
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert [entry["epoch"] for entry in history] == [0, 1, 2]
    assert all(0 <= entry["flipped_signs"] <= 1 for entry in history)
    best = max(entry["validation_accuracy"] for entry in history)
    assert result.best_epoch == max(entry["epoch"] for entry in history if entry["validation_accuracy"] == best)
    assert result.validation_accuracy == best
    with Image.open(tmp_path / "run" / "learning_curve.png") as picture:
        assert picture.size > (600, 400)
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err == ""
    assert isinstance(console.file, StringIO)
    assert "epoch 3 of 3: loss" in console.file.getvalue()


def test_the_saved_model_is_that_of_the_best_epoch_and_gives_the_stated_accuracy(recipe: Recipe, tmp_path: Path) -> None:
    result = train(recipe, tmp_path / "run", console=quiet())
    assert result is not None and result.test_accuracy is not None
    run = load_run(tmp_path / "run")
    assert run.class_names == ("top", "bottom")
    assert torch_accuracy(run.net, blobs()) == result.test_accuracy
    assert result.test_accuracy > 0.9
    assert run.net.thermometer.integer_thresholds().tolist() == result.thresholds
    assert result.test_images == 120


def test_the_last_epoch_is_kept_where_the_recipe_says_so(recipe: Recipe, tmp_path: Path) -> None:
    last = tmp_path / "last.toml"
    last.write_text(TINY.replace("epochs = 3", 'epochs = 6\nrate = 1.0\nkeep = "last"'))  # a rate that destroys
    result = train(load_recipe(last), tmp_path / "run", console=quiet())
    accuracies = [entry["validation_accuracy"] for entry in json.loads((tmp_path / "run" / "history.json").read_text())]
    assert result is not None and result.best_epoch == 5
    assert result.validation_accuracy == accuracies[-1] < max(accuracies)
    saved = safetensors.torch.load_file(tmp_path / "run" / "model.safetensors")
    state = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["state_dict"]
    for name, tensor in saved.items():
        np.testing.assert_array_equal(tensor.numpy(), state[f"net.{name}"].numpy(), err_msg=name)


@pytest.mark.parametrize("stop", [1, 2])
def test_resumed_training_ends_in_the_same_weights_to_the_bit(recipe: Recipe, tmp_path: Path, stop: int) -> None:
    whole = train(recipe, tmp_path / "whole", console=quiet())
    assert train(recipe, tmp_path / "halves", console=quiet(), stop_after=stop) is None
    assert not (tmp_path / "halves" / "model.safetensors").exists()
    torch.manual_seed(99)  # as another process would have it
    halves = train(recipe, tmp_path / "halves", console=quiet(), resume=True)
    assert whole is not None and halves is not None
    states = [torch.load(tmp_path / name / "last.ckpt", weights_only=True)["state_dict"] for name in ("whole", "halves")]
    assert states[0].keys() == states[1].keys()
    for key in states[0]:
        np.testing.assert_array_equal(states[0][key].numpy(), states[1][key].numpy(), err_msg=key)
    saved = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "halves")]
    assert saved[0] == saved[1]
    assert (whole.best_epoch, whole.test_accuracy) == (halves.best_epoch, halves.test_accuracy)


def test_the_state_file_holds_plain_records_as_history_does(recipe: Recipe, tmp_path: Path) -> None:
    """So that it is read back without unpickling, and a training that an earlier version stopped can be resumed."""
    train(recipe, tmp_path / "run", console=quiet(), stop_after=2)
    saved = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["owlbit"]
    assert saved.keys() == {"history", "best_epoch", "best_state"}
    assert saved["history"] == json.loads((tmp_path / "run" / "history.json").read_text())
    assert [type(record) for record in saved["history"]] == [dict, dict]


def test_a_killed_training_resumes_to_the_same_weights(recipe: Recipe, tmp_path: Path) -> None:
    long = tmp_path / "long.toml"
    long.write_text(TINY.replace("epochs = 3", "epochs = 15"))
    imports = (
        "import sys; from owlbit.toolchain.recipes.recipe import load_recipe; from owlbit.toolchain.training.train import train; "
    )
    code = imports + "train(load_recipe(sys.argv[1]), sys.argv[2])"
    run = tmp_path / "killed"
    with subprocess.Popen([sys.executable, "-c", code, str(long), str(run)], stderr=subprocess.DEVNULL) as child:
        while not (run / "last.ckpt").exists() and child.poll() is None:
            time.sleep(0.002)
        child.kill()
    assert not (run / "result.json").exists()  # killed in mid-training
    train(load_recipe(long), run, console=quiet(), resume=True)
    train(load_recipe(long), tmp_path / "whole", console=quiet())
    assert (run / "model.safetensors").read_bytes() == (tmp_path / "whole" / "model.safetensors").read_bytes()
    histories = [json.loads((folder / "history.json").read_text()) for folder in (run, tmp_path / "whole")]
    for killed, whole in zip(*histories, strict=True):
        assert {**killed, "seconds": 0} == {**whole, "seconds": 0}


def test_resume_without_a_checkpoint_begins_and_after_the_end_returns_the_result(recipe: Recipe, tmp_path: Path) -> None:
    first = train(recipe, tmp_path / "run", console=quiet(), resume=True)
    before = (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns
    assert train(recipe, tmp_path / "run", console=quiet(), resume=True) == first
    assert (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns == before
    figures = json.loads((tmp_path / "run" / "result.json").read_text())
    for other in ({"epochs": 3}, {**figures, "epochs": "three"}):
        (tmp_path / "run" / "result.json").write_text(json.dumps(other))
        with pytest.raises(OwlbitError, match=r"result\.json: expected the figures that training writes, got others"):
            train(recipe, tmp_path / "run", console=quiet(), resume=True)


def test_training_moves_thresholds_and_weights_stay_clipped(recipe: Recipe, tmp_path: Path) -> None:
    train(recipe, tmp_path / "run", console=quiet())
    state = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
    weights = state["state_dict"]
    assert all(float(weights[key].abs().max()) <= 1 for key in weights if key.endswith(("conv.weight", "classifier.weight")))
    latents = weights["net.thermometer.latents"]
    fixed = tmp_path / "fixed.toml"
    fixed.write_text(TINY.replace("thresholds = 3", 'thresholds = 3\nencoding = "quantile"'))
    train(load_recipe(fixed), tmp_path / "fixed", console=quiet())
    start = safetensors.torch.load_file(tmp_path / "fixed" / "model.safetensors")["thermometer.latents"]
    assert (latents != start).all()


def test_the_threads_of_the_process_are_left_as_they_were(recipe: Recipe, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        train(recipe, tmp_path / "run", console=quiet(), stop_after=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_epochs_differ_and_hang_on_seed_and_number_alone() -> None:
    dataset = digits_dataset()
    first, again, later, other = (
        next(iter(EpochBatches(dataset, Training(seed=seed), epoch))).images.numpy()
        for seed, epoch in ((3, 1), (3, 1), (3, 2), (4, 1))
    )
    np.testing.assert_array_equal(first, again)
    assert (first != later).any() and (first != other).any()


@pytest.mark.usefixtures("trained")
def test_refuses_a_folder_with_a_run_unless_told(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(OwlbitError, match=r"run: expected no earlier run, found recipe\.toml; resume it, overwrite it or choose"):
        train(recipe, tmp_path / "run", console=quiet())
    (tmp_path / "run" / "model.onnx").write_text("stale")
    (tmp_path / "run" / "notes.txt").write_text("mine")
    assert train(recipe, tmp_path / "run", console=quiet(), overwrite=True) is not None
    assert not (tmp_path / "run" / "model.onnx").exists()
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


@pytest.mark.usefixtures("trained")
def test_refuses_to_resume_another_recipe(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(OwlbitError, match="expected the recipe that this run began with, got another"):
        train(recipe, tmp_path / "run", console=quiet(), resume=True)


def test_output_path_that_is_a_file(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(OwlbitError, match="run: expected a folder, found a file there"):
        train(recipe, tmp_path / "run", console=quiet())


def test_broken_checkpoint_is_one_sentence(recipe: Recipe, tmp_path: Path) -> None:
    train(recipe, tmp_path / "run", console=quiet(), stop_after=1)
    checkpoint = tmp_path / "run" / "last.ckpt"
    whole = checkpoint.read_bytes()
    for content in (b"", b"nothing", whole[: len(whole) // 2]):
        checkpoint.write_bytes(content)
        with pytest.raises(OwlbitError, match=r"last\.ckpt: expected the checkpoint of an earlier epoch, could not read it"):
            train(recipe, tmp_path / "run", console=quiet(), resume=True)


def test_a_run_that_is_not_whole_is_named(trained: Path) -> None:
    with pytest.raises(OwlbitError, match="nowhere: expected a run folder, found no such folder"):
        load_run(trained / "nowhere")
    run = trained / "run"
    model = run / "model.safetensors"
    whole = model.read_bytes()
    model.unlink()
    with pytest.raises(OwlbitError, match=r"model\.safetensors: expected the weights of a finished run, found none"):
        load_run(run)
    model.write_bytes(whole[:100])
    with pytest.raises(OwlbitError, match="could not read them"):
        load_run(run)
    state = safetensors.torch.load(whole)
    safetensors.torch.save_file({**state, "classifier.weight": state["classifier.weight"] * float("nan")}, model)
    with pytest.raises(OwlbitError, match=r"expected finite weights, got NaN or infinity in classifier\.weight"):
        load_run(run)
    safetensors.torch.save_file({**state, "classifier.weight": state["classifier.weight"][:, :4].contiguous()}, model)
    with pytest.raises(OwlbitError, match=r"expected the weights of the network in recipe\.toml, got others"):
        load_run(run)
    (run / "run.json").write_text("[")
    with pytest.raises(OwlbitError, match=r"run\.json: expected JSON as training writes it"):
        load_run(run)


def test_a_checkpoint_of_another_network_is_one_sentence(recipe: Recipe, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(TINY.replace("filters = 8\npool", "filters = 16\npool"))
    train(load_recipe(other), tmp_path / "other", console=quiet(), stop_after=1)
    (tmp_path / "run").mkdir()
    (tmp_path / "other" / "last.ckpt").rename(tmp_path / "run" / "last.ckpt")
    with pytest.raises(OwlbitError, match=r"last\.ckpt: expected the checkpoint of this recipe's network, got another's"):
        train(recipe, tmp_path / "run", console=quiet(), resume=True)


def test_only_a_run_is_overwritten_and_what_was_said_of_it_goes(recipe: Recipe, one_training: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model.onnx").write_text("mine")
    with pytest.raises(OwlbitError, match=r"run: expected a run to overwrite, found model\.onnx without run\.json; choose another"):
        train(recipe, tmp_path / "run", console=quiet(), overwrite=True)
    assert (tmp_path / "run" / "model.onnx").read_text() == "mine"
    (tmp_path / "run" / "model.onnx").unlink()
    shutil.copytree(one_training / "run", tmp_path / "run", dirs_exist_ok=True)
    (tmp_path / "run" / "verification.json").write_text("[]")  # of the network that goes
    train(recipe, tmp_path / "run", console=quiet(), stop_after=1, overwrite=True)
    assert not (tmp_path / "run" / "verification.json").exists()


@pytest.mark.usefixtures("trained")
def test_resuming_and_overwriting_at_once_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(OwlbitError, match="run: expected to resume the run or to overwrite it, got both"):
        train(recipe, tmp_path / "run", console=quiet(), resume=True, overwrite=True)
    assert (tmp_path / "run" / "last.ckpt").exists()


@pytest.mark.parametrize(
    ("text", "key"),
    [('from_run = "run"\n', "training.from_run"), ('[distillation]\nteacher = "run"\n', "distillation.teacher")],
)
@pytest.mark.usefixtures("trained")
def test_a_run_that_learns_from_itself_is_refused(recipe: Recipe, tmp_path: Path, text: str, key: str) -> None:
    again = tmp_path / "again.toml"
    again.write_text(TINY + text)
    with pytest.raises(OwlbitError, match=f"{key}: expected another run than the one to be trained"):
        train(load_recipe(again), tmp_path / "run", console=quiet(), overwrite=True)
    assert load_run(tmp_path / "run")
