"""What travels to the page: one greeting in JSON, then a binary message a frame.

A frame's message: the length of the header as uint32 little-endian, the header as JSON in UTF-8, `seen` as bytes [C, H, W], and
the bits [C*T, H, W], eight per byte, the first in the highest place.
"""

from __future__ import annotations

import struct
from dataclasses import asdict
from typing import Any

import numpy as np

from owlbit.export.network_cost import layer_costs
from owlbit.toolchain.sensing.frame_record import Event, FrameRecord
from owlbit.toolchain.sensing.loop import Loop
from owlbit.toolchain.sensing.measured_power import measured_rows
from owlbit.toolchain.sensing.plain_json import to_json


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
        "clock_hz": loop.clock_hz,
        "mv_per_white": loop.sensor.white_electrons * loop.sensor.conversion_gain / 1000,
        "policy": asdict(loop.policy),
        "energy": asdict(loop.energy),
        "measured": measured_rows(),
        "note": loop.engine.note,
        "events": [event.as_json() for event in events],
    }


def standing(loop: Loop) -> dict[str, Any]:
    """The values that a viewer may change."""
    constants = {name: constant["value"] for name, constant in asdict(loop.energy).items()}
    return {"kind": "setting", **asdict(loop.controls.read()), "energy": constants}


def frame_message(record: FrameRecord, loop: Loop, recent: float | None, viewers: int) -> bytes:
    """`record` and the counts since the start. `recent`: share of the latest labelled frames that were decided rightly."""
    tally, setting = loop.tally, loop.controls.read()
    header = {
        "index": record.index,
        "time_s": record.time_s,
        "name": record.name,
        "label": record.label,
        "lux": record.lux,
        "mismatch_mv": record.mismatch_mv,
        "exposure_s": record.exposure_s,
        "electrons": float(record.electrons.mean()),
        "activity": [round(share, 4) for share in record.activity.tolist()],
        "scores": record.scores.tolist(),
        "decision": record.decision,
        "margin": record.margin,
        "contrast": round(record.contrast, 4),
        "sure": record.sure,
        "event": record.event is not None,
        "awake": record.awake,
        "cycles": record.cycles,
        "latency_s": record.latency_s,
        "duty": record.duty,
        "energy_j": record.energy_j,
        "tally": asdict(tally),
        "accuracy": tally.accuracy,
        "recent": recent,
        "viewers": viewers,
        "setting": asdict(setting),
    }
    text = to_json(header).encode()
    return b"".join((struct.pack("<I", len(text)), text, record.seen.tobytes(), np.packbits(record.bits).tobytes()))
