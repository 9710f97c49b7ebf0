"""A training cut into legs: runs of epochs in which weights, activation, teacher and parameters stay what they are.

A leg begins with a new optimiser. Stages are legs by their nature; a pruning cuts them further where parameters come and go.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from owlbit.toolchain.recipes.recipe import Recipe


@dataclass(frozen=True)
class Leg:
    """Epochs `start` to `stop` - 1.

    `stage`: from 1; `stage_start`, `stage_stop`: its epochs, along which the rate falls; `real`: weights; `activation`: what
    follows a normalisation; `attention`: whether attention is matched, where the recipe matches it; `last`: of the last stage.
    """

    start: int
    stop: int
    stage: int
    stage_start: int
    stage_stop: int
    real: bool
    activation: str
    attention: bool
    last: bool


def plan_legs(recipe: Recipe, cuts: tuple[int, ...] = ()) -> list[Leg]:
    """The legs of `recipe`, in order; `cuts`: epochs that begin with other parameters."""
    training = recipe.training
    kinds = [(False, training.estimator)]
    if training.real:
        kinds = [(True, "relu")]
    elif training.stages > 1:
        kinds.insert(0, (True, training.estimator))
    if training.stages == 3:
        kinds.insert(0, (True, "tanh"))
    borders = training.stage_borders
    progressive = recipe.distillation is not None and recipe.distillation.progressive
    legs = []
    for number, ((stage_start, stage_stop), (real, activation)) in enumerate(zip(pairwise(borders), kinds, strict=True), 1):
        last = number == len(kinds)
        inside = [cut for cut in cuts if stage_start < cut < stage_stop]
        for start, stop in pairwise([stage_start, *inside, stage_stop]):
            attention = not (progressive and last)
            legs.append(Leg(start, stop, number, stage_start, stage_stop, real, activation, attention, last))
    return legs
