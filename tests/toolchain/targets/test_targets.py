"""The table of targets: every option has a flag of the command line, and a target refuses the options that it does not take."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from typer.main import get_command

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.cli.app import app
from owlbit.toolchain.deploy.model_source import find_model
from owlbit.toolchain.targets.build_job import FLAGS, BuildJob, BuildOptions
from owlbit.toolchain.targets.targets import TARGETS, build_for_target, find_target

NAMES = [field.name for field in fields(BuildOptions)]
CONCRETE = {"finn:PART": "finn:xc7z020clg400-1"}


def job(target: str, folder: Path, options: BuildOptions) -> BuildJob:
    return BuildJob(find_model("zoo:digits"), target, folder, "auto", None, options, lambda line: None)


def test_every_option_is_one_of_the_command() -> None:
    assert list(FLAGS) == NAMES
    words = {word for each in get_command(app).commands["build"].params for word in each.opts}  # type: ignore[attr-defined]
    assert set(FLAGS.values()) < words
    assert {name for target in TARGETS for name in target.options} == set(NAMES)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_options_of_other_targets_are_refused(tmp_path: Path, target: object) -> None:
    (row,) = [each for each in TARGETS if each is target]
    given = CONCRETE.get(row.name, row.name)
    assert find_target(given) is row
    for name in set(NAMES) - set(row.options):
        options = BuildOptions()
        object.__setattr__(options, name, "given")
        with pytest.raises(OwlbitError, match=rf"^{FLAGS[name]}: expected a target .*, got '{given}'$") as refusal:
            build_for_target(job(given, tmp_path / "out", options))
        takers = [each.name for each in TARGETS if name in each.options]
        assert takers and all(taker in str(refusal.value) for taker in takers)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("given", ["", "finn", "up5k:1", "UP5K", "spartan"])
def test_an_unknown_target_is_told_the_known_ones(given: str) -> None:
    with pytest.raises(OwlbitError, match=r"expected one of up5k.* or finn:PART, PART being an AMD part") as refusal:
        find_target(given)
    assert all(target.name in str(refusal.value) for target in TARGETS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (BuildOptions(engine=True, most=True), r"^--engine: expected no --max, since the engine has one circuit for all networks"),
        (BuildOptions(engine=True, folding=Path("f.json")), r"^--engine: expected no --folding"),
        (BuildOptions(most=True, frames_per_second=10.0), r"^expected one of --fps, --max and --folding, got --fps and --max"),
        (BuildOptions(clock_mhz=0.0), r"^--clock: expected a number above 0, up to 400, got 0"),
        (BuildOptions(clock_mhz=float("nan")), r"^--clock: expected a number above 0, up to 400, got nan"),
        (BuildOptions(clock_mhz=500.0), r"^--clock: expected a number above 0, up to 400, got 500"),
        (BuildOptions(frames_per_second=-1.0), r"^--fps: expected a number above 0"),
        (BuildOptions(weights_only=True, board="ulx3s"), r"^--weights-only: expected no --board"),
    ],
)
def test_options_of_an_ecp5_that_contradict_each_other(tmp_path: Path, options: BuildOptions, message: str) -> None:
    with pytest.raises(OwlbitError, match=message):
        build_for_target(job("ecp5-25f", tmp_path / "out", options))
    assert not (tmp_path / "out").exists()
