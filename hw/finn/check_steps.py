"""Every graph of a FINN build against the reference scores: which steps are exact, and which is the first that is not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from owlbit.hw.finn.build_folder import BuildFolder
from owlbit.hw.finn.execute import ExecutionError, execute_step
from owlbit.hw.finn.subject import load_subject, reference_scores
from owlbit.hw.verification import describe_difference


@dataclass(frozen=True)
class StepCheck:
    """One step: `difference` is empty where all scores are those of the reference; `seconds` of execution, an image."""

    step: str
    difference: str
    seconds: float

    @property
    def exact(self) -> bool:
        """Whether all scores are those of the reference."""
        return not self.difference


def check_steps(
    folder: Path, images: NDArray[np.uint8], report: Callable[[StepCheck], None] = lambda check: None
) -> list[StepCheck]:
    """Executes the graph after each step that the build in `folder` has done, on uint8 images [N, C, H, W], in order.

    Ends with the first step that differs from the reference, or that cannot be executed. Raises ToolMissing without FINN,
    OwlbitError for a folder without a build and for images that do not fit.
    """
    build = BuildFolder(folder)
    steps = build.steps_done()
    subject = load_subject(folder)
    expected = reference_scores(subject, images)
    checks: list[StepCheck] = []
    for step in steps:
        start = time.perf_counter()
        try:
            difference = describe_difference(expected, execute_step(build, step, subject, images))
        except ExecutionError as error:
            difference = str(error)
        checks.append(StepCheck(step, difference, (time.perf_counter() - start) / len(images)))
        report(checks[-1])
        if difference:
            break
    return checks


def first_difference(checks: Sequence[StepCheck]) -> StepCheck | None:
    """The first step that is not exact, None where all are."""
    return next((check for check in checks if not check.exact), None)
