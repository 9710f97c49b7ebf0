"""The tables `[training]` and `[distillation]` of a recipe: how the network learns, and from whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from owlbit.toolchain.recipes.tables import Limits, SettingError, read_table


@dataclass(frozen=True)
class Training:
    """`epochs`; `batch`: images a step; `rate`: of Adam, falling to zero along a cosine; `threshold_rate`: times `rate` for the
    thermometer; `label_smoothing`; `seed`: of weights, order and distortions; `estimator`: of the sign's gradient, "clipped" or
    "triangular"; `stages`: of equal length; with 2 the first has real weights, which decay by `weight_decay`; with 3 one with
    tanh in place of sign comes before them; `precision`: of the arithmetic in training, "float32", or "bfloat16" for the fast form
    of `owlbit.models.layers.fused`; the finished network is judged and exported in float32 either way; `numbers`: "binary", or
    "real" for a float network of the same layers, to be a teacher; `keep`: which epoch's weights the run ends with, that of the
    "best" validation accuracy or the "last" one; `from_run`: the run folder, relative to the recipe, of a finished training of the
    same network, whose weights this one begins with, or "" to begin with random ones; `optimiser`: "adam", or "sgd" with Nesterov's
    momentum of 0.9, which suits float networks."""

    epochs: int = 60
    batch: int = 64
    rate: float = 0.01
    threshold_rate: float = 5.0
    label_smoothing: float = 0.1
    seed: int = 0
    estimator: str = "clipped"
    stages: int = 1
    weight_decay: float = 1e-5
    precision: str = "float32"
    numbers: str = "binary"
    keep: str = "best"
    from_run: str = ""
    optimiser: str = "adam"

    @property
    def real(self) -> bool:
        """Whether the network is a float one."""
        return self.numbers == "real"

    @property
    def fast(self) -> bool:
        """Whether training runs in the fast form."""
        return self.precision == "bfloat16"

    @property
    def stage_borders(self) -> tuple[int, ...]:
        """The epochs that stages begin with, and the number of epochs."""
        return tuple(number * self.epochs // self.stages for number in range(self.stages + 1))


@dataclass(frozen=True)
class Distillation:
    """Learning from a teacher too: `teacher`: "float", the same layers with real numbers, trained first for `epochs` at `rate`, or
    the run folder of a finished training, relative to the recipe; `dense`: the float teacher's convolutions have one group.

    The loss is (1 - `weight`) times that of the labels and `weight` times that of the teacher's logits at `temperature`. With
    `once` the teacher looks at every training image once, plain and mirrored if the recipe flips, instead of at each variation.
    `attention`: weight of attention matching, on top of that. With `progressive` the teacher teaches the first stage alone, and
    each stage the next, the last one by logits only.
    """

    teacher: str
    epochs: int = 30
    rate: float = 0.003
    temperature: float = 4.0
    weight: float = 0.5
    dense: bool = False
    once: bool = False
    attention: float = 0.0
    progressive: bool = False

    @property
    def trained_first(self) -> bool:
        """Whether the teacher is trained within the run."""
        return self.teacher == "float"


TRAINING_LIMITS = {
    "epochs": Limits(1, 100000),
    "batch": Limits(2, 65536),
    "rate": Limits(1e-8, 10),
    "threshold_rate": Limits(0, 1000),
    "label_smoothing": Limits(0, 0.9),
    "seed": Limits(0, 2**32 - 1),
    "estimator": Limits(choices=("clipped", "triangular")),
    "stages": Limits(1, 3),
    "weight_decay": Limits(0, 1),
    "precision": Limits(choices=("float32", "bfloat16")),
    "numbers": Limits(choices=("binary", "real")),
    "keep": Limits(choices=("best", "last")),
    "optimiser": Limits(choices=("adam", "sgd")),
}
DISTILLATION_LIMITS = {
    "epochs": Limits(1, 100000),
    "rate": Limits(1e-8, 10),
    "temperature": Limits(0.1, 100),
    "weight": Limits(0, 1),
    "attention": Limits(0, 10000),
}


def read_training(table: Mapping[str, Any], path: Path, *, real: bool) -> Training:
    """The table `[training]` of the recipe `path`; `real`: of a network that is a float one by its kind. Raises SettingError."""
    training = read_table(Training, table, path, "training", TRAINING_LIMITS)
    if real:
        training = replace(training, numbers="real")
    if training.real and training.stages != 1:
        raise SettingError(path, "training.stages", '1 with numbers = "real", which has no binary stage', str(training.stages))
    if training.epochs < training.stages:
        raise SettingError(path, "training.epochs", f"at least {training.stages}, one for each stage", str(training.epochs))
    if training.stages == 1 and not training.real and training.weight_decay != Training.weight_decay:
        raise SettingError(path, "training.weight_decay", "no such key without stages or real numbers", str(training.weight_decay))
    return training


def read_distillation(table: Mapping[str, Any], path: Path, training: Training) -> Distillation:
    """The table `[distillation]` of the recipe `path`, checked against its `training`. Raises SettingError."""
    distillation = read_table(Distillation, table, path, "distillation", DISTILLATION_LIMITS)
    if not distillation.trained_first:
        for key in ("epochs", "rate", "dense"):
            if key in table:
                raise SettingError(path, f"distillation.{key}", 'no such key unless teacher is "float"', str(table[key]))
    if distillation.once and (distillation.attention or distillation.progressive):
        raise SettingError(
            path, "distillation.once", "no such key with attention or progressive, which need the teacher at each step", "true"
        )
    if distillation.progressive and training.stages == 1:
        raise SettingError(path, "distillation.progressive", "no such key without stages, each of which teaches the next", "true")
    if not distillation.weight and not distillation.attention:
        raise SettingError(path, "distillation.weight", "more than 0 where attention is not matched", "0")
    if training.real and distillation.trained_first:
        raise SettingError(path, "distillation.teacher", 'another run, with numbers = "real"', '"float", the same network')
    return distillation
