"""The Pareto front of trials, the volume that it dominates, and which of its points are taken."""

from __future__ import annotations

import math
from collections.abc import Sequence

from owlbit.toolchain.search.records import FINISHED, Trial

Point = tuple[float, ...]  # objectives that are all minimised


def front_of(trials: Sequence[Trial], costs: Sequence[str]) -> list[Trial]:
    """Of the finished trials those that no other one beats in accuracy and all `costs`, the cheapest first.

    Of trials that are equal in all of them only the first is taken.
    """
    finished = [trial for trial in trials if trial.kind == FINISHED]
    points = [point_of(trial, costs) for trial in finished]
    front = []
    for index, (trial, point) in enumerate(zip(finished, points, strict=True)):
        beaten = any(
            all(a <= b for a, b in zip(other, point, strict=True)) and (other != point or place < index)
            for place, other in enumerate(points)
            if place != index
        )
        if not beaten:
            front.append(trial)
    return sorted(front, key=lambda trial: (*point_of(trial, costs)[1:], -trial.accuracy))


def point_of(trial: Trial, costs: Sequence[str]) -> Point:
    """The error, 1 - accuracy, then the costs of a finished trial."""
    return (1 - trial.accuracy, *(trial.cost(name) for name in costs))


def worst_point(trials: Sequence[Trial], costs: Sequence[str]) -> Point:
    """The largest of each objective over the finished trials: the point of reference for their volumes."""
    points = [point_of(trial, costs) for trial in trials if trial.kind == FINISHED]
    return tuple(max(values) for values in zip(*points, strict=True))


def volume(trials: Sequence[Trial], costs: Sequence[str], reference: Point) -> float:
    """The hypervolume that the finished trials dominate, as a share of the box between the best that counts and `reference`.

    The error counts as it is, down to 0; costs count on a logarithmic scale, down to a hundredth of the reference. 0..1.
    """
    scaled = []
    for trial in front_of(trials, costs):
        error, *rest = point_of(trial, costs)
        share = error / reference[0] if reference[0] else 0.0
        logs = [1 + math.log10(max(cost, most / 100) / most) / 2 for cost, most in zip(rest, reference[1:], strict=True)]
        scaled.append((share, *logs))
    return hypervolume(scaled)


def hypervolume(points: Sequence[Point]) -> float:
    """The volume of the part of the unit cube in which each place is dominated by one of `points`; smaller is better.

    By slices along the last axis, each the same problem with an axis less.
    """
    inside = sorted((point for point in points if all(value < 1 for value in point)), key=lambda point: point[-1])
    if not inside:
        return 0.0
    if len(inside[0]) == 1:
        return 1 - max(0.0, inside[0][0])
    total = 0.0
    for index, point in enumerate(inside):
        upper = inside[index + 1][-1] if index + 1 < len(inside) else 1.0
        if upper > point[-1]:
            total += (upper - max(0.0, point[-1])) * hypervolume([each[:-1] for each in inside[: index + 1]])
    return total


def spread_over(front: Sequence[Trial], count: int) -> list[Trial]:
    """At most `count` trials of a front, evenly along it, the most accurate one among them."""
    if len(front) <= count:
        return list(front)
    if count <= 1:
        return sorted(front, key=lambda trial: -trial.accuracy)[:count]
    best = max(range(len(front)), key=lambda index: front[index].accuracy)
    places = {round(step * (len(front) - 1) / (count - 1)) for step in range(count)}
    if best not in places:
        places.remove(min(places, key=lambda place: abs(place - best)))
        places.add(best)
    return [front[place] for place in sorted(places)]
