"""What a FINN build leaves in its folder, and how far it got.

build.json            target, part, board, network, options, and the steps that were done; `state` is "building" until it ends well
network.npz           the integer network, which every step is compared with; not for a given file that is no `Network`
model.onnx            the QONNX file that the first step reads
intermediate_models/  a graph a step, STEP.onnx; from the partition on dataflow_parent.onnx holds what the host does
report/               FINN's estimates
sources/              generated HLS and RTL, unless FINN_BUILD_DIR names another folder
build.log             all that FINN and its tools print

Graphs name sources by absolute paths: a folder that was moved can be read and executed, but not gone on with.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import ConfigDict, with_config

from owlbit.export.errors import OwlbitError
from owlbit.export.files import make_folder, read_limited, write_text
from owlbit.export.limits import RECORD_BYTES
from owlbit.export.settings import parsed
from owlbit.hw.finn.step_names import PARTITIONED, STEP_NAMES

STATE, MODELS, PARENT, LOG = "build.json", "intermediate_models", "dataflow_parent.onnx", "build.log"
TARGET = "finn:"


@dataclass(frozen=True)
class StepDone:
    """A step that ended well, in wall seconds."""

    name: str
    seconds: float


@with_config(ConfigDict(extra="ignore"))
@dataclass(frozen=True)
class _Target:
    """What every build.json says, that of another target too."""

    target: str = ""


@with_config(ConfigDict(extra="forbid"))
@dataclass
class State:
    """The contents of build.json. `model_digest`: SHA-256 of model.onnx; `clock_ns`: clock period; `vivado`: its version or
    None; `notes`: what the reader of the network's file guessed, and what in it hangs on float rounding."""

    target: str
    part: str
    board: str | None
    network: str
    model_digest: str
    clock_ns: float
    frames_per_second: float | None
    folding: str | None
    finn: str
    vivado: str | None
    state: str = "building"
    steps: list[StepDone] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class BuildFolder:
    """A build folder at `path`, which exists or not."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.models = path / MODELS
        self.sources = path / "sources"

    def read(self) -> State | None:
        """The state, None where there is no FINN build here. OwlbitError where build.json is damaged."""
        file = self.path / STATE
        if not file.is_file():
            return None
        try:
            text = read_limited(file, RECORD_BYTES)
            if not parsed(_Target, text).target.startswith(TARGET):
                return None
            return parsed(State, text)
        except (OSError, ValueError) as error:
            raise OwlbitError(
                f"{file}: expected the state of a FINN build, could not read it ({error}); remove the folder"
            ) from None

    def write(self, state: State) -> None:
        """Replaces build.json."""
        write_text(self.path / STATE, json.dumps(asdict(state), indent=2) + "\n")

    def model_after(self, step: str) -> Path:
        """The graph that `step` left. OwlbitError where there is none."""
        path = self.models / f"{step}.onnx"
        if step not in STEP_NAMES or not path.is_file():
            there = [name for name in STEP_NAMES if (self.models / f"{name}.onnx").is_file()]
            raise OwlbitError(f"{self.path}: expected the graph of {step}, found those of {', '.join(there) or 'no step'}")
        return path

    def steps_done(self) -> list[str]:
        """The names of the steps whose graphs are here, in order. OwlbitError where this is no FINN build."""
        state = self.read()
        if state is None:
            raise OwlbitError(
                f"{self.path}: expected a FINN build, found no {STATE} of one; `owlbit build --target finn:PART` makes one"
            )
        return [step.name for step in state.steps]

    @staticmethod
    def is_partitioned(step: str) -> bool:
        """Whether the graph of `step` is that of the dataflow partition alone."""
        return STEP_NAMES.index(step) >= STEP_NAMES.index(PARTITIONED)

    def clear(self) -> None:
        """Removes the results of an earlier build; makes the folder."""
        if self.path.is_dir():
            shutil.rmtree(self.path)
        make_folder(self.models)

    def drop_from(self, step: str) -> None:
        """Removes the graphs of `step` and of all behind it."""
        for name in STEP_NAMES[STEP_NAMES.index(step) :]:
            (self.models / f"{name}.onnx").unlink(missing_ok=True)
