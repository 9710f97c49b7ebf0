"""Several viewers of one loop, over real sockets: fast, slow, gone in the middle of a frame. The loop never waits for any."""

from __future__ import annotations

import itertools
import json
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from websockets.sync.client import ClientConnection, connect

from owlbit.toolchain.sensing.loop import Loop
from owlbit.toolchain.sensing.server import viewers
from owlbit.toolchain.sensing.server.viewers import QUEUE, Feed
from owlbit.toolchain.sensing.sources.source import Shot
from owlbit.toolchain.sensing.wake import WakePolicy
from sensing_tools import Script, demo_network, shots
from serving import read_frame, serving, turn, wait_until

PATIENCE = 20


def endless() -> Iterator[Shot]:
    return itertools.cycle(shots(20))


def limited(frames: int) -> Loop:
    policy = WakePolicy(margin=0, needed=1, of=1, hold_off_frames=14, contrast=0)  # an event every 15 frames
    return Loop(demo_network(), Script(itertools.islice(endless(), frames)), policy=policy, realtime=False)


def frames_of(viewer: ClientConnection, last: int) -> tuple[list[int], list[int]]:
    """(indices of frames, of events) that `viewer` gets until frame `last` comes."""
    frames: list[int] = []
    events: list[int] = []
    while not frames or frames[-1] != last:
        message = viewer.recv(PATIENCE)
        if isinstance(message, bytes):
            frames.append(read_frame(message, (1, 16, 16), 16)[0]["index"])
        elif (said := json.loads(message))["kind"] == "event":
            events.append(said["index"])
    return frames, events


@pytest.fixture
def every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames are sent however fast they come."""
    monkeypatch.setattr(viewers, "SHORTEST_S", 0)


@pytest.mark.usefixtures("every_frame")
def test_a_slow_viewer_loses_frames_but_no_event_and_the_loop_goes_on() -> None:
    count = 900
    loop = limited(count)
    loop.controls.pause()
    with serving(loop) as (feed, address), ExitStack() as stack:
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect((address.split(":")[0], int(address.split(":")[1])))
        slow = stack.enter_context(connect(f"ws://{address}/live", sock=line, max_queue=1, close_timeout=1))
        fast = stack.enter_context(connect(f"ws://{address}/live", max_queue=None))
        wait_until(lambda: len(feed.viewers) == 2)
        thread = turn(loop, feed)
        started = time.monotonic()
        loop.controls.resume()
        frames, events = frames_of(fast, count - 1)
        thread.join(PATIENCE)
        assert not thread.is_alive() and time.monotonic() - started < PATIENCE
        assert feed.dropped > 0
        assert all(len(viewer.frames) <= QUEUE for viewer in feed.viewers)
        late_frames, late_events = frames_of(slow, count - 1)
        assert len(late_frames) < count / 2 and late_frames == sorted(set(late_frames))
        assert len(frames) > len(late_frames)
        assert events == late_events == [event.index for event in feed.events()] == list(range(0, count, 15))


@pytest.mark.usefixtures("every_frame")
def test_a_viewer_that_is_gone_in_the_middle_of_a_frame_is_forgotten() -> None:
    loop = Loop(demo_network(), Script(endless()), realtime=False)
    with serving(loop) as (feed, address):
        thread = turn(loop, feed)
        for _ in range(5):
            with connect(f"ws://{address}/live", close_timeout=0.1) as viewer:
                viewer.recv(PATIENCE)
                viewer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, no farewell
                viewer.socket.close()
        wait_until(lambda: not feed.viewers)
        before = loop.tally.frames
        wait_until(lambda: loop.tally.frames > before + 100)
        loop.controls.stop()
        thread.join(PATIENCE)


def test_what_one_viewer_changes_the_others_hear() -> None:
    loop = Loop(demo_network(), Script(endless()), frames_per_second=50)
    with serving(loop) as (feed, address):
        thread = turn(loop, feed)
        with connect(f"ws://{address}/live") as one, connect(f"ws://{address}/live") as other:
            one.send('{"light": 3.5}')
            deadline = time.monotonic() + PATIENCE
            while (message := other.recv(PATIENCE)) is None or isinstance(message, bytes) or '"lux":3.5' not in message:
                assert time.monotonic() < deadline
            while not isinstance(message := other.recv(PATIENCE), bytes) or read_frame(message, (1, 16, 16), 16)[0]["lux"] != 3.5:
                assert time.monotonic() < deadline
        loop.controls.stop()
        thread.join(PATIENCE)


def test_frames_beyond_what_an_eye_can_tell_are_not_sent() -> None:
    loop = Loop(demo_network(), Script(itertools.islice(endless(), 400)), policy=WakePolicy(margin=10**6), frames_per_second=400)
    with serving(loop) as (feed, address), connect(f"ws://{address}/live", max_queue=None) as viewer:
        wait_until(lambda: feed.viewers)
        turn(loop, feed).join(PATIENCE * 3)
        got = 0
        with pytest.raises(TimeoutError):
            while True:
                got += isinstance(viewer.recv(0.5), bytes)
        assert 5 < got < 300


def test_the_log_of_events_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewers, "EVENTS", 10)
    policy = WakePolicy(margin=0, needed=1, of=1, hold_off_frames=0, contrast=0)
    loop = Loop(demo_network(), Script(itertools.islice(endless(), 30)), policy=policy, realtime=False)
    feed = Feed(loop)
    for record in loop.frames():
        feed.take(record)
    assert [event.index for event in feed.events()] == list(range(20, 30))
    assert [event.index for event in feed.events(26)] == [27, 28, 29]
