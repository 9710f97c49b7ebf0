"""What the tests of sensing share: the demo network, and sources that do as they are told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Network
from owlbit.toolchain.data.digits import held_out_frames
from owlbit.toolchain.deploy.model_source import find_model
from owlbit.toolchain.sensing.sources.source import Shot

ROOT = Path(__file__).resolve().parents[2]

Step = Shot | Exception | Callable[[], None]


def printed_by(script: str) -> str:
    """What a Python script prints in a process of its own, which knows this module too."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@cache
def demo_network() -> Network:
    return find_model("zoo:digits").load()


@cache
def digits(count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    test = held_out_frames((16, 16))
    return test.images[:count], test.labels[:count]


def shots(count: int) -> list[Shot]:
    images, labels = digits(count)
    return [Shot(image, f"digit {label}", int(label)) for image, label in zip(images, labels, strict=True)]


class Script:
    """A source that gives shots, raises exceptions and calls functions in the order given, then ends."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = iter(steps)
        self.closed = 0

    def read(self) -> Shot | None:
        for step in self.steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Shot):
                return step
            step()
        return None

    def close(self) -> None:
        self.closed += 1
