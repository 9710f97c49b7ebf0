"""`owlbit check`: what a recipe costs and needs is known before training, without torch, and soon."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PIL import Image

import owlbit as api
from command_line import owlbit
from owlbit.export.network_cost import layer_costs
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.models.layer_table import Conv
from owlbit.toolchain.checks import epoch_time
from owlbit.toolchain.checks.check_recipe import check_recipe
from owlbit.toolchain.checks.targets import fit_up5k, network_of
from owlbit.toolchain.data.dataset import Dataset, Labelled
from owlbit.toolchain.data.load_dataset import load_dataset
from owlbit.toolchain.recipes.recipe import Recipe, load_recipe
from owlbit.toolchain.runs.durations import in_words
from tiny_recipe import recipe_for

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 2.0  # of processor time, at most
DOORS = """
name = "doors"
[data]
source = "folder"
path = "doors"
size = [48, 48]
colour = "gray"
test_share = 0.2
[input]
thresholds = 8
[[layers]]
kind = "conv"
filters = 64
pool = 2
[[layers]]
kind = "conv"
filters = 128
groups = 2
pool = 2
[[layers]]
kind = "conv"
filters = 128
groups = 2
shuffle = true
pool = 2
[training]
epochs = 60
"""


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe as in the tutorial, with pictures."""
    folder = tmp_path_factory.mktemp("doors")
    (folder / "doors.toml").write_text(DOORS)
    generator = np.random.default_rng(0)
    for name, count in (("closed", 12), ("open", 10)):
        (folder / "doors" / name).mkdir(parents=True)
        for index in range(count):
            pixels = generator.integers(0, 256, (60 + index, 80, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "doors" / name / f"{index}.jpg")
    return folder / "doors.toml"


def changed(recipe: Path, old: str, new: str) -> Path:
    text = recipe.read_text()
    assert old in text
    path = recipe.with_name("changed.toml")
    path.write_text(text.replace(old, new))
    return path


def in_a_new_process(*words: str) -> tuple[int, str, str, float]:
    """`owlbit` without torch: exit code, output, errors and seconds of processor time."""
    hide = "import sys; sys.modules.update(dict.fromkeys(('torch', 'lightning', 'brevitas')))"
    script = f"{hide}; from owlbit.toolchain.cli.app import main; sys.argv[1:] = {list(words)!r}; main()"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.returncode, done.stdout, done.stderr, seconds


def test_a_recipe_is_checked_without_torch_and_soon(doors: Path) -> None:
    code, out, err, seconds = in_a_new_process("check", str(doors))
    assert (code, err) == (0, "") and seconds < SECONDS
    network = network_of(load_recipe(doors), 2)
    program = compile_network(network)
    bits = sum(cost.weight_bits for cost in layer_costs(network))
    for expected in (f"{bits:,}", f"up5k: fits: {program.cycles_per_frame:,} cycles per frame", "finn: fits: ", "80x60 to 80x71"):
        assert expected in out
    assert re.search(r"closed +8 +2 +2 ", out) and re.search(r"open +7 +1 +2 ", out)
    assert "15 training, 3 validation and 4 test images of 2 classes; about " in out
    for region in program.regions:
        assert re.search(rf"{region.name} +{region.start:,} +{region.words:,} ", out)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('colour = "gray"', 'colour = "grey"', 'data.colour: expected one of "gray", "rgb", got the text "grey"'),
        ('path = "doors"', 'path = "windows"', "windows: expected a folder of class folders, found no such folder"),
        ("groups = 2", "groups = 3", "layers[1].groups: expected a divisor of the 64 input channels, got 3 groups"),
    ],
)
def test_what_is_wrong_is_told_before_torch_is_imported(doors: Path, tmp_path: Path, old: str, new: str, said: str) -> None:
    code, _, err, seconds = in_a_new_process("train", str(changed(doors, old, new)), "--out", str(tmp_path / "run"))
    # Without torch this package is what is missing, unless something else is told first.
    assert code == 2 and (said in err or "needs the Python package torch" in err) and seconds < SECONDS
    code, _, err, seconds = in_a_new_process("check", str(changed(doors, old, new)))
    assert code == 2 and said in err and seconds < SECONDS
    assert not (tmp_path / "run").exists()


def test_a_network_that_is_too_large_is_told_with_changes_that_make_it_fit(doors: Path) -> None:
    ended = owlbit("check", str(changed(doors, "size = [48, 48]", "size = [96, 96]")))
    assert ended.code == 1 and "up5k: does not fit" in ended.out
    assert "scores has 18,432 inputs per filter, inert ones included, 2,112 too many; 16,320 fit" in ended.out
    assert "fewer filters, 32, 64, 64 in place of 64, 128, 128: " in ended.out
    assert owlbit("check", str(doors.with_name("changed.toml")), "--target", "finn").code == 0
    assert owlbit("check", str(doors.with_name("changed.toml")), "--target", "ecp5-25f").code == 0
    refused = owlbit("check", str(doors), "--target", "ecp").err
    assert "expected one of up5k, ecp5-25f, ecp5-45f, ecp5-85f, finn, got 'ecp'" in refused


