"""The least cost of a pipeline against every combination of its layers' options, with and without circuits between neighbours."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from owlbit.hw.fold_pipeline import Option, cycle_bounds, cycles_at, fastest, least_cost


def random_pipeline(seed: int) -> tuple[list[list[Option]], list[np.ndarray]]:
    """Four layers of three to five options, and the costs between them."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 6, 4)
    layers = [[Option(int(c), int(u), int(b)) for c, u, b in rng.integers((1, 10, 0), (40, 200, 5), (size, 3))] for size in sizes]
    joints = [rng.integers(0, 150, pair) for pair in itertools.pairwise(sizes)]
    return layers, joints


def cost_of(layers: list[list[Option]], joints: list[np.ndarray] | None, chosen: tuple[int, ...] | list[int]) -> int:
    own = sum(options[index].cost for options, index in zip(layers, chosen, strict=True))
    pairs = zip(joints, itertools.pairwise(chosen), strict=True) if joints else []
    return own + sum(int(joint[pair]) for joint, pair in pairs)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("blocks", [None, 5])
def test_no_combination_costs_less(seed: int, joined: bool, blocks: int | None) -> None:
    layers, drawn = random_pipeline(seed)
    joints = drawn if joined else None
    legal = [
        (cost_of(layers, joints, chosen), sum(options[index].blocks for options, index in zip(layers, chosen, strict=True)))
        for chosen in itertools.product(*(range(len(options)) for options in layers))
        if all(options[index].cycles <= 25 for options, index in zip(layers, chosen, strict=True))
    ]
    fitting = [entry for entry in legal if blocks is None or entry[1] <= blocks]
    found = least_cost(layers, 25, blocks, joints)
    assert (found is None) == (not fitting)
    if found is not None:
        taken = sum(options[index].blocks for options, index in zip(layers, found, strict=True))
        assert (cost_of(layers, joints, found), taken) == min(fitting)
        assert all(options[index].cycles <= 25 for options, index in zip(layers, found, strict=True))


def test_the_first_bound_that_works_is_found() -> None:
    layers = [[Option(9, 0, 0), Option(4, 0, 0)], [Option(6, 0, 0), Option(12, 0, 0)]]
    assert cycle_bounds(layers) == [6, 9, 12]
    tried: list[int] = []

    def from_37(bound: int) -> int | None:
        tried.append(bound)
        return bound if bound >= 37 else None

    assert fastest(list(range(100)), from_37) == 37
    assert len(tried) <= 7
    assert fastest([1, 2, 3], lambda bound: None) is None


@pytest.mark.parametrize("cycles", [3, 7, 1000, 99_999])
def test_a_rate_given_by_whole_cycles_is_kept(cycles: int) -> None:
    assert cycles_at(48e6 / cycles, 48e6) == cycles
