"""A recipe with restarts: the bytes of trainings chained by hand, resumed anywhere, what is told, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.cli.train import tell_result
from owlbit.toolchain.deploy.export_run import export_run
from owlbit.toolchain.recipes.recipe import Recipe, load_recipe, with_data
from owlbit.toolchain.runs.run_folder import read_result, run_recipe
from owlbit.toolchain.training.timed.train_timed import check_timed
from owlbit.toolchain.training.train import train
from owlbit.toolchain.zoo.publish import publish_run
from tiny_recipe import TEACHER, quiet, recipe_for

SECOND = '[[restarts]]\ntraining = { epochs = 3, rate = 0.02, keep = "last" }\ndata = { validation = 0.3 }\n'
THIRD = "[[restarts]]\ntraining = { epochs = 2, seed = 1 }\n"


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def chained_by_hand(folder: Path, teacher: str) -> bytes:
    """Three recipes, the second and third with `from_run`."""
    recipe = recipe_for(folder, training=teacher)
    train(recipe, folder / "first", console=quiet())
    later = recipe.text.replace('"rgb"', '"rgb"\nvalidation = 0.3')
    later = later.replace("epochs = 4", "epochs = {}\nfrom_run = '{}'\nkeep = 'last'")
    for run, before, epochs, more in (("second", "first", 3, "rate = 0.02"), ("third", "second", 2, "rate = 0.02\nseed = 1")):
        (folder / "recipe.toml").write_text(later.format(epochs, before).replace("batch = 16", f"batch = 16\n{more}"))
        train(load_recipe(folder / "recipe.toml"), folder / run, console=quiet())
    return weights(folder / "third")


@pytest.mark.parametrize("teacher", ["", TEACHER], ids=["plain", "taught"])
def test_ends_in_the_bytes_of_recipes_chained_by_hand_wherever_it_was_stopped(tmp_path: Path, teacher: str) -> None:
    by_hand = chained_by_hand(tmp_path, teacher)
    recipe = recipe_for(tmp_path, training=teacher + SECOND + THIRD)
    train(recipe, tmp_path / "whole", console=quiet())
    assert weights(tmp_path / "whole") == by_hand
    for number, name in ((1, "first"), (2, "second")):
        assert weights(tmp_path / "whole" / f"training{number}") == weights(tmp_path / name)
    own = 2 if teacher else 0  # epochs of each training's own teacher
    for stop in (3, 4 + own, 5 + 2 * own, 8 + 3 * own, 20):
        ended = train(recipe, tmp_path / "parts", console=quiet(), resume=True, stop_after=stop)
        assert (ended is None) == (stop < 20)
    assert weights(tmp_path / "parts") == by_hand


@pytest.fixture
def run(tmp_path: Path) -> Path:
    train(recipe_for(tmp_path, training=SECOND), tmp_path / "run", console=quiet())
    return tmp_path / "run"


def test_the_run_says_what_each_training_gave(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result, first = read_result(run), read_result(run / "training1")
    assert result.epochs == 3 and len(result.earlier) == 1
    assert (result.earlier[0].epochs, result.earlier[0].validation_accuracy) == (4, first.validation_accuracy)
    tell_result(run, result)
    assert f"after 4 epochs {first.validation_accuracy:.2%}; then validation accuracy" in capsys.readouterr().out
    recipe, _, _ = run_recipe(run)
    assert (recipe.training.epochs, recipe.data.validation) == (3, 0.3)  # of the training that made the network
    earlier, _, _ = run_recipe(run / "training1")
    assert (earlier.training.epochs, earlier.data.validation, earlier.before) == (4, 0.15, ())


def test_earlier_trainings_do_not_look_at_the_test_images(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, training=SECOND)
    recipe.path.write_text(recipe.text.replace('"rgb"', '"rgb"\ntest_share = 0.2'))
    result = train(load_recipe(recipe.path), tmp_path / "run", console=quiet())
    assert result is not None and result.test_accuracy is not None
    assert read_result(tmp_path / "run" / "training1").test_accuracy is None


def test_the_card_counts_all_trainings(run: Path, tmp_path: Path) -> None:
    export_run(run)
    card = publish_run(run, "tiny", [], [], zoo=tmp_path / "zoo")
    assert (card.epochs, card.best_epoch) == (7, 6)
    assert card.notes[0].startswith("2 trainings, each from the weights of the one before: 4 and 3 epochs, validation accuracy ")


def test_overwriting_begins_with_the_first_training(run: Path) -> None:
    recipe = load_recipe(run.parent / "recipe.toml")
    with pytest.raises(OwlbitError, match="expected no earlier run"):
        train(recipe, run, console=quiet())
    (run / "training1" / "notes.txt").write_text("mine")
    plain = recipe_for(run.parent)
    train(plain, run, console=quiet(), overwrite=True)
    assert [path.name for path in (run / "training1").iterdir()] == ["notes.txt"]
    train(recipe_for(run.parent, training=SECOND), run, console=quiet(), overwrite=True)
    (run / "run.json").unlink()
    with pytest.raises(OwlbitError, match="expected a run to overwrite"):
        train(plain, run, console=quiet(), overwrite=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[[restarts]]\n[[restarts.layers]]\nkind = "conv"\nfilters = 4\n',
            "restarts[0].layers: expected no such key in a restart",
        ),
        ('[[restarts]]\ninput = { encoding = "uniform" }\n', "restarts[0].input: expected no such key in a restart"),
        (
            "[[restarts]]\ndata = { size = [16, 16] }\n",
            "restarts[0].data.size: expected no such key in a restart, which goes on with",
        ),
        ('[[restarts]]\ndata = { groups = { a = ["0"] } }\n', "restarts[0].data.groups: expected no such key in a restart"),
        ('[[restarts]]\ntraining = { from_run = "x" }\n', "restarts[0].training.from_run: expected no such key in a restart"),
        (
            SECOND + "[[restarts]]\ntraining = { epoch = 1 }\n",
            'restarts[1].training.epoch: expected a known key (did you mean "epochs"?)',
        ),
        ("[[restarts]]\ntraining = { epochs = 0 }\n", "restarts[0].training.epochs: expected 1 to 100000, got 0"),
        ("[[restarts]]\ntrainings = 1\n", "restarts[0].trainings: expected a known key"),
        ('[[restarts]]\ndistillation = "runs/a"\n', "restarts[0].distillation: expected a table, or false to leave it out"),
        ("[pruning]\ntarget_bits = 900\nsteps = 1\n" + SECOND, "restarts: expected no such tables beside [pruning]"),
    ],
)
def test_contradictions_are_refused_before_training(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OwlbitError) as error:
        recipe_for(tmp_path, training=text)
    assert message in str(error.value) and "\n" not in str(error.value)


def with_other_images(recipe: Recipe, tmp_path: Path, change: dict[str, object]) -> Recipe:
    with np.load(tmp_path / "images.npz") as arrays:
        np.savez(tmp_path / "others.npz", **{**arrays, **change})
    before = (replace(recipe.before[0], data=replace(recipe.before[0].data, path="others.npz")),)
    return replace(recipe, before=before)


def test_what_only_the_files_tell_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, training=SECOND)
    other = with_other_images(recipe, tmp_path, {"class_names": np.array(["top", "bottom"])})
    with pytest.raises(OwlbitError, match="restarts: expected images of the classes top, bottom, got 0, 1"):
        train(other, tmp_path / "run", console=quiet())
    absent = recipe_for(tmp_path, training='[[restarts]]\ndistillation = { teacher = "nowhere" }\n')
    with pytest.raises(OwlbitError, match="nowhere: expected a run folder"):
        train(absent, tmp_path / "run", console=quiet())
    inside = recipe_for(tmp_path, training='[[restarts]]\ndistillation = { teacher = "run/training1" }\n')
    with pytest.raises(OwlbitError, match=r"distillation\.teacher: expected another run than the one to be trained"):
        train(inside, tmp_path / "run", console=quiet())
    with pytest.raises(OwlbitError, match="restarts: expected no such tables with --minutes, got 1"):
        check_timed(recipe)
    assert not (tmp_path / "run").exists()


def test_paths_and_images_given_by_hand_reach_every_training(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, training=SECOND)
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "more.toml").write_text('extends = "../recipe.toml"\n')
    (tmp_path / "recipe.toml").write_text(recipe.text + '[[restarts]]\ndata = { path = "others.npz" }\n')
    later = load_recipe(tmp_path / "inner" / "more.toml")
    assert later.data.path == "../others.npz" and later.before[0].data.path == "../images.npz"
    moved = with_data(later, tmp_path / "images.npz")
    assert {each.data.path for each in (*moved.before, moved)} == {str(tmp_path / "images.npz")}