@pytest.mark.parametrize("size", [(96, 96), (128, 128), (160, 120)])
def test_each_change_that_is_named_makes_it_fit(doors: Path, size: tuple[int, int]) -> None:
    recipe = load_recipe(doors)
    large = replace(recipe, data=replace(recipe.data, size=size))
    row = fit_up5k(large, network_of(large, 2))
    assert not row.fits and row.advice
    fewer = next(words for words in row.advice if words.startswith("fewer filters"))
    numbers = [int(number) for number in re.findall(r"\d+", fewer.partition(" in place")[0])]
    layers = tuple(replace(cast(Conv, layer), filters=number) for layer, number in zip(large.layers, numbers, strict=True))
    cycles = compile_network(network_of(replace(large, layers=layers), 2)).cycles_per_frame
    assert f"{cycles:,} cycles per frame" in fewer


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("float_resnet18_cifar", "nothing is built from this network: the network of a paper"),
        ("digits_bit_planes", 'input.encoding = "bit-planes" reads the digits of pixels'),
    ],
)
def test_what_does_not_deploy_is_told(name: str, said: str) -> None:
    recipe = load_recipe(ROOT / "models" / "recipes" / f"{name}.toml")
    found = check_recipe(
        recipe, load_dataset(recipe.data, recipe.path.parent) if recipe.data.source == "digits" else no_images(recipe)
    )
    assert found.targets == () and any(said in warning for warning in found.warnings)


def test_uneven_classes_are_told(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path)
    with np.load(tmp_path / "images.npz") as arrays:
        labels = np.where(np.arange(80) < 5, 0, 1)
        np.savez(tmp_path / "images.npz", images=arrays["images"], labels=labels)
    assert 'class "1" has 64 training images, class "0" 4: accuracy' in owlbit("check", str(recipe.path)).out


def test_a_training_says_the_same_in_two_lines_first(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path)
    ended = owlbit("train", str(recipe.path), "--out", str(tmp_path / "run"))
    first, second, *_ = ended.out.splitlines()
    found = check_recipe(recipe, load_dataset(recipe.data, tmp_path))
    assert first == found.summary[0] and "frames/s at 24 MHz" in first
    assert second.startswith("68 training, 12 validation and 0 test images of 2 classes; about ")
    assert json.loads((tmp_path / "run" / "result.json").read_text())["weight_bits"] == layer_costs_of(recipe)


def no_images(recipe: Recipe) -> Dataset:
    """One black image of each of two classes."""
    images = Labelled(np.zeros((2, *recipe.input_shape), np.uint8), np.arange(2))
    return Dataset(images, images, None, ("a", "b"), images)


def layer_costs_of(recipe: Recipe) -> int:
    return sum(cost.weight_bits for cost in layer_costs(network_of(recipe, 2)))


def test_skipped_pictures_are_listed_in_the_run_and_stay_out_of_what_follows(doors: Path, tmp_path: Path) -> None:
    text = doors.read_text().replace("size = [48, 48]", "size = [8, 8]").replace("epochs = 60", "epochs = 1")
    (tmp_path / "doors.toml").write_text(text.replace('path = "doors"', f'path = "{doors.parent / "doors"}"'))
    bad = doors.parent / "doors" / "open" / "bad.jpg"
    bad.write_bytes(b"no picture")
    try:
        words = ["train", str(tmp_path / "doors.toml"), "--out", str(tmp_path / "run")]
        assert owlbit(*words).code == 2 and not (tmp_path / "run").exists()
        assert owlbit(*words, "--skip-bad").code == 0
        assert (tmp_path / "run" / "skipped.txt").read_text().startswith(f"{bad}: expected a picture, could not read it")
        assert owlbit("export", str(tmp_path / "run")).code == 0
        assert len(api.verify(tmp_path / "run", up_to="fast")) > 1
    finally:
        bad.unlink()


def test_times_grow_with_the_work_and_are_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epoch_time, "operations_per_second", lambda: 1e11)
    recipe = load_recipe(ROOT / "models" / "recipes" / "digits.toml")
    network = network_of(recipe, 10)
    times = [epoch_time.epoch_seconds(recipe, network, images) for images in (1000, 2000)]
    assert 1.9 < times[1] / times[0] < 2.1
    fast, halves = (replace(recipe, training=replace(recipe.training, precision=name)) for name in ("auto", "bfloat16"))
    of_form = {}
    for native in ("", "AVX512-BF16"):
        monkeypatch.setattr(epoch_time, "native_bfloat16", lambda native=native: native)
        of_form[native] = [epoch_time.epoch_seconds(each, network, 1000) for each in (fast, recipe, halves)]
    assert of_form[""] == sorted(of_form[""]) and of_form[""][2] > 4 * of_form[""][1]
    assert of_form["AVX512-BF16"][0] == of_form["AVX512-BF16"][2] < of_form["AVX512-BF16"][1] == of_form[""][1]
    words = [in_words(seconds) for seconds in (0.2, 99, 300, 7200)]
    assert words == ["1 s", "99 s", "5 min", "2 h"]
