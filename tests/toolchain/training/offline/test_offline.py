"""Training on a machine without network: what is packed, what is refused, and a run that comes back."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from command_line import owlbit
from installing import borrowing_environment, clean_environment
from owlbit.export.errors import OwlbitError
from owlbit.hw.fast import simulate
from owlbit.toolchain.deploy.export_run import export_run
from owlbit.toolchain.recipes.recipe import Recipe, load_recipe
from owlbit.toolchain.runs.run_folder import RunError
from owlbit.toolchain.training.offline import there
from owlbit.toolchain.training.offline.adopt import adopt_run
from owlbit.toolchain.training.offline.pack import pack_training

STUDENT = """
[data]
source = "npz"
path = "here.npz"
size = [8, 9]
colour = "{colour}"
test_share = 0.2
flip = true
shift = 1
[input]
thresholds = 4
[[layers]]
kind = "conv"
filters = 8
pool = 2
[training]
batch = 16
rate = 0.02
estimator = "triangular"
precision = "bfloat16"
[distillation]
teacher = "{teacher}"
"""


def recipes(folder: Path, colour: str = "gray", teacher: str = "../anywhere/teacher") -> list[Recipe]:
    """A teacher and its student in `folder`, on 150 images with a bright upper or lower half."""
    generator = np.random.default_rng(0)
    labels = np.arange(150) % 2
    images = generator.integers(0, 120, (150, 3 if colour == "rgb" else 1, 8, 9), dtype=np.uint8)
    for image, label in zip(images, labels.tolist(), strict=True):
        image[:, 4 * label : 4 * label + 4] += 100
    np.savez(folder / "here.npz", images=images, labels=labels, class_names=["upper", "lower"])
    text = STUDENT.format(colour=colour, teacher=teacher)
    (folder / "student.toml").write_text(text)
    (folder / "teacher.toml").write_text(text.split("[distillation]")[0])
    return [load_recipe(folder / f"{name}.toml") for name in ("teacher", "student")]


@pytest.mark.parametrize("colour", ["gray", "rgb"])
def test_images_come_out_of_the_pages_as_they_went_in(tmp_path: Path, colour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("owlbit.toolchain.training.offline.pack.PAGE_SIDE", 32)
    monkeypatch.setattr("owlbit.toolchain.training.offline.pack._wheels", lambda *_: None)
    packed = pack_training(recipes(tmp_path, colour), tmp_path / "packed", 6000)
    assert packed.recipes == ("teacher", "student") and len(packed.parts) > 2
    assert all(size <= 6000 for _, size in packed.parts)
    folder = tmp_path / "one"
    for part, size in packed.parts:
        assert sum(file.stat().st_size for file in part.iterdir()) == size
        shutil.copytree(part, folder, dirs_exist_ok=True)
    plan = json.loads((folder / "plan.json").read_text())
    [(name, facts)] = plan["sets"].items()  # both recipes read the same images
    there.join_pages(folder, name, facts)
    with np.load(tmp_path / "here.npz") as before, np.load(folder / f"{name}.npz") as after:
        for key in ("images", "labels", "class_names"):
            np.testing.assert_array_equal(before[key], after[key])
    moved = load_recipe(folder / "student.toml")
    assert moved.data.path == f"../{name}.npz" and moved.distillation is not None
    assert moved.distillation.teacher == "../runs/teacher"


def test_what_cannot_be_packed_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    teacher, student = recipes(tmp_path)
    with pytest.raises(OwlbitError, match=r"distillation\.teacher: expected the run of a recipe that is packed before this one"):
        pack_training([student, teacher], tmp_path / "packed", wheels=())
    with pytest.raises(OwlbitError, match="expected recipes of different names, got teacher, teacher"):
        pack_training([teacher, teacher], tmp_path / "packed", wheels=())
    with pytest.raises(OwlbitError, match="expected files of at most 100 bytes"):
        pack_training([teacher], tmp_path / "packed", 100, wheels=())
    assert not (tmp_path / "packed").exists()
    (tmp_path / "packed").mkdir()
    with pytest.raises(OwlbitError, match="expected no such folder yet"):
        pack_training([teacher], tmp_path / "packed", wheels=())


def test_the_script_wants_minutes_for_each_recipe(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps({"recipes": ["a", "b"], "sets": {}, "options": []}))
    done = subprocess.run(
        [sys.executable, there.__file__, tmp_path, tmp_path / "out", "1"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "expected minutes for a, b, got 1 numbers" in done.stderr


def test_the_script_names_what_the_other_machine_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plan.json").write_text(json.dumps({"recipes": ["a"], "sets": {}, "options": []}))
    assert there.missing() == []
    monkeypatch.setattr(there, "NEEDED", ("torch", "a_package_that_is_not_there"))
    monkeypatch.setattr(sys, "argv", ["there.py", str(tmp_path), str(tmp_path / "out"), "1"])
    assert there.main() == 2
    assert (
        "expected the packages torch, a_package_that_is_not_there, found no a_package_that_is_not_there" in capsys.readouterr().err
    )


# A machine that has what there.py asks for and what the pack brings, and none of owlbit's other dependencies.
BARE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in {"brevitas", "jinja2", "lightning", "onnxscript", "onnx_ir", "qonnx", "urllib3"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
"""


@pytest.mark.slow
def test_a_run_goes_there_and_comes_back(tmp_path: Path) -> None:
    both = recipes(tmp_path)
    packed = pack_training(both, tmp_path / "packed", wheels=(), options=("--no-compile",))
    folder = tmp_path / "other machine"
    for part, _ in packed.parts:
        shutil.copytree(part, folder, dirs_exist_ok=True)
    python = borrowing_environment(tmp_path / "environment")
    command = [str(python), *map(str, (folder / "there.py", folder, tmp_path / "back")), "0.3", "0.3"]
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "sitecustomize.py").write_text(BARE)
    environment = clean_environment(tmp_path / "cache") | {"PYTHONPATH": str(tmp_path / "bare")}
    subprocess.run(command, check=True, cwd=folder, env=environment)
    result = adopt_run(tmp_path / "back" / "student", both[1], tmp_path / "run", Console(file=io.StringIO()))
    assert result.test_images == 30 and result.test_accuracy is not None and result.test_accuracy > 0.9
    network = export_run(tmp_path / "run")
    with np.load(tmp_path / "here.npz") as arrays:
        assert (simulate(network, arrays["images"]).argmax(1) == arrays["labels"]).mean() > 0.9
    assert (tmp_path / "run" / "recipe.toml").read_text() == both[1].text
    with pytest.raises(RunError, match=r"expected the recipe .*teacher\.toml as it was packed, got another distillation"):
        adopt_run(tmp_path / "back" / "student", both[0], tmp_path / "other", Console(file=io.StringIO()))


def test_adopting_what_is_no_run_is_one_sentence(tmp_path: Path) -> None:
    recipes(tmp_path)
    done = owlbit("adopt", str(tmp_path / "nowhere"), str(tmp_path / "student.toml"), "--out", str(tmp_path / "run"))
    assert done.code == 2 and "expected a run folder, found no such folder" in done.err
    done = owlbit("adopt", str(tmp_path / "run"), str(tmp_path / "student.toml"), "--out", str(tmp_path / "run"))
    assert done.code == 2 and "expected another folder than that of the run" in done.err
