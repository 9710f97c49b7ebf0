"""Spaces: what they hold, and that mistakes are named with file and key."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.search.candidates import Judge, check_space
from owlbit.toolchain.search.space import Choice, Range
from owlbit.toolchain.search.space_file import read_space
from search_cases import SPACE, space_file


def test_what_is_chosen(tmp_path: Path) -> None:
    space = read_space(space_file(tmp_path))
    assert sorted(space.parameters, key=lambda each: each.key) == [
        Choice("input.thresholds", (2, 3)),
        Range("layers[0].filters", 8, 24, 8),
        Choice("layers[1].groups", (1, 2, 3)),
        Range("layers[1].repeat", 0, 2),
        Range("training.rate", 0.001, 0.1, 0, True),
    ]
    assert space.constraints.limits == {"bits": 4000}
    assert space.search.studies() == [("tpe", 0)]


@pytest.mark.parametrize(("repeat", "layers"), [(0, 1), (1, 2), (2, 3)])
def test_repeat_is_the_depth_and_what_is_left_out_chooses_nothing(repeat: int, layers: int, tmp_path: Path) -> None:
    chosen = {"input.thresholds": 3, "layers[0].filters": 16, "layers[1].groups": 2, "layers[1].repeat": repeat}
    asked = []

    def choose(parameter: Choice | Range) -> object:
        asked.append(parameter.key)
        return chosen.get(parameter.key, parameter.first())

    tables = read_space(space_file(tmp_path)).space.fill(choose)  # type: ignore[arg-type]
    second = {"kind": "conv", "filters": 8, "groups": 2}
    assert tables["layers"] == [{"kind": "conv", "filters": 16, "pool": 2}, *[second] * repeat]
    assert len(tables["layers"]) == layers
    assert ("layers[1].groups" in asked) == (repeat > 0)
    assert tables["data"]["path"] == str(tmp_path / "images.npz")  # trials are trained elsewhere
    assert tables["training"] == {"epochs": 2, "batch": 16, "rate": 0.001}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("choices = [2, 3]", "choices = []", "input.thresholds.choices: expected a list with at least one value, got the list []"),
        ("choices = [2, 3]", "choices = [2, 2]", "input.thresholds.choices: expected different values, got the list [2, 2]"),
        ("choices = [2, 3]", "choices = [2], low = 1", "input.thresholds.low: expected no such key beside choices, got 1"),
        ("high = 24, step = 8", "high = 8", "layers[0].filters.high: expected more than low, 8, got 8"),
        ("high = 24, step = 8", "step = 8", "layers[0].filters.high: expected a number, got no such key"),
        ("step = 8", "step = 0.5", "layers[0].filters.step: expected a step above 0, an integer between integers, got 0.5"),
        ("low = 0.001", "low = 0", "training.rate.log: expected true or false, true only with a low above 0"),
        ('["accuracy", "bits"]', '["bits"]', 'search.objectives: expected a list that begins with "accuracy"'),
        ("trials = 2", "trails = 2", 'search.trails: expected a known key (did you mean "trials"?)'),
        ("bits = 4000", "bit = 4000", 'constraints.bit: expected a known key (did you mean "bits"?)'),
        ("bits = 4000", "bits = -1", "constraints.bits: expected at least 0"),
        ('target = "up5k"', "fps = 3", 'constraints.target: expected a device, as in target = "up5k", beside fps, got no such key'),
        ("finals = 0", "seeds = [1, 1]", "search.seeds: expected a list of different integers"),
        ("extends", "recipe", "recipe: expected no such key"),
    ],
)
def test_a_mistake_is_named_with_its_key(old: str, new: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(OwlbitError) as error:
        read_space(space_file(tmp_path, SPACE.replace(old, new, 1)))
    assert message in str(error.value)


def test_an_empty_space(tmp_path: Path) -> None:
    with pytest.raises(OwlbitError, match=r"space\.toml: expected at least one value to choose, .*: the space is empty"):
        read_space(space_file(tmp_path, 'extends = "recipe.toml"\n'))


@pytest.mark.parametrize(
    ("final", "message"),
    [
        (
            "training = { epoch = 3 }",
            r"space\.toml: \[final\]: training\.epoch: expected a known key \(did you mean \"epochs\"\?\)",
        ),
        ("data = { validation = 2 }", r"space\.toml: \[final\]: data\.validation: expected "),
        ("training = { rate = { choices = [0.1, 0.2] } }", r"space\.toml: \[final\]: training\.rate: expected a number"),
    ],
)
def test_what_final_trainings_change_is_checked_before_the_first_trial(final: str, message: str, tmp_path: Path) -> None:
    space = read_space(space_file(tmp_path, f"{SPACE}[final]\n{final}\n"))
    with pytest.raises(OwlbitError, match=message):
        check_space(Judge(space, lambda data: 2))


def test_the_space_that_comes_along_holds_recipes() -> None:
    for path in sorted((Path(__file__).resolve().parents[3] / "models" / "spaces").glob("*.toml")):
        tomllib.loads(path.read_text())
        check_space(Judge(read_space(path), lambda data: len(data.groups) or 10))
