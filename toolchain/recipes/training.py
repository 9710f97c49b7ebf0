"""The tables `[training]` and `[distillation]` of a recipe: how the network learns, and from whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import WrapValidator

from owlbit.export.settings import RefusedError
from owlbit.models.recipe_keys import OneOf, key

Epochs = Annotated[int, key("", 1, 100000)]
Rate = Annotated[float, key("", 1e-8, 10)]


@dataclass(frozen=True)
class Training:
    """How the network learns."""

    epochs: Annotated[Epochs, key("passes over the training images")] = 60
    batch: Annotated[int, key("images per step", 2, 65536)] = 64
    rate: Annotated[Rate, key("initial learning rate; it falls to zero along a cosine")] = 0.01
    threshold_rate: Annotated[float, key("learning rate of the thermometer, as a multiple of `rate`", 0, 1000)] = 5.0
    label_smoothing: Annotated[float, key("share of the label's weight that all classes get alike", 0, 0.9)] = 0.1
    seed: Annotated[int, key("seed of weights, order and distortions", 0, 2**32 - 1)] = 0
    estimator: Annotated[str, OneOf("the gradient that replaces that of the sign", ("clipped", "triangular"))] = "clipped"
    stages: Annotated[
        int,
        key(
            "stages of equal length: with 2 the first has real weights; with 3 a stage with tanh in place of sign comes first",
            1,
            3,
        ),
    ] = 1
    weight_decay: Annotated[float, key("decay of real weights, and of latent ones under ReCU", 0, 1)] = 1e-5
    precision: Annotated[
        str,
        OneOf(
            "arithmetic in training: torch's own operations, or the fast form of a layer table in one of two types of numbers, "
            '"auto" for the faster of these two; the finished network is judged and exported in float32 either way',
            ("float32", "float32-fast", "bfloat16", "auto"),
        ),
    ] = "float32"
    weights: Annotated[
        str,
        OneOf(
            "how latent weights are kept within reach of a change of sign: clipped to [-1, 1], or by ReCU, which standardises "
            "filters and clamps their tails",
            ("clipped", "recu"),
        ),
    ] = "clipped"
    numbers: Annotated[str, OneOf("binary, or a float network of the same layers, to be a teacher", ("binary", "real"))] = "binary"
    keep: Annotated[
        str, OneOf("which epoch's weights the run ends with: of the best validation accuracy, or the last", ("best", "last"))
    ] = "best"
    from_run: Annotated[
        str,
        key(
            "initial weights: the run folder, relative to the recipe, of a finished training of the same layers, or zoo:NAME; if "
            "the classes differ, all layers except the last; random without this key"
        ),
    ] = ""
    optimiser: Annotated[
        str, OneOf("Adam, or SGD with Nesterov's momentum of 0.9, which suits float networks", ("adam", "sgd"))
    ] = "adam"

    @property
    def real(self) -> bool:
        """Whether the network is a float one."""
        return self.numbers == "real"

    @property
    def recu(self) -> bool:
        """Whether latent weights get ReCU's treatment."""
        return self.weights == "recu"

    @property
    def fast(self) -> bool:
        """Whether training runs in the fast form of `owlbit.models.layers.fused`."""
        return self.precision != "float32"

    @property
    def stage_borders(self) -> tuple[int, ...]:
        """The epochs that stages begin with, and the number of epochs."""
        return tuple(number * self.epochs // self.stages for number in range(self.stages + 1))


@dataclass(frozen=True)
class Distillation:
    """Learning from a teacher too.

    The loss is (1 - `weight`) times that of the labels and `weight` times that of the teacher's logits at `temperature`.
    """

    teacher: Annotated[
        str,
        key('"float": the same layers with real numbers, trained first; or the run folder of a training, relative to the recipe'),
    ]
    epochs: Annotated[Epochs, key("epochs of the float teacher")] = 30
    rate: Annotated[Rate, key("learning rate of the float teacher")] = 0.003
    temperature: Annotated[float, key("temperature of the logits", 0.1, 100)] = 4.0
    weight: Annotated[float, key("weight of the teacher's logits; the labels have the rest", 0, 1)] = 0.5
    dense: Annotated[bool, key("the float teacher's convolutions have one group")] = False
    cache_logits: Annotated[
        bool,
        key(
            "compute the teacher's logits once per image, not in every step; if the recipe flips, the mean with the mirrored image"
        ),
    ] = False
    attention: Annotated[float, key("weight of attention matching, in addition to the logits", 0, 10000)] = 0.0
    progressive: Annotated[
        bool, key("the teacher teaches only the first stage, and each stage the next, the last one by logits only")
    ] = False

    @property
    def trained_first(self) -> bool:
        """Whether the teacher is trained within the run."""
        return self.teacher == "float"


def check_training(training: Training) -> None:
    """Raises RefusedError where keys of [training] contradict one another."""
    if training.real and training.stages != 1:
        raise RefusedError("training.stages", '1 with numbers = "real", which has no binary stage', str(training.stages))
    if training.epochs < training.stages:
        raise RefusedError("training.epochs", f"at least {training.stages}, one for each stage", str(training.epochs))
    if training.real and training.recu:
        raise RefusedError("training.weights", '"clipped" with numbers = "real", which has no binary weights', '"recu"')
    decays = training.stages > 1 or training.real or training.recu
    if not decays and training.weight_decay != Training.weight_decay:
        wanted = 'no such key without stages, real numbers or weights = "recu"'
        raise RefusedError("training.weight_decay", wanted, str(training.weight_decay))


def check_distillation(distillation: Distillation, training: Training) -> None:
    """Raises RefusedError where [distillation] contradicts [training]."""
    if distillation.progressive and training.stages == 1:
        raise RefusedError("distillation.progressive", "no such key without stages, each of which teaches the next", "true")
    if training.real and distillation.trained_first:
        raise RefusedError("distillation.teacher", 'another run, with numbers = "real"', '"float", the same network')


def _read_distillation(table: Any, read: Callable[[Any], Distillation]) -> Distillation:
    distillation = read(table)
    if not distillation.trained_first:
        for name in ("epochs", "rate", "dense"):
            if name in table:
                raise RefusedError(name, 'no such key unless teacher is "float"', str(table[name]))
    if distillation.cache_logits and (distillation.attention or distillation.progressive):
        raise RefusedError("cache_logits", "no such key with attention or progressive, which need the teacher at each step", "true")
    if not distillation.weight and not distillation.attention:
        raise RefusedError("weight", "more than 0 where attention is not matched", "0")
    return distillation


DistillationTable = Annotated[Distillation, WrapValidator(_read_distillation)]
