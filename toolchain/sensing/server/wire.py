"""What travels to the page: one greeting in JSON, then a binary message a frame.

A frame's message: the length of the header as uint32 little-endian, the header as JSON in UTF-8, `seen` as bytes [C, H, W], and
the bits [C*T, H, W], eight a byte, the first in the highest place.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict
from typing import Any

import numpy as np

from owlbit.export.network_cost import layer_costs
from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ
from owlbit.toolchain.sensing.loop import Loop
from owlbit.toolchain.sensing.moment import Event, Moment


def greeting(loop: Loop, events: list[Event]) -> dict[str, Any]:
    """All that does not change from frame to frame, and the `events` so far, oldest first."""
    network = loop.network
    costs = layer_costs(network)
    return {
        "kind": "hello",
        "name": network.name,
        "shape": list(network.input_shape),
        "classes": list(network.class_names),
        "layers": loop.layer_names,
        "feature_bits": [row.feature_bits for row in costs[:-1]],
        "weight_bits": sum(row.weight_bits for row in costs),
        "thresholds": loop.thermometer.thresholds.tolist(),
        "frames_per_second": loop.frames_per_second,
        "realtime": loop.realtime,
        "clock_hz": CLOCK_HZ,
        "mv_per_white": loop.sensor.white_electrons * loop.sensor.conversion_gain / 1000,
        "policy": asdict(loop.policy),
        "energy": asdict(loop.energy),
        "note": loop.engine.note,
        "events": [event.as_json() for event in events],
    }


def standing(loop: Loop) -> dict[str, Any]:
    """The values that a viewer may change."""
    constants = {name: constant["value"] for name, constant in asdict(loop.energy).items()}
    return {"kind": "setting", **asdict(loop.controls.read()), "energy": constants}


def frame_message(moment: Moment, loop: Loop, recent: float | None, viewers: int) -> bytes:
    """`moment` and the counts since the start. `recent`: share of the latest labelled frames that were decided rightly."""
    tally, setting = loop.tally, loop.controls.read()
    header = {
        "index": moment.index,
        "time_s": moment.time_s,
        "name": moment.name,
        "label": moment.label,
        "lux": moment.lux,
        "mismatch_mv": moment.mismatch_mv,
        "exposure_s": moment.exposure_s,
        "electrons": float(moment.electrons.mean()),
        "activity": [round(share, 4) for share in moment.activity.tolist()],
        "scores": moment.scores.tolist(),
        "decision": moment.decision,
        "margin": moment.margin,
        "contrast": round(moment.contrast, 4),
        "sure": moment.sure,
        "event": moment.event is not None,
        "awake": moment.awake,
        "cycles": moment.cycles,
        "latency_s": moment.latency_s,
        "duty": moment.duty,
        "energy_j": moment.energy_j,
        "tally": asdict(tally),
        "accuracy": tally.accuracy,
        "recent": recent,
        "viewers": viewers,
        "setting": asdict(setting),
    }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return b"".join((struct.pack("<I", len(text)), text, moment.seen.tobytes(), np.packbits(moment.bits).tobytes()))
