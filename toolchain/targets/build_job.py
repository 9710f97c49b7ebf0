"""What `owlbit build` is asked for: a model, a target, a folder, and the options that only some targets take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from owlbit.export.network import Shape
from owlbit.toolchain.deploy.model_source import ModelSource

if TYPE_CHECKING:
    from owlbit.export.qonnx.input_range import InputRange


@dataclass(frozen=True)
class BuildOptions:
    """The options that only some targets take; None where one is not given. What each means is told by `owlbit.build`."""

    board: str | None = None
    wake: Path | None = None
    frames_per_second: float | None = None
    folding: Path | None = None
    first: str | None = None
    last: str | None = None
    name: str | None = None
    most: bool | None = None
    clock_mhz: float | None = None
    engine: bool | None = None
    weights_only: bool | None = None

    def given(self) -> tuple[str, ...]:
        """The names of the fields that are given, in order."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name) is not None)


# How each option is written on the command line.
FLAGS = {
    "board": "--board",
    "wake": "--wake",
    "frames_per_second": "--fps",
    "folding": "--folding",
    "first": "--from",
    "last": "--to",
    "name": "--name",
    "most": "--max",
    "clock_mhz": "--clock",
    "engine": "--engine",
    "weights_only": "--weights-only",
}


@dataclass(frozen=True)
class BuildJob:
    """One build. `target`: as the user wrote it; `folder`: the build folder to make; `progress` gets a line per step.

    `input_range`, `image_shape`: see `owlbit.export.qonnx.read.read_model`.
    """

    source: ModelSource
    target: str
    folder: Path
    input_range: InputRange | str
    image_shape: Shape | None
    options: BuildOptions
    progress: Callable[[str], None]
