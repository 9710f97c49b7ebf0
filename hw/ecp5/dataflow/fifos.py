"""How deep the FIFOs of a pipeline must be, so that its slowest stage never waits.

A schedule that repeats with the slowest stage's cycles is laid out: every other stage is slowed down, by no more than to take as
long, and takes each pixel as soon as it can. What then waits at most between two stages is what their FIFO must hold. Stages
that run as soon as they can are never later than in such a schedule, so the depths suffice. How much each layer is slowed down is
chosen, one layer after the other, for the smallest FIFOs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import LogicSkip, Network, OrPool
from owlbit.hw.ecp5.dataflow.geometry import Geometry
from owlbit.hw.ecp5.dataflow.needs import last_inputs, skip_pixels
from owlbit.hw.ecp5.dataflow.stages import Stage, Stream

Times = NDArray[np.float64]

DEGREES = (0.0, 0.5)
FRAMES = 4  # until a schedule repeats
PROMPT = 4  # times faster than the period
LATENCY = 24  # cycles from a pixel's last word into a layer until it is seen behind it


@dataclass(frozen=True)
class _Waiting:
    """The pixels of a stream: `times`: float64 [H*W], when each is there; `fifo`: the stage whose depth decides how many may wait;
    `prompt`: they come from outside, and much faster than a layer takes them; `pace`: cycles that changes of their words
    behind the FIFO take for each."""

    times: Times
    fifo: str | None = None
    prompt: bool = False
    pace: float = 0.0


def fifo_depths(network: Network, stages: list[Stage], streams: dict[str, Stream]) -> dict[str, int]:
    """The depth in words of each `owl_fifo`, by its stage's name."""
    bits = {stage.name: streams[stage.ports["m"]].bits for stage in stages if stage.module == "owl_fifo"}
    degrees = {stage.layer: 1.0 for stage in stages if stage.geometry is not None and not stage.geometry.flat}

    def total(depths: dict[str, int]) -> int:
        return sum(depth * bits[name] for name, depth in depths.items())

    best = _fifo_depths(network, stages, streams, degrees)
    for layer in degrees:
        for degree in DEGREES:
            found = _fifo_depths(network, stages, streams, {**degrees, layer: degree})
            if total(found) < total(best):
                best, degrees[layer] = found, degree
    return best


def _fifo_depths(network: Network, stages: list[Stage], streams: dict[str, Stream], degrees: dict[int, float]) -> dict[str, int]:
    """The same with each layer slowed down by its degree, from 0, not at all, to 1, to the period."""
    period = max(stage.cycles for stage in stages)
    depths: dict[str, int] = {}
    waiting: dict[str, _Waiting] = {}
    taken: dict[str, Times] = {}  # when the pixels of a stream are gone, by FIFO
    paces = _paces(stages, streams)
    for stage in stages:
        ports = stage.ports
        source = waiting.get(ports["s"], _Waiting(np.zeros(1)))
        match stage.module:
            case "owl_thermometer":
                pixels = streams[ports["m"]].height * streams[ports["m"]].width
                prompt = stage.cycles * PROMPT < period
                waiting[ports["m"]] = _Waiting(np.arange(1, pixels + 1, dtype=np.float64) * (period / pixels), prompt=prompt)
            case "owl_fork":
                waiting[ports["a"]] = waiting[ports["b"]] = _Waiting(source.times)
            case "owl_fifo":
                waiting[ports["m"]] = _Waiting(source.times, stage.name, source.prompt)
            case "owl_join":
                earlier = waiting[ports["e"]]
                pace = max(source.pace, earlier.pace, paces[ports["s"]])
                steps = np.arange(len(source.times)) * np.float64(pace)
                joined: Times = steps + np.maximum.accumulate(source.times - steps) + pace
                for side in (source, earlier):
                    if side.fifo:
                        taken[side.fifo] = joined
                waiting[ports["m"]] = _Waiting(joined)
            case "owl_pool" | "owl_pool_window":
                layer = network.layers[stage.layer]
                assert isinstance(layer, OrPool)
                into, out = network.shapes[stage.layer - 1], network.shapes[stage.layer]
                waiting[ports["m"]] = _Waiting(source.times[last_inputs(into, out, layer.kernel, layer.stride, (0, 0, 0, 0))])
            case "owl_layer":
                assert stage.geometry is not None
                prompt = source.prompt and stage.geometry.slices >= network.input_shape[0]  # as fast as the layer may take them
                come = np.full_like(source.times, -np.inf) if prompt else source.times
                gone, made = _layer_times(stage.geometry, come, period, degrees.get(stage.layer, 0.0), paces[ports["m"]])
                if source.fifo:
                    taken[source.fifo] = source.times if prompt else gone
                waiting[ports["m"]] = _Waiting(made)
            case "owl_scores":
                pass
            case _:  # a change of width or order
                pixels = streams[ports["m"]].height * streams[ports["m"]].width
                waiting[ports["m"]] = replace(source, pace=max(source.pace, stage.cycles / pixels))
    for stage in stages:
        if stage.module == "owl_fifo":
            stream = streams[stage.ports["m"]]
            pixels = _most_waiting(waiting[stage.ports["m"]].times, taken[stage.name], period) + 1
            skip = stage.parameters.get("skip")
            if skip is not None:
                assert isinstance(network.layers[skip], LogicSkip)
                pixels = max(pixels, skip_pixels(network, skip))
            depths[stage.name] = max(2, pixels * stream.words)
    return depths


