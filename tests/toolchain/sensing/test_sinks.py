"""Events out: a line each, a file appended to, a webhook that may be slow, down, or come back; the loop never waits."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.sensing.frame_record import Event
from owlbit.toolchain.sensing.sinks import LineSink, Webhook, file_sink


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
