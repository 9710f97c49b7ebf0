"""`owlbit evaluate`: accuracy with its interval, the confusion matrix, the worst images, as tables, rows, JSON and CSV."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import owlbit as api
from command_line import owlbit
from owlbit.export.errors import OwlbitError
from owlbit.toolchain.data.digits import held_out_frames
from owlbit.toolchain.deploy.evaluate import wilson_interval


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 test frames of the digits as pictures in class folders, below test/ of a folder that is split."""
    root = tmp_path_factory.mktemp("digits")
    frames = held_out_frames((16, 16))
    for index in range(60):
        folder = root / "test" / str(frames.labels[index])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(frames.images[index, 0]).save(folder / f"{index}.png")
        (root / "train" / str(frames.labels[index])).mkdir(parents=True, exist_ok=True)
    return root


@pytest.mark.parametrize(
    ("right", "images", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962), (1, 1, 0.2065, 1.0), (1943, 2000, 0.9633, 0.9779)],
)
def test_wilsons_interval(right: int, images: int, low: float, high: float) -> None:
    """Against values of tables of the score interval; each end is where the share is 1.96 deviations from what was found."""
    found = wilson_interval(right, images)
    assert found == pytest.approx((low, high), abs=5e-5)
    for end in found:
        if 1e-9 < end < 1 - 1e-9:
            assert abs(right / images - end) == pytest.approx(1.959964 * (end * (1 - end) / images) ** 0.5, rel=1e-5)


def test_an_evaluation_counts_what_the_scores_say(digits: Path) -> None:
    found = api.evaluate("zoo:digits", digits / "test")
    images = api.load_images(digits / "test", "zoo:digits")
    scores = api.simulate("zoo:digits", images)
    labels = np.array([int(name.split("/")[0]) for name in found.names])
    np.testing.assert_array_equal(found.scores, scores)
    expected = np.zeros((10, 10), np.int64)
    for label, said in zip(labels, scores.argmax(1), strict=True):
        expected[label, said] += 1
    np.testing.assert_array_equal(found.confusion, expected)
    assert found.images == 60 and found.right == int((scores.argmax(1) == labels).sum())
    margins = [each.margin for each in found.wrong]
    assert margins == sorted(margins, reverse=True) and len(margins) == 60 - found.right
    for each in found.wrong:
        index = found.names.index(each.name)
        assert each.margin == scores[index].max() - scores[index, labels[index]] and each.label == str(labels[index])


def test_of_a_split_folder_the_test_pictures_are_taken(digits: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert api.evaluate("zoo:digits", digits).images == 60
    assert f"{digits}: evaluated on test/, as it is split" in caplog.text


def test_output_as_rows_json_and_one_line(digits: Path, tmp_path: Path) -> None:
    found = api.evaluate("zoo:digits", digits / "test")
    words = ["evaluate", "zoo:digits", "--images", str(digits / "test")]
    plain = owlbit(*words)
    assert plain.code == 0 and plain.out.startswith(
        f"accuracy {found.accuracy:.2%}, {found.right} of 60 images; with 95 % confidence"
    )
    lines = plain.out.splitlines()
    assert lines[1].split("\t") == ["true class", *"0123456789"]
    assert [row.split("\t") for row in lines[2:12]] == [[str(label), *map(str, row)] for label, row in enumerate(found.confusion)]
    assert len(lines) == 13 + len(found.wrong)
    assert owlbit(*words, "--quiet").out == lines[0] + "\n"
    assert json.loads(owlbit(*words, "--json").out) == json.loads(json.dumps(found.as_json()))
    assert owlbit(*words, "--quiet", "--scores", str(tmp_path / "scores.csv")).code == 0
    with (tmp_path / "scores.csv").open(newline="") as file:
        table = list(csv.reader(file))
    assert table[0] == ["image", "class", *"0123456789"]
    assert [row[0] for row in table[1:]] == list(found.names)
    np.testing.assert_array_equal(np.array([row[2:] for row in table[1:]], np.int32), found.scores)
    assert [row[1] for row in table[1:]] == [str(label) for label in found.scores.argmax(1)]


def test_simulate_writes_csv_json_rows_or_nothing(digits: Path, tmp_path: Path) -> None:
    folder = digits / "test" / "3"
    scores, names = api.simulate("zoo:digits", str(folder)), sorted(file.name for file in folder.iterdir())
    words = ["simulate", "zoo:digits", "--images", str(folder)]
    rows = [row.split("\t") for row in owlbit(*words).out.splitlines()]
    assert rows[0] == ["image", "class", *"0123456789"] and [row[0] for row in rows[1:]] == names
    np.testing.assert_array_equal(np.array([row[2:] for row in rows[1:]], np.int32), scores)
    content = json.loads(owlbit(*words, "--json").out)
    assert [row["scores"] for row in content["images"]] == scores.tolist() and content["cycles_per_frame"] is None
    assert owlbit(*words, "--quiet", "--scores", str(tmp_path / "scores.CSV")) == (0, "", "")
    assert (tmp_path / "scores.CSV").read_text().splitlines() == [",".join(row) for row in rows]


def test_arrays_with_labels(tmp_path: Path, digits: Path) -> None:
    found = api.evaluate("zoo:digits", digits / "test")
    images = api.load_images(digits / "test", "zoo:digits")
    labels = np.array([int(name.split("/")[0]) for name in found.names])
    np.savez(tmp_path / "a.npz", images=images, labels=labels)
    np.savez(tmp_path / "b.npz", images=images, labels=9 - labels, class_names=np.array([*"9876543210"]))
    for name in ("a.npz", "b.npz"):
        np.testing.assert_array_equal(api.evaluate("zoo:digits", tmp_path / name).confusion, found.confusion)
    np.savez(tmp_path / "c.npz", images=images, labels=labels, class_names=np.array([*"012345678x"]))
    with pytest.raises(OwlbitError, match=r"c\.npz: expected the classes of the network, 0, 1, .*, got x too"):
        api.evaluate("zoo:digits", tmp_path / "c.npz")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        ("", "no such file or folder; expected a folder of class folders, or an .npz with images and labels"),
        ("cat/x.png", "expected the classes of the network, 0, 1, 2, 3, 4, 5, 6, 7, got cat too"),
        ("x.png", "expected a folder for each class, found none"),
        ("3/notes.txt", "expected pictures in its class folders, found none"),
    ],
)
def test_what_cannot_be_evaluated_is_told(tmp_path: Path, make: str, said: str) -> None:
    folder = tmp_path / "set"
    if make:
        (folder / make).parent.mkdir(parents=True)
        Image.new("L", (16, 16)).save(folder / make, format="PNG")
        if make.endswith(".txt"):
            (folder / make).write_text("no picture")
    ended = owlbit("evaluate", "zoo:digits", "--images", str(folder))
    assert ended.code == 2 and said in ended.err


def test_a_run_is_evaluated_on_its_own_images(trained: Path) -> None:
    assert owlbit("export", str(trained / "run")).code == 0
    found = api.evaluate(trained / "run")
    result = json.loads((trained / "run" / "result.json").read_text())
    assert found.accuracy == pytest.approx(result["validation_accuracy"]) and found.images == 12
    ended = owlbit("evaluate", "zoo:digits")
    assert ended.code == 2 and "zoo:digits: expected --images, a folder of class folders or an .npz" in ended.err
