"""When the host is woken: only by frames that are sure, only by k of n that agree, and not again for a while."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Bits
from owlbit.models.recipe_keys import key


@dataclass(frozen=True)
class WakeRule:
    """What wakes, but for the classes that never do. Raises OwlbitError for values that never or always wake."""

    margin: Annotated[int, key("lead of the largest score over the second")] = 60
    needed: Annotated[int, key("frames that must agree")] = 3
    of: Annotated[int, key("among so many")] = 5
    hold_off_s: Annotated[float, key("then silence, s")] = 2.0
    contrast: Annotated[
        float,
        key(
            "share of the thermometer's range between the 10th and the 90th percentile of the pixels; keeps a network that knows "
            'no class "nothing" asleep before an empty scene'
        ),
    ] = 0.2

    def __post_init__(self) -> None:
        if not 1 <= self.needed <= self.of:
            raise OwlbitError(f"wake policy: expected k of n frames with 1 <= k <= n, got {self.needed} of {self.of}")
        if self.margin < 0 or not self.hold_off_s >= 0 or not 0 <= self.contrast <= 1:
            raise OwlbitError(
                "wake policy: expected a margin and a hold-off of at least 0 and a contrast in 0..1, got "
                f"{self.margin}, {self.hold_off_s:g} and {self.contrast:g}"
            )


@dataclass(frozen=True)
class WakePolicy(WakeRule):
    """A frame is sure where its largest score leads the second by `margin`, its class is not in `quiet` and it has `contrast`.

    The host is woken where `needed` of the last `of` frames are sure of one class; then not for `hold_off_s` seconds.
    """

    quiet: tuple[int, ...] = ()


class Waker:
    """Applies a policy to frame after frame."""

    def __init__(self, policy: WakePolicy) -> None:
        self.policy = policy
        self.recent: deque[int | None] = deque(maxlen=policy.of)
        self.asleep_from = float("-inf")

    def is_sure(self, decision: int, margin: float, contrast: float) -> bool:
        """Whether a frame counts."""
        policy = self.policy
        return margin >= policy.margin and contrast >= policy.contrast and decision not in policy.quiet

    def agree(self, decision: int, sure: bool, time_s: float) -> int:
        """Takes a frame; how many of the last n agree with it where that wakes the host, else 0."""
        self.recent.append(decision if sure else None)
        agreeing = self.recent.count(decision) if sure else 0
        if agreeing < self.policy.needed or time_s < self.asleep_from:
            return 0
        self.asleep_from = time_s + self.policy.hold_off_s
        self.recent.clear()
        return agreeing

    def is_awake(self, time_s: float) -> bool:
        """Whether the hold-off after an event still runs."""
        return time_s < self.asleep_from


def decide(scores: NDArray[Any]) -> tuple[int, float]:
    """(first index of the largest score, its lead over the second): a whole number where the scores are."""
    best = int(scores.argmax())
    others = np.delete(scores, best)
    lead: float = (scores[best] - others.max() if others.size else scores[best]).item()
    return best, lead


def contrast(bits: Bits, colours: int) -> float:
    """Of bits [C*T, H, W]: the 90th less the 10th percentile of how many of a pixel's T comparators fired, as a share of T.

    The greatest of the colours'.
    """
    counts = bits.reshape(colours, -1, bits.shape[1] * bits.shape[2]).sum(1, dtype=np.int64)
    ranked = np.sort(counts, axis=1)
    last = ranked.shape[1] - 1
    spread = ranked[:, round(0.9 * last)] - ranked[:, round(0.1 * last)]
    return float(spread.max() / (len(bits) // colours))
