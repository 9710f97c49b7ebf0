"""Loggers of Lightning by name, for those who watch trainings elsewhere too: the records of each epoch go to them as well.

The records are in history.json in any case. Imports Lightning only where a logger is made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.recipes.recipe import Recipe
from owlbit.toolchain.runs.history import EpochRecord

LOGS = "logs"  # in the run folder, of loggers that write files
# The packages of which a logger needs one, and what pip is to install; later tensorboards need a protobuf that onnx 1.21 does not.
PACKAGES = {"csv": (), "tensorboard": ("tensorboard", "tensorboardX"), "wandb": ("wandb",), "mlflow": ("mlflow",)}
INSTALL = {"tensorboard": "'tensorboard<2.21'"}


def check_logger(name: str) -> None:
    """Raises OwlbitError where there is no logger of this name, or its package is not installed; "" is no logger."""
    if not name:
        return
    if name not in PACKAGES:
        raise OwlbitError(f"--logger: expected one of {', '.join(PACKAGES)}, got {name!r}")
    wanted = PACKAGES[name]
    if wanted and all(find_spec(package) is None for package in wanted):
        raise OwlbitError(
            f"--logger {name}: expected the Python package {wanted[0]}, which is not installed; "
            f"`pip install {INSTALL.get(name, wanted[0])}` brings it"
        )


def make_logger(name: str, folder: Path, recipe: Recipe) -> Any:
    """Lightning's logger `name` for the run in `folder`, told the settings of `recipe`; None for "".

    csv and tensorboard write into logs/ of the run; wandb and mlflow go where their own settings say, mlflow by default into
    mlflow.db of the run. Raises OwlbitError as `check_logger`.
    """
    check_logger(name)
    if not name:
        return None
    from lightning.pytorch import loggers

    makers: dict[str, Callable[[], Any]] = {
        "csv": lambda: loggers.CSVLogger(folder, name=None, version=LOGS),
        "tensorboard": lambda: loggers.TensorBoardLogger(folder, name=None, version=LOGS),
        "wandb": lambda: loggers.WandbLogger(project="owlbit", name=recipe.name, save_dir=folder),
        "mlflow": lambda: loggers.MLFlowLogger("owlbit", recipe.name, os.environ.get("MLFLOW_TRACKING_URI") or _database(folder)),
    }
    logger = makers[name]()
    logger.log_hyperparams({"recipe": recipe.name, **asdict(recipe.training)})
    return logger


def _database(folder: Path) -> str:
    return f"sqlite:///{folder.resolve() / 'mlflow.db'}"


def log_records(logger: Any, records: Sequence[EpochRecord]) -> None:
    """Gives `records` to the logger, each as a step: losses, accuracies 0..1, share of flipped signs, seconds, stage."""
    for record in records:
        figures = {key: value for key, value in record.as_json().items() if key not in ("epoch", "thresholds")}
        logger.log_metrics(figures, step=record.epoch + 1)
    logger.save()
