"""What the chip must say of frame after frame: crop, mean, scores, decision and wake-up, written from their definition alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chip_host import Result
from owlbit.export.network import Network
from owlbit.hw import reference


@dataclass(frozen=True)
class Policy:
    """The fields of the flash header and of SET_WAKE."""

    needed: int
    of: int
    margin: int
    hold_off_frames: int
    quiet: tuple[int, ...] = ()

    def payload(self) -> bytes:
        mask = bytearray(32)
        for index in self.quiet:
            mask[index // 8] |= 1 << (7 - index % 8)
        head = bytes([self.needed, self.of]) + self.margin.to_bytes(4, "little") + self.hold_off_frames.to_bytes(2, "little")
        return head + bytes(mask)


def frame_of(picture: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    """A picture uint8 [240, 320] as the network sees it, pixel by pixel."""
    height, width = picture.shape
    k = min(width // columns, height // rows)
    top, left = (height - k * rows) // 2, (width - k * columns) // 2
    frame = np.zeros((rows, columns), np.uint8)
    for row in range(rows):
        for column in range(columns):
            square = picture[top + row * k : top + (row + 1) * k, left + column * k : left + (column + 1) * k]
            frame[row, column] = (int(square.sum(dtype=np.int64)) + k * k // 2) // (k * k)
    return frame


class Golden:
    """Takes frames uint8 [C, H, W] and gives the RESULT of each."""

    def __init__(self, network: Network, policy: Policy, multipliers: list[int] | None = None, offsets: list[int] | None = None):
        self.network = network
        self.multipliers = multipliers or [1] * network.classes
        self.offsets = offsets or [0] * network.classes
        self.frame = 0
        self.set_policy(policy)

    def set_policy(self, policy: Policy) -> None:
        self.policy = policy
        self.history: list[int | None] = []
        self.hold_off = 0

    def results(self, frames: NDArray[np.uint8], pushed: bool = False) -> list[Result]:
        """Of uint8 [N, C, H, W], in order."""
        return [self._decide(tuple(int(score) for score in row), pushed) for row in reference.simulate(self.network, frames)]

    def _decide(self, scores: tuple[int, ...], pushed: bool) -> Result:
        ranked = [score * factor + offset for score, factor, offset in zip(scores, self.multipliers, self.offsets, strict=True)]
        decision = ranked.index(max(ranked))
        others = ranked[:decision] + ranked[decision + 1 :]
        margin = ranked[decision] - max(others) if others else max(0, ranked[decision])
        sure = margin >= self.policy.margin and decision not in self.policy.quiet
        self.history.append(decision if sure else None)
        del self.history[: -self.policy.of]
        held = self.hold_off > 0
        self.hold_off = max(0, self.hold_off - 1)
        wake = sure and not held and 0 < self.policy.needed <= self.history.count(decision)
        if wake:
            self.history.clear()
            self.hold_off = self.policy.hold_off_frames
        number = self.frame
        self.frame = (self.frame + 1) & 0xFFFF
        return Result(number, wake, sure, pushed, held, decision, margin, scores)
