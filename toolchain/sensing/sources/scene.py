"""The embedded digits as a scripted scene: nothing for long, then one slides in, stays, and leaves; now and then the light changes.

Only originals of the test set appear. Everything is drawn from a seed, frame by frame, without end.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Network
from owlbit.toolchain.data.digits import TEST_ORIGINALS, originals, sensor_frames
from owlbit.toolchain.sensing.sources.source import Shot

# In frames: how long nothing is there, how long a digit stays, how long it slides, how often the light changes and how fast.
PAUSE, STAY, SLIDE = (60, 240), (30, 90), 8
LIGHT_EVERY, LIGHT_TURN = 900, 60
EMPTY, PART, WHOLE = "nothing", "part of a {}", "a {}"
LIGHTS = (1.0, 0.3, 0.05, 0.5)


class Scene:
    """A `Source` without end. Labels are known where the network's class names are the ten digits."""

    def __init__(self, network: Network, seed: int = 0) -> None:
        self.colours, *size = network.input_shape
        self.size = (size[0], size[1])
        self.labelled = network.class_names == tuple("0123456789")
        self.shots = self._script(np.random.default_rng(seed))

    def read(self) -> Shot | None:
        """The next frame; never None."""
        return next(self.shots)

    def close(self) -> None:
        """Nothing is open."""

    def _script(self, draw: np.random.Generator) -> Iterator[Shot]:
        pictures, labels = originals()
        index = 0
        while True:
            which = len(pictures) - 1 - int(draw.integers(TEST_ORIGINALS))
            digit = sensor_frames(pictures[which : which + 1], self.size, draw)[0, 0]
            border = np.concatenate([digit[0], digit[-1], digit[:, 0], digit[:, -1]])
            background = np.clip(np.rint(draw.normal(np.median(border), 2, self.size)), 0, 255).astype(np.uint8)
            for frame, shown in self._come_and_go(digit, background, draw):
                label = int(labels[which]) if shown == WHOLE and self.labelled else None
                name = shown.format(labels[which])
                yield Shot(np.repeat(frame[None], self.colours, axis=0), name, label, light_at(index))
                index += 1

    def _come_and_go(
        self, digit: NDArray[np.uint8], background: NDArray[np.uint8], draw: np.random.Generator
    ) -> Iterator[tuple[NDArray[np.uint8], str]]:
        """(uint8 [H, W], what it shows), frame by frame."""
        for _ in range(int(draw.integers(*PAUSE))):
            yield background, EMPTY
        side = int(draw.choice((-1, 1)))
        width = self.size[1]
        away = [round(width * (SLIDE - step) / SLIDE) for step in range(SLIDE)]
        stay = [0] * int(draw.integers(*STAY))
        for move in (*away, *stay, *away[::-1]):
            frame = background.copy()
            if side > 0:
                frame[:, move:] = digit[:, : width - move]
            else:
                frame[:, : width - move] = digit[:, move:]
            yield frame, WHOLE if move == 0 else PART


def light_at(index: int) -> float:
    """Factor on the light at frame `index`: one of LIGHTS by turns, each led over to evenly on a logarithmic scale."""
    period, inside = divmod(index, LIGHT_EVERY)
    before, now = LIGHTS[(period - 1) % len(LIGHTS)] if period else LIGHTS[0], LIGHTS[period % len(LIGHTS)]
    share = min(1.0, inside / LIGHT_TURN)
    return float(before ** (1 - share) * now**share)
