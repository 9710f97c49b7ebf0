"""What the loop tells of one frame: all that a page, a log or a test wants to know, and nothing that can change afterwards."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Bits


@dataclass(frozen=True)
class Event:
    """The host is woken.

    `index`, `time_s`: of the frame, from the start; `wall`: UTC, ISO 8601; `decision`: class index, `name` of it; `score`,
    `margin`: of that frame; `frames`: how many of the last n agreed; `label`: what was shown, where it is known; `lux`: the
    light; `latency_s`: from the first pixel to the last score, None without cycles.
    """

    index: int
    time_s: float
    wall: str
    decision: int
    name: str
    score: float
    margin: float
    frames: int
    label: int | None
    lux: float
    latency_s: float | None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class FrameRecord:
    """One frame, from light to decision. Arrays are read-only.

    `index`: from 0; `time_s`: index / frame rate.
    `frame`: uint8 [C, H, W], what is before the lens; `name`: of its file, or what the scene calls it; `label`: its class index,
    None where there is nothing or nobody knows; `lux`: light on the scene; `exposure_s`; `electrons`: float32 [C, H, W] as read
    out; `seen`: uint8 [C, H, W], the electrons as picture values (reference white = 255), for the eye alone.
    `bits`: uint8 0 and 1 [C*T, H, W], what the network reads.
    `activity`: float64 [layers - 1], share of ones in each layer's output, the scores left out; names in `Loop.layer_names`.
    `scores`: what ranks, [classes]; `decision`: first index of the largest; `margin`: to the second; `contrast`: share 0..1 of the
    thermometer between the 10th and the 90th percentile of pixels; `sure`: whether margin and contrast meet the wake policy.
    `event`: where this frame wakes the host; `awake`: whether the host still is.
    `cycles`: clock cycles from first pixel to last score; `latency_s`: the same in seconds; `duty`: share of the frame time in
    which the engine works; `energy_j`: estimate for this frame: joules by consumer (see `energy.EnergyModel`). None where no
    engine takes the network, and the energy then is empty.
    """

    index: int
    time_s: float
    frame: NDArray[np.uint8]
    name: str
    label: int | None
    lux: float
    mismatch_mv: float
    exposure_s: float
    electrons: NDArray[np.float32]
    seen: NDArray[np.uint8]
    bits: Bits
    activity: NDArray[np.float64]
    scores: NDArray[Any]
    decision: int
    margin: float
    contrast: float
    sure: bool
    event: Event | None
    awake: bool
    cycles: int | None
    latency_s: float | None
    duty: float | None
    energy_j: dict[str, float]

    @property
    def energy_total_j(self) -> float:
        """Joules of this frame, all consumers together."""
        return sum(self.energy_j.values())
