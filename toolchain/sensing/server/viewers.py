"""Between the loop's thread and the viewers' connections: bounded queues, so that a slow viewer loses frames and nobody waits.

Events are never lost to a viewer: they lie in a log of the latest EVENTS, and each viewer remembers how far it has read.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque

from owlbit.toolchain.sensing.frame_record import Event, FrameRecord
from owlbit.toolchain.sensing.loop import Loop
from owlbit.toolchain.sensing.server.wire import frame_message

QUEUE = 4  # frames that wait for one viewer
EVENTS = 10_000  # in the log
RECENT = 300  # labelled frames of the running accuracy
SHORTEST_S = 1 / 45  # between two frames that are sent, however fast the loop is: more than an eye can tell


class Viewer:
    """One connection. `put` and `call` belong to the loop's thread or any other, `take` to the connection."""

    def __init__(self, after: int) -> None:
        self.frames: deque[bytes] = deque(maxlen=QUEUE)
        self.after = after  # index of the last event that was sent
        self.setting_changed = True
        self.dropped = 0
        self._lock = threading.Lock()
        self._ready = asyncio.Event()
        self._aio = asyncio.get_running_loop()
        self._called = False

    def put(self, message: bytes) -> int:
        """Adds a frame; how many older ones had to go for it: 0 or 1."""
        with self._lock:
            lost = len(self.frames) == QUEUE
            self.frames.append(message)
            self.dropped += lost
        self.call()
        return int(lost)

    def call(self) -> None:
        """Something waits. Calls that nobody has heard yet are one call: nothing piles up behind a busy server."""
        with self._lock:
            if self._called or self._aio.is_closed():
                return
            self._called = True
        with contextlib.suppress(RuntimeError):  # the server is ending
            self._aio.call_soon_threadsafe(self._ready.set)

    async def wait(self) -> None:
        """Until something waits."""
        await self._ready.wait()
        self._ready.clear()
        with self._lock:
            self._called = False

    def take(self) -> bytes | None:
        """The oldest frame that waits."""
        with self._lock:
            return self.frames.popleft() if self.frames else None


class Feed:
    """Everything the page shows, kept for all viewers. `take` is for the loop's thread, the rest for the server's.

    `dropped`: frames that viewers were too slow for, all together; `latest`: when the last frame came, of `time.monotonic`.
    """

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.viewers: frozenset[Viewer] = frozenset()
        self.dropped = 0
        self.latest = time.monotonic()
        self.record: FrameRecord | None = None
        self._events: deque[Event] = deque(maxlen=EVENTS)
        self._right: deque[bool] = deque(maxlen=RECENT)
        self._lock = threading.Lock()
        self._sent = float("-inf")

    @property
    def recent(self) -> float | None:
        """Share of the latest RECENT labelled frames that were decided rightly; None before the first."""
        return sum(self._right) / len(self._right) if self._right else None

    def take(self, record: FrameRecord) -> None:
        """One frame of the loop."""
        self.record, self.latest = record, time.monotonic()
        if record.label is not None:
            self._right.append(record.decision == record.label)
        if record.event is not None:
            with self._lock:
                self._events.append(record.event)
        viewers = self.viewers
        wanted = record.event is not None or self.loop.controls.read().paused or self.latest - self._sent >= SHORTEST_S
        if viewers and wanted:
            self._sent = self.latest
            message = self.message()
            self.dropped += sum(viewer.put(message) for viewer in viewers)

    def message(self) -> bytes:
        """The last frame. There must have been one."""
        assert self.record is not None
        return frame_message(self.record, self.loop, self.recent, len(self.viewers))

    def events(self, after: int = -1) -> list[Event]:
        """Those of frames later than `after`, oldest first."""
        with self._lock:
            newer: list[Event] = []
            for event in reversed(self._events):
                if event.index <= after:
                    break
                newer.append(event)
            return newer[::-1]

    def join(self) -> Viewer:
        """A new viewer, who gets every event and frame from now on. Must run in the server's thread."""
        seen = self.events()
        viewer = Viewer(seen[-1].index if seen else -1)
        self.viewers |= {viewer}
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """It gets no more."""
        self.viewers -= {viewer}

    def tell_setting(self) -> None:
        """Every viewer shall hear the values that one of them has changed."""
        for viewer in self.viewers:
            viewer.setting_changed = True
            viewer.call()
