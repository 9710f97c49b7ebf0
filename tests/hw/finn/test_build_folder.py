"""build.json of a FINN build: what is written is read, what is damaged or another target's is told apart."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from owlbit.export.errors import OwlbitError
from owlbit.hw.finn.build_folder import BuildFolder, State, StepDone


def state() -> State:
    return State(
        target="finn:xc7z020clg400-1",
        part="xc7z020clg400-1",
        board=None,
        network="digits",
        model_digest="0" * 64,
        clock_ns=10.0,
        frames_per_second=None,
        folding=None,
        finn="1.6.1",
        vivado=None,
        steps=[StepDone("step_tidy_up", 0.5)],
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    build = BuildFolder(tmp_path)
    assert build.read() is None
    build.write(state())
    assert build.read() == state()


def test_a_build_for_another_target_is_none_of_finns(tmp_path: Path) -> None:
    (tmp_path / "build.json").write_text(json.dumps({"network": "digits", "target": "up5k", "memory": {}}))
    assert BuildFolder(tmp_path).read() is None
    (tmp_path / "build.json").write_text(json.dumps({"network": "digits"}))
    assert BuildFolder(tmp_path).read() is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"clock_ns": "10"}, r'clock_ns: expected a number, got the text "10"'),
        ({"steps": [{"name": "step_tidy_up"}]}, r"steps\[0\]\.seconds: expected a number, got no such key"),
        ({"steps": [3]}, r"steps\[0\]: expected an object, got 3"),
        ({"boards": "x"}, r'boards: expected a known key \(did you mean "board"\?\), got "boards"'),
        ({"target": 3}, "target: expected a text, got 3"),
    ],
)
def test_a_damaged_state_is_named_with_the_key(tmp_path: Path, changes: dict[str, object], why: str) -> None:
    (tmp_path / "build.json").write_text(json.dumps({**asdict(state()), **changes}))
    with pytest.raises(OwlbitError, match=rf"build\.json: expected the state of a FINN build, could not read it \({why}\); remove"):
        BuildFolder(tmp_path).read()


def test_what_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "build.json").write_text('{"target": "finn:')
    with pytest.raises(OwlbitError, match=r"build\.json: expected the state of a FINN build, could not read it \(no JSON: "):
        BuildFolder(tmp_path).read()
