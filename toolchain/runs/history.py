"""What each epoch of a training gave: the records in history.json and in checkpoints, written and read back. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, with_config

from owlbit.export.settings import parsed, read_json
from owlbit.toolchain.runs.run_folder import RunError, write_json


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class EpochRecord:
    """What one epoch gave. Accuracies and `flipped_signs` are shares 0..1.

    `epoch`: from 0, in the whole training; `stage`: from 1; `loss`, `accuracy`: means over the training images as they were varied
    in this epoch, while the weights moved; `validation_loss`, `validation_accuracy`: with the weights at its end; `flipped_signs`:
    of the binary weights, from its beginning to its end; `thresholds`: grey levels [colours, thresholds] at its end; `seconds`: its
    wall time, validation included.
    """

    epoch: int
    stage: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    flipped_signs: float
    thresholds: list[list[int]]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The record as plain values."""
        return asdict(self)

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> EpochRecord:
        """The record that `as_json` gave `content` of. Raises ValueError where it is another's."""
        return parsed(EpochRecord, json.dumps(content))


def write_history(path: Path, history: Sequence[EpochRecord]) -> None:
    """Writes the records, in order, as a JSON list, whole or not at all."""
    write_json(path, [record.as_json() for record in history])


def read_history(path: Path) -> tuple[EpochRecord, ...]:
    """The records that `write_history` wrote to `path`. Raises RunError where they are missing or not what training writes."""
    try:
        return read_json(tuple[EpochRecord, ...], path)
    except FileNotFoundError:
        raise RunError(f"{path}: expected the history that training writes, found none; train first") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: expected the history as training writes it, could not read it ({error}); train again") from None