def _paces(stages: list[Stage], streams: dict[str, Stream]) -> dict[str, float]:
    """Cycles that a pixel of each stream takes on its way to the next FIFO or layer."""
    paces = dict.fromkeys(streams, 0.0)
    for stage in reversed(stages):
        into = streams[stage.ports["s"]]
        pace = stage.cycles / (into.height * into.width)
        match stage.module:
            case "owl_fifo" | "owl_lines" | "owl_layer" | "owl_scores":
                continue
            case "owl_fork":
                paces[into.name] = max(pace, paces[stage.ports["a"]], paces[stage.ports["b"]])
            case "owl_pool" | "owl_pool_window":
                paces[into.name] = pace
            case _:
                paces[into.name] = max(pace, paces[stage.ports["m"]])
    return paces


def _layer_times(geometry: Geometry, come: Times, period: int, degree: float, pace: float) -> tuple[Times, Times]:
    """When a layer has taken each pixel of its input, and when each of its output is there, where the next stages take one in no
    less than `pace` cycles."""
    if geometry.flat:
        whole = max(come.max(), 0.0) + LATENCY
        return np.full(len(come), whole), np.array([whole + (period if geometry.passes > 1 else 0)])
    slow = 1 + degree * (period / geometry.cycles - 1)
    outputs, real = geometry.marks()
    lasts = np.where(
        outputs, np.maximum(geometry.passes * geometry.slices * slow, pace), geometry.slices * slow
    )  # of each position
    before = np.cumsum(lasts) - lasts
    # A position is in the window when the one before is done with, and its pixel has had two passes to come in.
    earliest = np.full(len(real), -np.inf)
    earliest[real] = come + LATENCY + 2 * geometry.slices * slow
    ready = before
    for _ in range(FRAMES):
        earliest[0] = max(earliest[0], ready[-1] + lasts[-1] - period)
        ready = before + np.maximum.accumulate(earliest - before)
    return ready[real], (ready + lasts)[outputs] + LATENCY


def _most_waiting(made: Times, gone: Times, period: int) -> int:
    """The most pixels that are made and not gone at once, when frames follow every `period` cycles."""
    order = np.sort(gone)
    count = np.arange(1, len(made) + 1)
    waiting = count - np.searchsorted(order, made, side="right")
    for frame in range(1, int(order[-1] // period) + 2):
        waiting = waiting + len(made) - np.searchsorted(order - frame * period, made, side="right")
    return int(waiting.max())
