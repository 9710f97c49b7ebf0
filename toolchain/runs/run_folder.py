"""A run folder: what training leaves behind and under which names. Imports no torch; `weights` beside it reads the weights.

recipe.toml           the recipe, word for word
run.json              class names, the folder that the recipe's paths are relative to, where the images were, the processor and
                      the arithmetic
skipped.txt           the pictures that were left out because they cannot be read, with --skip-bad
last.ckpt             the state after the last finished epoch, to resume from
history.json          one record per epoch, see `owlbit.toolchain.runs.history`
teacher.*             checkpoint, history and weights of the float teacher, where the recipe has one
stage*.safetensors    the weights at the end of a stage that teaches the next
model.safetensors     the weights of the best epoch; there once training has finished, like the two below
learning_curve.png
result.json           best epoch, accuracies, thresholds; of a recipe with restarts also what each training before gave
training1/, ...       the trainings before the last, where the recipe has restarts: each a run folder of its own, without a look at
                      the test images
timed.json            steps, images/s and device of a training for a fixed time
model.onnx, network.npz   after the export
verification.*, report.html   of `owlbit verify` and `owlbit report`
.training.lock        while a training runs: its process
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, with_config

from owlbit.export.errors import OwlbitError
from owlbit.export.files import make_folder, write_text
from owlbit.export.load_model import NETWORK, ONNX
from owlbit.export.settings import read_json
from owlbit.toolchain.recipes.recipe import Recipe, load_recipe
from owlbit.toolchain.runs.processor import processor
from owlbit.toolchain.runs.run_lock import clear_unfinished, lock_run

RECIPE, RUN, CHECKPOINT, HISTORY = "recipe.toml", "run.json", "last.ckpt", "history.json"
SKIPPED = "skipped.txt"
MODEL, CURVE, RESULT = "model.safetensors", "learning_curve.png", "result.json"
STAGE = "stage{}.safetensors"
EARLIER = "training{}"  # the folder of a training before the last
TIMED = "timed.json"
PROCESSOR = "the processor"  # what timed.json calls the device where there is no GPU
TEACHER, TEACHER_CHECKPOINT, TEACHER_HISTORY = "teacher.safetensors", "teacher.ckpt", "teacher.json"
REPORT, VERIFICATION, VERIFICATION_TABLE = "report.html", "verification.json", "verification.txt"

# All files that a run folder may hold.
_KNOWN = (
    RECIPE,
    CHECKPOINT,
    HISTORY,
    MODEL,
    CURVE,
    RESULT,
    TIMED,
    SKIPPED,
    ONNX,
    NETWORK,
    TEACHER,
    TEACHER_CHECKPOINT,
    TEACHER_HISTORY,
    *(STAGE.format(number) for number in (1, 2)),
    REPORT,
    VERIFICATION,
    VERIFICATION_TABLE,
    RUN,  # last: as long as it is there, the others are known to be a run's
)

T = TypeVar("T")


class RunError(OwlbitError):
    """A run folder that cannot be written to or read from."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class RunFacts:
    """run.json: the names of the classes, the folder that the recipe's paths are relative to, where the images were, as --data
    gave it, which the recipe's text does not know, the processor that the training began on, and what precision = "auto" stands
    for in it, both "" where they were not recorded, and whether pictures that cannot be read are left out (--skip-bad)."""

    class_names: list[str]
    data_folder: str
    data_path: str | None = None
    processor: str = ""
    automatic_precision: str = ""
    skip_bad: bool = False


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class EarlierTraining:
    """How a training that a restart went on from ended; the fields as in `Result`."""

    best_epoch: int
    epochs: int
    validation_accuracy: float
    seconds: float


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class Result:
    """How a training ended, as in result.json. Accuracies are shares 0..1; `test_accuracy` is None without test images.

    `best_epoch`: from 0; `seconds`: in epochs, over all resumptions; `weight_bits`: binary weights of the network; `earlier`: the
    trainings before, where the recipe has restarts; the other fields are of the last one.
    """

    best_epoch: int
    epochs: int
    validation_accuracy: float
    test_accuracy: float | None
    test_images: int
    seconds: float
    weight_bits: int
    thresholds: list[list[int]]
    earlier: list[EarlierTraining] = field(default_factory=list)

    @property
    def accuracy(self) -> float:
        """Of the test images, or of those held out for validation where there are none."""
        return self.validation_accuracy if self.test_accuracy is None else self.test_accuracy


