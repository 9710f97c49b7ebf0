"""What a person may change while the loop runs: settable from any thread, read by the loop once a frame."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.sensing.ranges import MISMATCH, as_number, shown
from owlbit.toolchain.sensing.sensor import check_light

MOST_SHOWN = 16  # pictures that wait to be shown
MOST_STEPS = 100  # single frames that wait to be taken


@dataclass(frozen=True)
class Setting:
    """The values that a frame is taken with: `lux` on the scene, `mismatch_mv` rms of the comparators, `paused`."""

    lux: float
    mismatch_mv: float
    paused: bool


class Controls:
    """`lux`, `mismatch_mv`, pause, step, stop, and pictures to be shown in the place of the source's. All methods are thread-safe.

    Raises OwlbitError for light or mismatch outside its range, and for anything that is no number.
    """

    def __init__(self, lux: float = 200.0, mismatch_mv: float = 1.0) -> None:
        self._changed = threading.Condition()
        self._lux, self._mismatch = check_light(lux), _check_mismatch(mismatch_mv)
        self._paused = self._stopped = False
        self._steps = 0
        self._shown: deque[tuple[NDArray[np.uint8], str, int]] = deque(maxlen=MOST_SHOWN)

    def read(self) -> Setting:
        """All values at once."""
        with self._changed:
            return Setting(self._lux, self._mismatch, self._paused)

    def set_light(self, lux: float) -> None:
        """From the next frame on."""
        with self._changed:
            self._lux = check_light(lux)

    def set_mismatch(self, millivolts: float) -> None:
        """From the next frame on; the pattern stays, its size changes."""
        with self._changed:
            self._mismatch = _check_mismatch(millivolts)

    def pause(self) -> None:
        """No frame is taken until `resume` or `step`."""
        with self._changed:
            self._paused, self._steps = True, 0

    def resume(self) -> None:
        """Goes on at the frame rate."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def step(self) -> None:
        """One frame, then pause."""
        with self._changed:
            self._paused = True
            self._steps = min(self._steps + 1, MOST_STEPS)
            self._changed.notify_all()

    def show(self, frame: NDArray[np.uint8], name: str, frames: int = 1) -> None:
        """Puts uint8 [C, H, W] before the lens for `frames` frames; of more than MOST_SHOWN the oldest is dropped."""
        with self._changed:
            self._shown.append((frame, name, frames))

    def take_shown(self) -> tuple[NDArray[np.uint8], str] | None:
        """The next picture of `show`; for the loop."""
        with self._changed:
            if not self._shown:
                return None
            frame, name, frames = self._shown.popleft()
            if frames > 1:
                self._shown.appendleft((frame, name, frames - 1))
            return frame, name

    def stop(self) -> None:
        """Ends the loop after the frame at work; for good. Safe in a signal handler of the loop's own thread."""
        # No lock: a handler may interrupt the thread that holds it. Waiting threads look again within a tenth of a second.
        self._stopped = True

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    def wait(self, seconds: float) -> None:
        """Sleeps until `seconds` have passed or the loop is stopped; for the loop."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stopped:
            time.sleep(min(left, 0.1))

    def wait_turn(self) -> bool:
        """Waits while paused; True: take a frame, False: stopped. For the loop."""
        with self._changed:
            while self._paused and not self._steps and not self._stopped:
                self._changed.wait(0.1)
            self._steps = max(0, self._steps - 1)
            return not self._stopped


def _check_mismatch(millivolts: object) -> float:
    number = as_number(millivolts)
    if number is None or not number >= MISMATCH.low:
        raise OwlbitError(f"mismatch: expected at least 0 mV, got {shown(millivolts)}; give the comparators' offset as mV rms")
    return MISMATCH.check("mismatch", millivolts)
