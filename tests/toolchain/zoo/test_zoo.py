"""The zoo: every network is what its card says, in every simulator; publishing; names that are not there."""

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from owlbit.export.errors import OwlbitError
from owlbit.export.load_model import ONNX
from owlbit.export.network_cost import layer_costs, total_cost
from owlbit.export.qonnx.execute import execute_qonnx
from owlbit.export.qonnx.read import read_qonnx
from owlbit.hw.fast import simulate
from owlbit.hw.reference import simulate as simulate_plainly
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.toolchain.cli.app import app
from owlbit.toolchain.data.load_dataset import load_dataset
from owlbit.toolchain.deploy.export_run import export_run
from owlbit.toolchain.deploy.model_source import find_model
from owlbit.toolchain.recipes.recipe import load_recipe, with_data
from owlbit.toolchain.runs.run_folder import RECIPE
from owlbit.toolchain.runs.zoo_folder import CARD, ZOO, zoo_folder, zoo_names
from owlbit.toolchain.training.train import train
from owlbit.toolchain.zoo.card import PAGE, card_page, read_card, read_sample, sample_frames
from owlbit.toolchain.zoo.plot import draw_zoo
from owlbit.toolchain.zoo.publish import publish_run
from tiny_recipe import quiet, recipe_for

NAMES = zoo_names()


def test_there_are_networks() -> None:
    assert "digits" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_those_kept_in_every_simulator(name: str) -> None:
    folder = zoo_folder(name)
    network = read_qonnx(folder / ONNX)
    frames = sample_frames(network)
    scores, _ = read_sample(folder)
    np.testing.assert_array_equal(simulate(network, frames), scores)
    np.testing.assert_array_equal(simulate_plainly(network, frames[:4]), scores[:4])
    np.testing.assert_array_equal(execute_qonnx(folder / ONNX, frames[:2]), scores[:2])


@pytest.mark.parametrize("name", NAMES)
def test_the_card_is_true(name: str) -> None:
    folder = zoo_folder(name)
    card, network = read_card(folder), read_qonnx(folder / ONNX)
    total = total_cost(layer_costs(network))
    assert (card.weight_bits, card.macs) == (total.weight_bits, total.macs)
    if card.cycles is not None:
        assert compile_network(network).cycles_per_frame == card.cycles
    assert (folder / PAGE).read_text(encoding="utf-8") == card_page(card)
    assert (folder / ONNX).stat().st_size == card.onnx_bytes < 400_000
    assert sum(path.stat().st_size for path in folder.iterdir()) < 600_000
    assert load_recipe(folder / RECIPE).input_shape == tuple(card.image) == network.input_shape
    assert list(network.class_names) == card.class_names


def local_copy(name: str) -> Path | None:
    """Of a network's data set, from $OWLBIT_DATA/NAME_OF_SET; None where there is none."""
    place = Path(os.environ.get("OWLBIT_DATA", "nowhere")) / read_card(zoo_folder(name)).data
    return place if place.exists() else None


@pytest.mark.parametrize("name", NAMES)
def test_the_accuracy_is_what_the_fast_simulator_gives(name: str) -> None:
    folder = zoo_folder(name)
    card, recipe = read_card(folder), load_recipe(folder / RECIPE)
    if recipe.data.source != "digits":
        place = local_copy(name)
        if place is None:
            pytest.skip(f"needs $OWLBIT_DATA/{card.data}, a local copy of the data set")
        recipe = with_data(recipe, place)
    test = load_dataset(recipe.data, folder).test
    assert test is not None and len(test) == card.test_images
    classes = simulate(read_qonnx(folder / ONNX), test.images).argmax(1)
    np.testing.assert_array_equal(classes, read_sample(folder)[1])
    assert float((classes == test.labels).mean()) == card.test_accuracy


