"""Candidates: whether a recipe of the space can be built and meets the constraints, and what it costs, before it is trained."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network, NetworkError
from owlbit.export.network_cost import layer_costs, total_cost
from owlbit.export.settings import SettingError
from owlbit.toolchain.checks.targets import UP5K, fit_target, network_of, why_not_deployed
from owlbit.toolchain.recipes.data import Data
from owlbit.toolchain.recipes.recipe import Recipe, recipe_of
from owlbit.toolchain.search.space import Parameter
from owlbit.toolchain.search.space_file import RATE, ConstraintsTable, SearchSpace

NO_RECIPE, NO_FIT = 100.0, 50.0  # how far a candidate is off where nothing can be measured: farther than by any figure
RECIPE, TARGET = "recipe", "target"
# Joules per frame of the up5k from (cycles, comparisons of the thermometer, frames per second or 0 for as fast as it goes).
Energy = Callable[[int, int, float], float]


@dataclass(frozen=True)
class Candidate:
    """A recipe of the space, judged.

    `tables`: of the recipe; `values`: what was chosen, by key; `figures`: what it costs, by a name of `COSTS` or "fps"; `misses`:
    by constraint how far it is off, the logarithm of figure over limit, above 0 where it is not met; `reason`: why it is not
    trained, "" where it is; `recipe`: None where the tables are none.
    """

    tables: Mapping[str, Any]
    values: Mapping[str, Any]
    figures: Mapping[str, float] = field(default_factory=dict)
    misses: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    recipe: Recipe | None = None

    @property
    def fits(self) -> bool:
        """Whether it is worth a training."""
        return not self.reason

    @property
    def distance(self) -> float:
        """How far it is from meeting all constraints, 0 where it meets them."""
        return sum(miss for miss in self.misses.values() if miss > 0)

    @property
    def identity(self) -> str:
        """Equal for candidates whose trainings are equal, whatever was chosen for layers that are left out."""
        return hashlib.sha256(json.dumps(self.tables, sort_keys=True, default=str).encode()).hexdigest()[:16]


class Judge:
    """Judges candidates of `space`. `classes_of`: how many classes the images of a recipe have; `energy`: of the up5k, or None."""

    def __init__(self, space: SearchSpace, classes_of: Callable[[Data], int], energy: Energy | None = None) -> None:
        self.space, self.classes_of, self.energy = space, classes_of, energy

    def propose(self, choose: Callable[[Parameter], Any]) -> Candidate:
        """The candidate with values by `choose`."""
        values: dict[str, Any] = {}

        def note(parameter: Parameter) -> Any:
            values[parameter.key] = choose(parameter)
            return values[parameter.key]

        return self.judge(self.space.space.fill(note), values)

    def judge(self, tables: Mapping[str, Any], values: Mapping[str, Any]) -> Candidate:
        """The recipe of `tables`, in which `values` were chosen."""
        path = self.space.space.file
        try:
            recipe = recipe_of(tables, path, "")
        except SettingError as error:
            return Candidate(tables, values, {}, {RECIPE: NO_RECIPE}, str(error).removeprefix(f"{path}: "))
        if not (self.space.constraints.target or self.space.constraints.limits or self.space.search.costs):
            return Candidate(tables, values, recipe=recipe)  # what it costs is not asked, so it may be what no device takes
        if reason := why_not_deployed(recipe):
            return Candidate(tables, values, {}, {TARGET: NO_FIT}, reason, recipe)
        try:
            network = network_of(recipe, self.classes_of(recipe.data))
        except NetworkError as error:
            return Candidate(tables, values, {}, {RECIPE: NO_RECIPE}, str(error), recipe)
        return self._weighed(Candidate(tables, values, recipe=recipe), recipe, network)

    def _weighed(self, candidate: Candidate, recipe: Recipe, network: Network) -> Candidate:
        constraints = self.space.constraints
        total = total_cost(layer_costs(network))
        figures: dict[str, float] = {"bits": total.weight_bits, "macs": total.macs}
        misses, reasons = {}, []
        if constraints.target:
            fit = fit_target(constraints.target, recipe, network)
            figures |= fit.figures
            misses[TARGET] = 0.0 if fit.fits else NO_FIT
            reasons += [] if fit.fits else [f"{fit.target}: {fit.reason}"]
            if self.energy is not None and constraints.target == UP5K and fit.fits:
                comparisons = network.shapes[0][0] * network.shapes[0][1] * network.shapes[0][2]
                figures["energy"] = self.energy(int(figures["cycles"]), comparisons, constraints.fps)
        for name, limit in constraints.limits.items():
            if name not in figures:
                misses[name] = NO_FIT
                reasons += [] if reasons else [f"{name} is not known of {constraints.target or 'a recipe without a target'}"]
                continue
            misses[name] = math.log(limit / figures[name]) if name == RATE else math.log(figures[name] / limit)
            if misses[name] > 0:
                least = "at least" if name == RATE else "at most"
                reasons.append(f"{name}: expected {least} {shown(limit)}, got {shown(figures[name])}")
        reasons += [f"{name} is not known of {constraints.target}" for name in self.space.search.costs if name not in figures][:1]
        return Candidate(candidate.tables, candidate.values, figures, misses, "; ".join(reasons), recipe)


def check_space(judge: Judge, tries: int = 100) -> None:
    """OwlbitError where no candidate is a recipe, which is a mistake of the file and not of the choice: that of the first one; or
    where the first that is a recipe is none any more in a final training.

    `tries`: how many are drawn at random, after the one with the first choice and the low end of everything.
    """
    import optuna

    first = judge.propose(lambda parameter: parameter.first())
    if RECIPE not in first.misses:
        return _check_final(judge.space, first)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(tries):
        trial = study.ask()
        candidate = judge.propose(lambda parameter, trial=trial: parameter.suggest(trial))  # type: ignore[misc]
        if RECIPE not in candidate.misses:
            return _check_final(judge.space, candidate)
    raise OwlbitError(f"{judge.space.space.file}: expected a space with recipes in it, found none: {first.reason}")


def _check_final(space: SearchSpace, candidate: Candidate) -> None:
    """OwlbitError where `candidate` is no recipe with what the table [final] changes in it."""
    file = space.space.file
    try:
        recipe_of(space.finish.final(candidate.tables), file, "")
    except SettingError as error:
        raise OwlbitError(f"{file}: [final]: {str(error).removeprefix(f'{file}: ')}") from None


def nearest(candidate: Candidate | None, other: Candidate) -> Candidate:
    """Of two candidates that do not meet the constraints, the one that is nearer to them."""
    return other if candidate is None or other.distance < candidate.distance else candidate


def nobody_fits(space: SearchSpace, closest: Candidate, asked: int) -> OwlbitError:
    """The error that says so, of `asked` candidates that were judged."""
    wanted = ", ".join(_wanted(space.constraints))
    values = ", ".join(f"{key} = {json.dumps(value)}" for key, value in closest.values.items())
    return OwlbitError(
        f"{space.space.file}: expected a candidate that meets the constraints ({wanted}), found none among {asked:,}; "
        f"the closest has {values}: {closest.reason}; relax a constraint or widen the space"
    )


def _wanted(constraints: ConstraintsTable) -> list[str]:
    named = [f"target {constraints.target}"] if constraints.target else []
    limits = [f"{name} {'>=' if name == RATE else '<='} {shown(value)}" for name, value in constraints.limits.items()]
    return [*named, *limits] or ["none but a network that can be built"]


def shown(figure: float) -> str:
    """A figure for people: 12,345 or 1.23e-05."""
    return f"{figure:,.0f}" if abs(figure) >= 100 or figure == int(figure) else f"{figure:.3g}"
