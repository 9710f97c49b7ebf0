"""The records of epochs: written and read back the same, and what is no history is refused."""

import json
from pathlib import Path

import pytest

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.runs.history import EpochRecord, read_history, write_history

RECORD = EpochRecord(0, 1, 0.7, 0.5, 0.6, 0.75, 0.01, [[3, 90], [4, 80]], 1.5)


def test_records_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    records = [RECORD, EpochRecord(1, 2, 0.1 + 0.2, 1.0, 1e-9, 1.0, 0.0, [[3, 91], [4, 80]], 2.25)]
    write_history(tmp_path / "history.json", records)
    assert read_history(tmp_path / "history.json") == tuple(records)
    assert json.loads((tmp_path / "history.json").read_text())[0] == {
        **{"epoch": 0, "stage": 1, "loss": 0.7, "accuracy": 0.5, "validation_loss": 0.6, "validation_accuracy": 0.75},
        **{"flipped_signs": 0.01, "thresholds": [[3, 90], [4, 80]], "seconds": 1.5},
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[", "could not read it"),
        ("{}", "expected a list, got an object"),
        ("[3]", "[0]: expected an object, got 3"),
        (json.dumps([{**RECORD.as_json(), "more": 1}]), "[0].more: expected a known key (one of epoch, stage, loss"),
        (json.dumps([{**RECORD.as_json(), "loss": "low"}]), '[0].loss: expected a number, got the text "low"'),
        (json.dumps([{**RECORD.as_json(), "epoch": True}]), "[0].epoch: expected an integer, got true"),
        (json.dumps([{**RECORD.as_json(), "thresholds": 3}]), "[0].thresholds: expected a list, got 3"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "history.json").write_text(content)
    with pytest.raises(OwlbitError, match=r"history\.json: expected the history as training writes it") as error:
        read_history(tmp_path / "history.json")
    assert reason in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OwlbitError, match=r"history\.json: expected the history that training writes, found none; train first"):
        read_history(tmp_path / "history.json")
