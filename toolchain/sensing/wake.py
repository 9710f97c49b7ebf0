"""When the host is woken: only by frames that are sure, only by k of n that agree, and not again for a while.

All but the contrast is integers, and the same in the firmware of a board: for the same scores both wake at the same frames.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Bits, Network
from owlbit.hw.up5k.class_table import rank_on_chip
from owlbit.hw.up5k.wake_policy import NEVER, ChipPolicy
from owlbit.models.recipe_keys import key


@dataclass(frozen=True)
class WakeRule:
    """When the host is woken, without the classes that never wake it. Raises OwlbitError for values that no chip can hold."""

    margin: Annotated[int, key("least difference between the largest and the second score")] = 60
    needed: Annotated[int, key("frames that must agree; 0: never wakes the host")] = 3
    of: Annotated[int, key("of how many latest frames, at most 16")] = 5
    hold_off_frames: Annotated[int, key("frames after a wake-up that cannot wake the host")] = 60
    contrast: Annotated[
        float,
        key(
            "least difference between the 90th and the 10th percentile of the pixels' thermometer values, as a share of the range: "
            'empty scenes do not wake the host of a network without a class "nothing"; off with a board, whose chip has no check'
        ),
    ] = 0.2

    def __post_init__(self) -> None:
        ChipPolicy(self.needed, self.of, self.margin, self.hold_off_frames)
        if not 0 <= self.contrast <= 1:
            raise OwlbitError(f"wake policy: expected a contrast in 0..1, got {self.contrast:g}")


@dataclass(frozen=True)
class WakePolicy(WakeRule):
    """A frame is sure if its largest score exceeds the second by `margin`, its class is not in `quiet` and it has `contrast`.

    The host is woken when `needed` of the last `of` frames, including the newest, are sure of the newest frame's class. The next
    `hold_off_frames` frames cannot wake it, but count for later decisions.
    """

    quiet: tuple[int, ...] = ()

    def on_chip(self, network: Network) -> ChipPolicy:
        """The policy without the contrast, as in a flash image and on the host link; `margin` in the chip's integers.

        It never wakes the host if the chip has no such integers: then the host decides.
        """
        ranking = rank_on_chip(network)
        if ranking.host_decides:
            return NEVER
        margin = min(round(self.margin * ranking.scale), (1 << 32) - 1)
        return ChipPolicy(self.needed, self.of, margin, self.hold_off_frames, self.quiet)


class Waker:
    """Applies a policy to frame after frame."""

    def __init__(self, policy: WakePolicy) -> None:
        self.policy = policy
        self.recent: deque[int | None] = deque(maxlen=policy.of)
        self.held = False  # the newest frame could not wake
        self.frames_to_hold = 0

    def is_sure(self, decision: int, margin: float, contrast: float) -> bool:
        """Whether a frame counts."""
        policy = self.policy
        return margin >= policy.margin and contrast >= policy.contrast and decision not in policy.quiet

    def agree(self, decision: int, sure: bool) -> int:
        """Takes a frame; how many of the last n agree with it where that wakes the host, else 0."""
        self.recent.append(decision if sure else None)
        self.held = self.frames_to_hold > 0
        self.frames_to_hold -= self.held
        agreeing = self.recent.count(decision) if sure else 0
        if self.held or not self.policy.needed or agreeing < self.policy.needed:
            return 0
        self.frames_to_hold = self.policy.hold_off_frames
        self.recent.clear()
        return agreeing

    @property
    def is_awake(self) -> bool:
        """Whether the newest frame woke the host or lies in the hold-off after one that did."""
        return self.held or self.frames_to_hold > 0


def decide(ranked: NDArray[Any]) -> tuple[int, float]:
    """(first index of the largest, its lead over the second; of a single class its value, 0 at least).

    A whole number where `ranked` are.
    """
    best = int(ranked.argmax())
    others = np.delete(ranked, best)
    # Python's numbers, as the difference of two int32 may need 33 bits.
    lead: float = ranked[best].item() - others.max().item() if others.size else max(0, ranked[best].item())
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
