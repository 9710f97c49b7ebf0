"""`owlbit listen`: what a board says as lines of JSON; images pushed to it, with the chip's scores beside the simulator's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Network
from owlbit.hw.reference import simulate
from owlbit.hw.up5k.host.client import Device, explain_error
from owlbit.hw.up5k.host.packets import Result

QUIET_S = 2.0  # without a packet, after which the board is asked whether it is still there


def as_json(result: Result, network: Network | None = None) -> dict[str, Any]:
    """A result as a line says it; with the name of its class where the network is known."""
    known = network is not None and result.decision < network.classes
    name = {"name": network.class_names[result.decision]} if network is not None and known else {}
    return {
        "frame": result.frame,
        "time": round(time.time(), 3),
        "class": result.decision,
        **name,
        "margin": result.margin,
        "sure": result.sure,
        "wake": result.wakes,
        "hold_off": result.held,
        "pushed": result.pushed,
        "scores": result.scores.tolist(),
    }


def error_json(code: int) -> dict[str, Any]:
    """An error of the chip as a line says it."""
    return {"time": round(time.time(), 3), "error": code, "text": explain_error(code)}


def listen(
    device: Device, network: Network | None = None, count: int | None = None, only_wakes: bool = False
) -> Iterator[dict[str, Any]]:
    """What the board says, for ever or until `count` lines. A wake-up is acknowledged, which lowers the wake pin.

    Raises DeviceError where the board answers no more, StreamError where it is gone.
    """
    told = 0
    while count is None or told < count:
        came = False
        for each in device.events(device.clock() + QUIET_S):
            came = True
            if isinstance(each, Result):
                if each.wakes:
                    device.acknowledge()
                if only_wakes and not each.wakes:
                    continue
                yield as_json(each, network)
            else:
                yield error_json(each)
            told += 1
            if told == count:
                return
        if not came:
            device.status()


def push_images(
    device: Device, images: NDArray[np.uint8], names: list[str], network: Network | None = None
) -> Iterator[dict[str, Any]]:
    """A line for each of the uint8 images [N, C, H, W]: the chip's scores, and whether they are the simulator's."""
    for name, frame in zip(names, images, strict=True):
        result = device.push(np.ascontiguousarray(frame))
        line = {"image": name, **as_json(result, network)}
        if network is not None:
            expected = simulate(network, frame[None])[0]
            line |= {"simulator": expected.tolist(), "equal": bool(np.array_equal(expected, result.scores))}
        yield line
