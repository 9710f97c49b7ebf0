"""The always-on loop: light, electrons, bits, decision, event, again and again; a `FrameRecord` per frame for whoever watches.

    loop = Loop(network, source)
    for record in loop.frames():        # ends with the source, or after loop.controls.stop()
        ...

The loop runs in the thread that iterates; `loop.controls` may be used from any other. It keeps nothing of past frames, so that
its memory does not grow. A corrupt frame is passed over, a vanished source is tried again; both are told through `notify`.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Network
from owlbit.export.network_cost import layer_costs
from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ
from owlbit.toolchain.sensing.controls import Controls, Setting
from owlbit.toolchain.sensing.converters import Converter, Reading, make_converter, network_thermometer
from owlbit.toolchain.sensing.energy import EnergyModel
from owlbit.toolchain.sensing.engine import Engine, FastEngine, Inference
from owlbit.toolchain.sensing.frame_record import Event, FrameRecord
from owlbit.toolchain.sensing.sensor import Chip, Exposure, PixelArray, Sensor, check_light, expose_for
from owlbit.toolchain.sensing.settings import default_settings
from owlbit.toolchain.sensing.sources.source import CorruptFrame, Shot, Source, SourceGone
from owlbit.toolchain.sensing.wake import WakePolicy, Waker, contrast, decide

RETRY_S = 1.0  # between tries to reach a source that is gone
# What the machine lacks for a while, and no source can help: file descriptors, of this process and of all; memory.
PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
MOST_LAG_S = 0.1  # behind its time table that the loop makes good


@dataclass
class Tally:
    """Counts since the start; plain numbers, written by the loop alone.

    `frames`; `labelled`, `right`: frames with a known label, and those that were decided so; `events`, and of those that came at a
    frame with a label `events_right` and `events_wrong`; `corrupt`: frames passed over; `gone`: how often the source vanished;
    `joules`: by consumer; `busy_s`: processor time of the loop's thread.
    """

    frames: int = 0
    labelled: int = 0
    right: int = 0
    events: int = 0
    events_right: int = 0
    events_wrong: int = 0
    corrupt: int = 0
    gone: int = 0
    joules: dict[str, float] = field(default_factory=dict)
    busy_s: float = 0.0

    @property
    def accuracy(self) -> float | None:
        """Share of the labelled frames that were decided rightly; None before the first."""
        return self.right / self.labelled if self.labelled else None


def say_nothing(_message: str) -> None:
    """Takes a notice."""


class Loop:
    """Everything of one always-on sensor.

    `converter`: "comparators" or "adc"; `frames_per_second`: also sets the longest exposure; `realtime`: wait for the next frame's
    time, or go as fast as possible; `fixed_lux`: expose for a scene so bright and never again, else follow the light; `clock_hz`:
    of the engine; `chip_seed`: which chip, `noise_seed`: its noise. Raises OwlbitError for what does not fit together.
    """

    def __init__(
        self,
        network: Network,
        source: Source,
        *,
        sensor: Sensor | None = None,
        policy: WakePolicy | None = None,
        energy: EnergyModel | None = None,
        engine: Engine | None = None,
        converter: Converter | None = None,
        controls: Controls | None = None,
        frames_per_second: float = 30.0,
        realtime: bool = True,
        fixed_lux: float | None = None,
        clock_hz: float = CLOCK_HZ,
        chip_seed: int = 0,
        noise_seed: int = 1,
        notify: Callable[[str], None] = say_nothing,
    ) -> None:
        self.network, self.source = network, source
        self.sensor = sensor or Sensor()
        self.policy = policy or WakePolicy()
        self.energy = energy or default_settings().energy
        self.engine = engine or FastEngine(network)
        self.converter = converter or make_converter("comparators", self.sensor, network)
        self.controls = controls or Controls(mismatch_mv=self.sensor.mismatch_mv)
        self.frames_per_second, self.realtime, self.fixed_lux = frames_per_second, realtime, fixed_lux
        self.clock_hz, self.notify = clock_hz, notify
        self.thermometer = network_thermometer(network)
        self.layer_names = [row.name for row in layer_costs(network)[:-1]]
        self.comparisons = int(np.prod(network.shapes[0]))
        self.tally = Tally()
        levels = self.thermometer.thresholds.shape[1]
        self.array = PixelArray(self.sensor, Chip.make(self.sensor, network.input_shape, levels, chip_seed))
        self._noise = np.random.default_rng(noise_seed)
        self._waker = Waker(self.policy)
        expose_for(self.sensor, self.controls.read().lux, frames_per_second, None if fixed_lux is None else check_light(fixed_lux))
        if self.engine.note:
            notify(self.engine.note)

    def frames(self) -> Iterator[FrameRecord]:
        """A record per frame until the source ends or `controls.stop()`; then closes it. Raises what the source raises for good."""
        due = time.monotonic()
        try:
            while self.controls.wait_turn():
                started = time.thread_time()
                shot = self._next_shot()
                if shot is None or self.controls.stopped:
                    return
                record = self._take(shot, self.controls.read())
                self.tally.busy_s += time.thread_time() - started
                yield record
                if self.realtime:
                    # A little lag is made good; after more the time table moves, so that no long burst follows.
                    due = max(due + 1 / self.frames_per_second, time.monotonic() - MOST_LAG_S)
                    self.controls.wait(due - time.monotonic())
        finally:
            self.source.close()

    def _next_shot(self) -> Shot | None:
        """The next frame, however long the source is gone; None at its end, and once stopped."""
        missing = corrupt = False  # told of already
        while True:
            shown = self.controls.take_shown()
            if shown is not None and shown[0].shape == self.network.input_shape:
                return Shot(*shown)
            if shown is not None:
                wanted = list(self.network.input_shape)
                self.notify(f"{shown[1]}: passed over, expected a frame of {wanted}, got {list(shown[0].shape)}")
                continue
            try:
                return self.source.read()
            except CorruptFrame as problem:
                self.tally.corrupt += 1
                if not corrupt:
                    self.notify(str(problem))
                corrupt = True
            except SourceGone as problem:
                if not missing:
                    self.tally.gone += 1
                    self.notify(f"{problem}; trying again every {RETRY_S:g} s")
                missing = True
                self.source.close()
                self.controls.wait(RETRY_S)
            except OSError as problem:
                if problem.errno not in PASSING:
                    raise
                if not missing:
                    self.tally.gone += 1
                    self.notify(f"no frame could be read ({problem.strerror}); trying again every {RETRY_S:g} s")
                missing = True
                self.controls.wait(RETRY_S)
            if self.controls.stopped:
                return None

    def _take(self, shot: Shot, setting: Setting) -> FrameRecord:
        lux = setting.lux * shot.light
        exposure = expose_for(self.sensor, lux, self.frames_per_second, self.fixed_lux)
        electrons = self.array.expose(shot.frame[None], exposure, self._noise)
        reading = self.converter.read(electrons, exposure, self.array.chip, self.sensor.to_electrons(setting.mismatch_mv))
        inference = self.engine.infer(reading)
        record = self._judge(shot, lux, setting, exposure, electrons[0], reading, inference)
        self._count(record)
        return record

    def _judge(
        self,
        shot: Shot,
        lux: float,
        setting: Setting,
        exposure: Exposure,
        electrons: NDArray[np.float32],
        reading: Reading,
        inference: Inference,
    ) -> FrameRecord:
        index = self.tally.frames
        time_s, frame_s = index / self.frames_per_second, 1 / self.frames_per_second
        decision, margin = decide(inference.scores)
        spread = contrast(reading.bits[0], self.network.input_shape[0])
        sure = self._waker.is_sure(decision, margin, spread)
        agreeing = self._waker.agree(decision, sure)
        cycles = inference.cycles
        latency = None if cycles is None else cycles / self.clock_hz
        event = None
        if agreeing:
            event = Event(
                index=index,
                time_s=time_s,
                wall=datetime.now(UTC).isoformat(timespec="milliseconds"),
                decision=decision,
                name=self.network.class_names[decision],
                score=inference.scores[decision].item(),
                margin=margin,
                frames=agreeing,
                label=shot.label,
                lux=lux,
                latency_s=latency,
            )
        light = (electrons - np.float32(exposure.dark)) / np.float32(exposure.reference)
        seen = np.clip(np.rint(self.sensor.to_value(light)), 0, 255).astype(np.uint8)
        bits = reading.bits[0]
        for array in (electrons, seen, bits, inference.scores, inference.activity):
            array.setflags(write=False)
        return FrameRecord(
            index=index,
            time_s=time_s,
            frame=shot.frame,
            name=shot.name,
            label=shot.label,
            lux=lux,
            mismatch_mv=setting.mismatch_mv,
            exposure_s=exposure.seconds,
            electrons=electrons,
            seen=seen,
            bits=bits,
            activity=inference.activity,
            scores=inference.scores,
            decision=decision,
            margin=margin,
            contrast=spread,
            sure=sure,
            event=event,
            awake=self._waker.is_awake,
            cycles=cycles,
            latency_s=latency,
            duty=None if latency is None else min(1.0, latency / frame_s),
            energy_j={}
            if cycles is None
            else self.energy.frame_joules(cycles, frame_s, self.comparisons, event is not None, self.clock_hz),
        )

    def _count(self, record: FrameRecord) -> None:
        tally = self.tally
        joules = {name: tally.joules.get(name, 0.0) + value for name, value in record.energy_j.items()}
        right = record.label is not None and record.decision == record.label
        self.tally = replace(
            tally,
            frames=tally.frames + 1,
            labelled=tally.labelled + (record.label is not None),
            right=tally.right + right,
            events=tally.events + (record.event is not None),
            events_right=tally.events_right + (record.event is not None and right),
            events_wrong=tally.events_wrong + (record.event is not None and record.label is not None and not right),
            joules=joules,
        )
