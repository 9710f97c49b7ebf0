"""A training cut into phases: runs of epochs in which weights, activation, teacher and parameters stay what they are.

A phase begins with a new optimiser. A recipe's stages are phases by their nature; a pruning cuts them further where parameters come
and go.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from owlbit.toolchain.recipes.recipe import Recipe


@dataclass(frozen=True)
class Phase:
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

    @property
    def begins_stage(self) -> bool:
        """Whether this is the first phase of a stage after the first."""
        return self.stage > 1 and self.start == self.stage_start


def plan_phases(recipe: Recipe, cuts: tuple[int, ...] = ()) -> list[Phase]:
    """The phases of `recipe`, in order; `cuts`: epochs that begin with other parameters."""
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
    phases = []
    for number, ((stage_start, stage_stop), (real, activation)) in enumerate(zip(pairwise(borders), kinds, strict=True), 1):
        last = number == len(kinds)
        inside = [cut for cut in cuts if stage_start < cut < stage_stop]
        for start, stop in pairwise([stage_start, *inside, stage_stop]):
            attention = not (progressive and last)
            phases.append(Phase(start, stop, number, stage_start, stage_stop, real, activation, attention, last))
    return phases
