"""How much of a training's time is over, and the rate at that moment."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

WARM_UP = {"adam": 0.02, "sgd": 0.15}  # share of the time in which the rate rises


class Clock:
    """`seconds` from now on. `now`: seconds of a clock that never goes back, for tests."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self.seconds, self._now = seconds, now
        self._start = now()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._now() - self._start

    @property
    def done(self) -> float:
        """Share of the time that is over, 0 and more."""
        return self.elapsed / self.seconds


def rate_factor(done: float, optimiser: str) -> float:
    """Of the rate when the share `done`, 0..1, of the time is over: "adam" rises, then falls along a cosine; "sgd" along a line."""
    rise = WARM_UP[optimiser]
    if optimiser == "sgd":
        return done / rise if done < rise else max(0.0, 1 - done) / (1 - rise)
    return min(1.0, (done + 1e-3) / rise) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
