"""Events out: a line each, a file appended to, a webhook that may be slow, down, or come back; the loop never waits."""

from __future__ import annotations

import contextlib
import errno
import io
import itertools
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.sensing import sinks
from owlbit.toolchain.sensing.frame_record import Event
from owlbit.toolchain.sensing.sinks import LineSink, Webhook, file_sink
from serving import wait_until


def event(index: int = 0) -> Event:
    return Event(index, index / 30, "2026-01-01T00:00:00.000+00:00", 2, "two", 100, 60, 3, None, 50.0, 0.0004)


@contextmanager
def server(answers: list[int], delay: float = 0.0) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """A server on this machine that gives `answers` by turns, the last one for good: (its URL, the bodies that got a 200)."""
    taken: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            time.sleep(delay)
            status = answers.pop(0) if len(answers) > 1 else answers[0]
            if status == 200:
                taken.append(body)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}/events", taken
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def test_lines_are_json_and_flushed(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "events.jsonl"
    sink = file_sink(path, print)
    sink.put(event(1))
    assert json.loads(path.read_text()) == event(1).as_json()
    sink.close()
    again = file_sink(path, print)
    again.put(event(2))
    again.close()
    assert [json.loads(line)["index"] for line in path.read_text().splitlines()] == [1, 2]


def test_a_stream_that_breaks_is_told_once(tmp_path: Path) -> None:
    told: list[str] = []
    stream = io.StringIO()
    sink = LineSink(stream, told.append)
    sink.put(event())
    stream.close()
    sink.put(event())
    sink.put(event())
    assert len(told) == 1 and "events are no longer written there" in told[0]


def test_places_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OwlbitError, match="expected a file for events, found a folder"):
        file_sink(tmp_path, print)
    (tmp_path / "file").write_text("")
    with pytest.raises(OwlbitError, match="expected a folder, found a file"):
        file_sink(tmp_path / "file" / "events", print)


@pytest.mark.parametrize("url", ["localhost:80", "ftp://127.0.0.1/", "http://", "", "file:///etc/passwd"])
def test_only_http_urls_are_webhooks(url: str) -> None:
    with pytest.raises(OwlbitError, match="webhook: expected an http or https URL"):
        Webhook(url, print)


def test_a_webhook_gets_every_event_in_order() -> None:
    with server([200]) as (url, taken):
        hook = Webhook(url, print)
        for index in range(20):
            hook.put(event(index))
        hook.close()
        assert taken == [event(index).as_json() for index in range(20)]
        assert (hook.sent, hook.lost) == (20, 0)


def test_a_webhook_that_fails_is_tried_again() -> None:
    told: list[str] = []
    with server([500, 503, 200]) as (url, taken):
        hook = Webhook(url, told.append, patience_s=0.01)
        hook.put(event(1))
        hook.put(event(2))
        hook.close()
        assert [body["index"] for body in taken] == [1, 2]
    assert len(told) == 1 and "not reached" in told[0]


def test_a_webhook_that_is_down_loses_its_events_and_nothing_else() -> None:
    with server([200]) as (url, _):
        pass  # now nobody listens there
    told: list[str] = []
    hook = Webhook(url, told.append, patience_s=0.001)
    for index in range(3):
        hook.put(event(index))
    hook.close()
    assert (hook.sent, hook.lost) == (0, 3)
    assert told[-1].endswith("3 events were not delivered")
    assert len(told) == 2


def test_a_slow_webhook_neither_stalls_nor_grows() -> None:
    with server([200], delay=0.1) as (url, taken):
        hook = Webhook(url, print, waiting=4)
        started = time.monotonic()
        for index in range(2000):
            hook.put(event(index))
        assert time.monotonic() - started < 2
        assert hook.waiting.qsize() <= 4
        hook.close()
        assert hook.sent + hook.lost == 2000
        assert taken[-1]["index"] == 1999 and len(taken) == hook.sent < 20


@contextmanager
def peer(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """The URL of something that takes connections and does with each as `answer` says."""
    listening = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        while not done.is_set():
            with contextlib.suppress(OSError):
                taken, _ = listening.accept()
                with taken:
                    answer(taken)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/events"
    finally:
        done.set()
        listening.close()


def sends(reply: bytes) -> Callable[[socket.socket], None]:
    def answer(taken: socket.socket) -> None:
        taken.recv(65536)
        taken.sendall(reply)

    return answer


PEERS = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "nothing": b"",
    "no status": b"HTTP/1.1\r\n\r\n",
    "status of letters": b"HTTP/1.1 OK fine\r\n\r\n",
    "status of many digits": b"HTTP/1.1 20000000000000000000000 OK\r\n\r\n",
    "negative status": b"HTTP/1.1 -200 OK\r\n\r\n",
    "bytes": bytes(range(256)) * 4,
    "long line": b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n",
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500 + b"\r\n",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/elsewhere\r\n\r\n",
    "redirect to nowhere": b"HTTP/1.1 307 Moved\r\n\r\n",
    "redirect far away": b"HTTP/1.1 308 Moved\r\nLocation: /" + 3000 * b"x" + b"\r\n\r\n",
    "zeros": 30_000 * b"\0" + b"\n",
    "switching": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "refused": b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
    "gone": b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("reply", PEERS.values(), ids=PEERS)
def test_no_answer_ends_the_webhook_and_only_a_2xx_counts(reply: bytes) -> None:
    told: list[str] = []
    with peer(sends(reply)) as url:
        hook = Webhook(url, told.append, patience_s=0.001)
        hook.put(event(1))
        hook.put(event(2))
        wait_until(lambda: hook.lost == 2)
        hook.close()
    assert (hook.sent, hook.lost) == (0, 2) and told[-1].endswith("2 events were not delivered")
    assert all("\n" not in each and len(each) < 500 for each in told)


def test_a_webhook_that_comes_to_its_senses_gets_what_follows() -> None:
    replies = [*PEERS.values()]

    def answer(taken: socket.socket) -> None:
        sends(replies.pop() if replies else b"HTTP/1.1 204 No Content\r\n\r\n")(taken)

    with peer(answer) as url:
        hook = Webhook(url, lambda _: None, patience_s=0.001)
        for index in range(40):
            hook.put(event(index))
        wait_until(lambda: hook.sent + hook.lost == 40)
        assert 25 <= hook.sent < 40
        hook.close()


def test_an_answer_byte_by_byte_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "ANSWER_S", 0.3)

    def answer(taken: socket.socket) -> None:
        for byte in itertools.chain(b"HTTP/1.1 2", itertools.repeat(ord("0"))):
            taken.sendall(bytes([byte]))
            time.sleep(0.02)

    with peer(answer) as url:
        hook = Webhook(url, lambda _: None, patience_s=0.001)
        hook.put(event())
        wait_until(lambda: hook.lost == 1)
        hook.close()
    assert (hook.sent, hook.lost) == (0, 1)