def earlier_files(folder: Path, *, resume: bool, overwrite: bool) -> list[str]:
    """The names of the files that a run has left in `folder`.

    Raises RunError where there are some and neither flag is set, where both are, or with `overwrite` files that are no run's.
    """
    if resume and overwrite:
        raise RunError(f"{folder}: expected to resume the run or to overwrite it, got both; choose one")
    found = [name for name in _KNOWN if (folder / name).exists()]
    first = [*found, *(each.name for each in _earlier_trainings(folder))][:1]
    if first and not resume:
        if not overwrite:
            raise RunError(f"{folder}: expected no earlier run, found {first[0]}; resume it, overwrite it or choose another folder")
        if RUN not in found:
            raise RunError(f"{folder}: expected a run to overwrite, found {first[0]} without {RUN}; choose another folder")
    return found


def start_run(
    folder: Path,
    recipe: Recipe,
    class_names: tuple[str, ...],
    *,
    resume: bool,
    overwrite: bool,
    skipped: Sequence[str] = (),
    automatic_precision: str = "",
) -> None:
    """Makes `folder` ready for training `recipe`.

    `skipped`: a line for each picture that is left out; `automatic_precision`: what precision = "auto" stands for here; a run that
    is resumed keeps its own, and its processor. Raises RunError where `earlier_files` does, or where the folder holds another
    recipe's run, and LockedRunError where another process trains there.
    """
    make_folder(folder)
    lock_run(folder)
    clear_unfinished(folder, _KNOWN)
    found = earlier_files(folder, resume=resume, overwrite=overwrite)
    if not resume:
        for each in _earlier_trainings(folder):
            _remove(each, [name for name in _KNOWN if (each / name).exists()])
            with contextlib.suppress(OSError):  # it holds files that are no run's
                each.rmdir()
        _remove(folder, found)
    before = read_facts(folder) if resume and RUN in found else None
    if resume and RECIPE in found:
        if (folder / RECIPE).read_text(encoding="utf-8") != recipe.text:
            raise RunError(f"{folder / RECIPE}: expected the recipe that this run began with, got another; choose another folder")
        if before is not None and before.class_names != list(class_names):
            raise RunError(f"{folder / RUN}: expected the classes that this run began with, got others; choose another folder")
    facts = RunFacts(
        class_names=list(class_names),
        data_folder=str(recipe.path.parent.resolve()),
        data_path=recipe.data.path,
        processor=(before and before.processor) or processor(),
        automatic_precision=(before and before.automatic_precision) or automatic_precision,
        skip_bad=recipe.data.skip_bad,
    )
    write_json(folder / RUN, asdict(facts))
    if skipped:
        write_text(folder / SKIPPED, "\n".join(skipped) + "\n")
    write_text(folder / RECIPE, recipe.text)


def _earlier_trainings(folder: Path) -> list[Path]:
    """The folders of trainings before the last that a run has left in `folder`."""
    return sorted(path.parent for path in folder.glob(f"{EARLIER.format('*')}/{RUN}"))


def _remove(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / name).unlink()


def write_json(path: Path, content: Any) -> None:
    """Writes `content` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(content, indent=1) + "\n")


def _read(kind: type[T], path: Path, wanted: str, advice: str) -> T:
    """The JSON file `path` as a `kind`; RunError, with `wanted` and `advice`, where it is missing or no such thing."""
    try:
        return read_json(kind, path)
    except FileNotFoundError:
        raise RunError(f"{path}: expected the file that training writes, found none; train first") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: expected {wanted} ({error}); {advice}") from None


def read_result(folder: Path) -> Result:
    """How the run in `folder` ended; RunError where it has not finished, or the file is not what training writes."""
    return _read(Result, folder / RESULT, "the figures that training writes, got others", "overwrite the run")


def run_recipe(folder: Path) -> tuple[Recipe, tuple[str, ...], Path]:
    """(recipe, class names, folder that its data paths are relative to) of the run in `folder`. Raises RunError."""
    if not folder.is_dir():
        raise RunError(f"{folder}: expected a run folder, found {'a file' if folder.exists() else 'no such folder'}; train first")
    facts = read_facts(folder)
    recipe = load_recipe(folder / RECIPE)
    path = recipe.data.path if facts.data_path is None else facts.data_path
    data = replace(recipe.data, path=path, skip_bad=recipe.data.skip_bad or facts.skip_bad)
    return replace(recipe, data=data), tuple(facts.class_names), Path(facts.data_folder)


def read_facts(folder: Path) -> RunFacts:
    """What run.json in `folder` says. Raises RunError where it is missing or damaged."""
    return _read(RunFacts, folder / RUN, "JSON as training writes it, could not read it", "train again")


@with_config(ConfigDict(extra="ignore"))
@dataclass(frozen=True)
class _Timed:
    """What is asked of timed.json."""

    device: str = ""


def trained_on(folder: Path) -> str:
    """The device that the run in `folder` was trained on: a GPU's name or the processor; "not recorded" where no file tells."""
    try:
        device = read_json(_Timed, folder / TIMED).device
    except (OSError, ValueError):
        device = ""
    return device if device not in ("", PROCESSOR) else read_facts(folder).processor or "not recorded"
