"""What a training says while it runs, and the loggers that get its figures too."""

from __future__ import annotations

import csv
import re
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from command_line import owlbit
from owlbit.export.errors import OwlbitError
from owlbit.toolchain.runs.history import EpochRecord, read_history
from owlbit.toolchain.training import loggers
from owlbit.toolchain.training.callbacks import EpochBar
from owlbit.toolchain.training.module import PhaseModule, Progress
from owlbit.toolchain.training.train import train
from tiny_recipe import quiet, recipe_for


class SlowModule:
    """Stands for a `PhaseModule` of 10 steps an epoch."""

    steps = 10

    def __init__(self) -> None:
        self.epoch, self.progress = 0, Progress()


def said_by_a_training(epochs: int, seconds: float) -> list[tuple[float, str]]:
    """(second, line) of all that a training without a terminal prints, each step of which takes so long."""
    now, module, file = [0.0], SlowModule(), StringIO()
    console = Console(file=file, width=200)
    bar = EpochBar(cast(PhaseModule, module), console, epochs, label="", prefix="", images=64, clock=lambda: now[0])
    lines: list[tuple[float, str]] = []

    def note() -> None:
        lines.extend((now[0], line) for line in file.getvalue().splitlines())
        file.seek(0)
        file.truncate()

    nothing: Any = None
    bar.on_train_start(nothing, nothing)
    for module.epoch in range(epochs):
        bar.on_train_epoch_start(nothing, nothing)
        for index in range(module.steps):
            now[0] += seconds
            bar.on_train_batch_end(nothing, nothing, nothing, nothing, index)
            note()
        module.progress.history.append(EpochRecord(module.epoch, 1, 0.5, 0.5, 0.5, 0.5, 0.0, [[1]], 10 * seconds))
        bar.on_train_epoch_end(nothing, nothing)
        note()
    bar.teardown(nothing, nothing, "fit")
    return lines


def test_a_long_training_in_a_file_says_something_every_minute() -> None:
    lines = said_by_a_training(60, 20.0)
    times = [0.0, *(second for second, _ in lines)]
    assert max(after - before for before, after in pairwise(times)) <= loggers_silence() + 20
    assert lines[0][1] == "epoch 1 of 60, batch 3 of 10: 3 images/s, about 3 h left"
    assert any(
        re.match(r"epoch 6 of 60: loss 0\.500  validation 50\.0%  .*  3 images/s, about 3 h left", line) for _, line in lines
    )


def loggers_silence() -> float:
    from owlbit.toolchain.training.callbacks import SILENCE

    assert SILENCE == 60
    return SILENCE


def test_a_short_training_says_ten_lines() -> None:
    lines = [line for _, line in said_by_a_training(60, 0.01)]
    assert [line.split(":")[0] for line in lines] == [f"epoch {6 * tenth} of 60" for tenth in range(1, 11)]
    assert "6,400 images/s" in lines[0] and "left" not in lines[-1]


def test_the_csv_logger_has_the_record_of_every_epoch_after_a_resume_too(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path)
    assert train(recipe, tmp_path / "run", console=quiet(), stop_after=2, logger="csv") is None
    train(recipe, tmp_path / "run", console=quiet(), resume=True, logger="csv")
    with (tmp_path / "run" / "logs" / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    history = read_history(tmp_path / "run" / "history.json")
    assert [(int(row["step"]), float(row["validation_accuracy"])) for row in rows] == [
        (record.epoch + 1, record.validation_accuracy) for record in history
    ]
    assert "rate: 0.01" in (tmp_path / "run" / "logs" / "hparams.yaml").read_text()


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_other_loggers_take_the_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    pytest.importorskip(name, reason=f"{name} is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    train(recipe_for(tmp_path), tmp_path / "run", console=quiet(), logger=name)
    made = {"tensorboard": "logs/events*", "wandb": "wandb/offline*", "mlflow": "mlflow.db"}[name]
    assert list((tmp_path / "run").glob(made))


def test_a_logger_that_is_not_there_is_told_before_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_for(tmp_path)
    words = ["train", str(recipe.path), "--out", str(tmp_path / "run"), "--logger"]
    assert "--logger: expected one of csv, tensorboard, wandb, mlflow, got 'neptune'" in owlbit(*words, "neptune").err
    monkeypatch.setattr(loggers, "find_spec", lambda name: None)
    ended = owlbit(*words, "wandb")
    assert (
        ended.code == 2 and "expected the Python package wandb, which is not installed; `pip install wandb` brings it" in ended.err
    )
    with pytest.raises(OwlbitError, match="the Python package tensorboard, which"):
        loggers.check_logger("tensorboard")
    assert "--logger: expected a training by epochs" in owlbit(*words, "csv", "--minutes", "1").err
    assert not (tmp_path / "run").exists()