def test_publishing_makes_a_folder_that_holds_what_the_run_was(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path)
    recipe.path.write_text(recipe.text.replace('"rgb"', '"rgb"\ntest_share = 0.2'))
    train(load_recipe(recipe.path), tmp_path / "run", console=quiet())
    with pytest.raises(OwlbitError, match=r"run: expected network\.npz, found none; run `owlbit export"):
        publish_run(tmp_path / "run", "tiny", [], [], zoo=tmp_path / "zoo")
    export_run(tmp_path / "run")
    card = publish_run(tmp_path / "run", "tiny", ["owlbit train recipe.toml"], ["small"], zoo=tmp_path / "zoo")
    assert zoo_names(tmp_path / "zoo") == ["tiny"] and read_card(tmp_path / "zoo" / "tiny") == card
    assert {path.name for path in (tmp_path / "zoo").iterdir()} == {"tiny"}
    page = (tmp_path / "zoo" / "tiny" / PAGE).read_text()
    assert "owlbit train recipe.toml" in page and "* small" in page and f"{card.test_accuracy:.2%}" in page
    with pytest.raises(OwlbitError, match=r"tiny: expected no such folder yet; give --overwrite"):
        publish_run(tmp_path / "run", "tiny", [], [], zoo=tmp_path / "zoo")
    publish_run(tmp_path / "run", "tiny", [], [], zoo=tmp_path / "zoo", overwrite=True)
    kept = read_card(tmp_path / "zoo" / "tiny")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    (tmp_path / "run" / "result.json").write_text(json.dumps({**result, "test_accuracy": 0.123}))
    with pytest.raises(OwlbitError, match=r"expected the accuracy that training stated, 12\.3000%, got"):
        publish_run(tmp_path / "run", "tiny", [], [], zoo=tmp_path / "zoo", overwrite=True)
    assert read_card(tmp_path / "zoo" / "tiny") == kept


def test_a_damaged_card_is_named(tmp_path: Path) -> None:
    shutil.copytree(ZOO / "digits", tmp_path / "digits")
    content = asdict(read_card(tmp_path / "digits"))
    without = {key: value for key, value in content.items() if key != "macs"}
    for written, why in (
        (json.dumps(without), "macs: expected an integer, got no such key"),
        (json.dumps({**content, "image": ["1", 2, 3]}), r'image\[0\]: expected an integer, got the text "1"'),
        (json.dumps({**content, "cycles": "many"}), 'cycles: expected an integer, got the text "many"'),
        (json.dumps({**content, "cycle": 3}), r'cycle: expected a known key \(did you mean "cycles"\?\)'),
        (json.dumps([content]), "expected an object, got the list"),
        ("{", "no JSON: EOF"),
    ):
        (tmp_path / "digits" / CARD).write_text(written)
        with pytest.raises(OwlbitError, match=rf"card\.json: expected a card as .*, could not read it \({why}"):
            read_card(tmp_path / "digits")


def test_the_command_lists_shows_and_resolves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = CliRunner()
    listed = runner.invoke(app, ["zoo"], env={"COLUMNS": "140"})
    assert listed.exit_code == 0 and all(name in listed.output for name in NAMES)
    shown = runner.invoke(app, ["zoo", "show", "digits"])
    assert shown.exit_code == 0 and shown.output.startswith("# digits\n")
    unknown = runner.invoke(app, ["zoo", "show", "digit"])
    assert unknown.exit_code == 2 and 'did you mean "digits"?' in unknown.output
    assert find_model("zoo:digits").onnx == ZOO / "digits" / ONNX
    assert find_model("zoo:digits").build_folder("up5k") == Path("runs/digits/up5k")
    monkeypatch.chdir(tmp_path)
    np.save("frames.npy", sample_frames(read_qonnx(ZOO / "digits" / ONNX)))
    simulated = runner.invoke(app, ["simulate", "zoo:digits", "--images", "frames.npy", "--scores", "scores.npy"])
    assert simulated.exit_code == 0, simulated.output
    np.testing.assert_array_equal(np.load("scores.npy"), read_sample(ZOO / "digits")[0])
    built = runner.invoke(app, ["build", "zoo:digits"])
    assert built.exit_code == 0 and Path("runs/digits/up5k/flash.bin").is_file()


def test_the_plot_shows_every_network(tmp_path: Path) -> None:
    runner = CliRunner()
    drawn = runner.invoke(app, ["zoo", "plot", str(tmp_path / "zoo.png")])
    assert drawn.exit_code == 0, drawn.output
    with Image.open(tmp_path / "zoo.png") as opened:
        everything = np.asarray(opened.convert("RGB"))
    draw_zoo([read_card(zoo_folder("digits"))], tmp_path / "one.png")
    with Image.open(tmp_path / "one.png") as opened:
        one = np.asarray(opened.convert("RGB"))
    for ink, there in (((0x2F, 0x66, 0x90), True), ((0xC8, 0x55, 0x3D), False)):  # of a first and of a second task
        assert (everything == ink).all(-1).any()
        assert (one == ink).all(-1).any() == there
    folder = runner.invoke(app, ["zoo", "plot", str(tmp_path)])
    assert folder.exit_code == 2 and "expected a file to write, found a folder" in folder.output