def test_a_webhook_that_hangs_is_left_in_time_and_its_events_are_counted() -> None:
    told: list[str] = []
    with peer(lambda taken: time.sleep(3)) as url:
        hook = Webhook(url, told.append)
        for index in range(5):
            hook.put(event(index))
        time.sleep(0.3)
        started = time.monotonic()
        hook.close()
    assert time.monotonic() - started < sinks.DRAIN_S + 0.5
    assert (hook.sent, hook.lost) == (0, 5) and told[-1].endswith("5 events were not delivered")


def test_a_password_in_the_address_is_sent_and_not_told() -> None:
    heard: list[bytes] = []
    told: list[str] = []

    def answer(taken: socket.socket) -> None:
        heard.append(taken.recv(65536))
        taken.sendall(b"HTTP/1.1 401 No\r\n\r\n")

    with peer(answer) as url:
        hook = Webhook(url.replace("//", "//me:secret@"), told.append)
        hook.put(event())
        wait_until(lambda: hook.lost)
        hook.close()
    assert b"authorization: basic bwu6c2vjcmv0" in heard[0].lower() and "secret" not in "".join(told)


class Disk:
    """In place of os.write: takes `room` bytes in all, then none."""

    def __init__(self, room: int) -> None:
        self.room, self.write = room, os.write

    def __call__(self, descriptor: int, data: bytes) -> int:
        taken = min(self.room, len(data))
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= taken
        return self.write(descriptor, data[:taken])


def test_a_full_disk_ends_no_line_in_the_middle_and_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    path = tmp_path / "events.jsonl"
    sink = file_sink(path, told.append)
    disk = Disk(300)  # one event and a part of the next
    monkeypatch.setattr(os, "write", disk)
    for index in range(sinks.KEPT + 11):
        sink.put(event(index))
    assert len(told) == 1 and "No space left on device" in told[0] and "tried again" in told[0]
    disk.room = 10**9
    sink.put(event(5000))
    sink.close()
    indices = [json.loads(line)["index"] for line in path.read_text().splitlines()]
    assert indices[:2] == [0, 1] and indices[-1] == 5000 and indices == sorted(set(indices))
    assert sink.lost == sinks.KEPT + 12 - len(indices) > 0
    assert told[-1] == f"{path}: {sink.lost} events were not written"


def test_a_disk_that_stays_full_is_told_with_its_losses() -> None:
    told: list[str] = []
    sink = file_sink(Path("/dev/full"), told.append)
    sink.put(event(1))
    sink.put(event(2))
    sink.close()
    assert len(told) == 2 and told[-1] == "/dev/full: 2 events were not written"


@pytest.mark.parametrize(
    ("left", "kept"),
    [(b'{"index": 1}\n{"index": 2, "ti', b'{"index": 1}\n'), (b'{"index": 1}', b'{"index": 1}\n'), (b"my notes", b"my notes\n")],
    ids=["an event in part", "an event without end", "something else"],
)
def test_the_last_line_of_an_earlier_run_is_mended(tmp_path: Path, left: bytes, kept: bytes) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(left)
    sink = file_sink(path, lambda _: None)
    sink.put(event(3))
    sink.close()
    assert path.read_bytes().startswith(kept) and json.loads(path.read_bytes().removeprefix(kept))["index"] == 3


def test_a_named_pipe_that_nobody_reads_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OwlbitError, match="expected a file to append events to"):
        file_sink(tmp_path / "pipe", print)


def test_a_pipe_whose_reader_sleeps_does_not_stop_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "STALL_S", 0.05)
    reading, writing = os.pipe()
    told: list[str] = []
    sink = LineSink(os.fdopen(writing, "w"), told.append, "a pipe")
    started = time.monotonic()
    for index in range(2000):
        sink.put(event(index))
    assert time.monotonic() - started < 5 and sink.lost > 0 and len(told) == 1
    reader = threading.Thread(target=lambda: read.append(os.fdopen(reading, "rb").read()), daemon=True)
    read: list[bytes] = []
    reader.start()
    while sink._lines:
        sink._write()
    sink.close()
    reader.join(10)
    indices = [json.loads(line)["index"] for line in read[0].splitlines()]
    assert indices == sorted(set(indices)) and len(indices) + sink.lost == 2000
