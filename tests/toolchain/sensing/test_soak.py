"""Memory stays flat at full speed, with all that an hour brings: events, corrupt frames, a webhook that is down, controls."""

from __future__ import annotations

import gc
import itertools
import os
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from owlbit.toolchain.sensing.frame_record import Event
from owlbit.toolchain.sensing.loop import Loop
from owlbit.toolchain.sensing.sinks import Sink, Webhook, file_sink
from owlbit.toolchain.sensing.sources.scene import Scene
from owlbit.toolchain.sensing.sources.source import CorruptFrame
from sensing_tools import Script, Step, demo_network


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def stormy(scene: Scene) -> Iterator[Step]:
    """The scene with every 50th frame torn."""
    for index in itertools.count():
        shot = scene.read()
        assert shot is not None
        yield CorruptFrame("torn") if index % 50 == 49 else shot


def soak(seconds: float, tmp_path: Path) -> tuple[Loop, int, int, int]:
    """Runs for so long; (loop, resident bytes after a fifth of the time and at the end, most traced bytes gained in between)."""
    loop = Loop(demo_network(), Script(stormy(Scene(demo_network()))), realtime=False)
    sinks: list[Sink] = [
        file_sink(tmp_path / "events.jsonl", print),
        Webhook("http://127.0.0.1:9/", lambda _: None, patience_s=0.001),
    ]
    for sink in sinks:  # the first event loads what a request needs
        sink.put(Event(0, 0.0, "", 0, "", 0, 0, 0, None, 0.0, None))
    started = time.monotonic()
    early = early_traced = 0
    for record in loop.frames():
        loop.controls.set_light(10 + record.index % 500)
        if record.event is not None:
            for sink in sinks:
                sink.put(record.event)
        passed = time.monotonic() - started
        if not early and passed > seconds / 5:
            gc.collect()
            early, early_traced = resident_bytes(), tracemalloc.get_traced_memory()[0]
        if passed > seconds:
            break
    gc.collect()
    late, late_traced = resident_bytes(), tracemalloc.get_traced_memory()[0]
    for sink in sinks:
        sink.close()
    return loop, early, late, late_traced - early_traced


def test_memory_is_flat_for_seconds(tmp_path: Path) -> None:
    soak(0.5, tmp_path)  # what the first frames compile and load
    tracemalloc.start()
    try:
        loop, _, _, gained = soak(4, tmp_path)
    finally:
        tracemalloc.stop()
    assert loop.tally.frames > 200 and loop.tally.corrupt >= 4
    assert gained < 64 << 10, f"{gained} bytes more after {loop.tally.frames} frames"


@pytest.mark.slow
def test_memory_is_flat_for_ten_minutes(tmp_path: Path) -> None:
    loop, early, late, _ = soak(600, tmp_path)
    assert loop.tally.frames > 20_000 and loop.tally.events > 100
    assert late - early < 4 << 20, f"{(late - early) / 1e6:.1f} MB more after {loop.tally.frames} frames"
