"""Where events go: standard output, a file, a webhook. None of them stops the loop, and a webhook never makes it wait.

What cannot be written or delivered waits, up to a limit, and is tried again; what is lost in the end is counted and told.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import select
import stat
import sys
import threading
import urllib.parse
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TextIO

import urllib3

from owlbit.export.errors import OwlbitError
from owlbit.export.files import make_folder
from owlbit.toolchain.sensing.frame_record import Event
from owlbit.toolchain.sensing.plain_json import to_json

KEPT = 256  # events that wait for a file or pipe that takes none
STALL_S = 1.0  # that a full pipe is waited for, once
# Of the webhook. TIMEOUT_S: to connect, and between two pieces of an answer; ANSWER_S: for a whole answer.
WAITING, TRIES, PATIENCE_S, TIMEOUT_S, ANSWER_S, DRAIN_S = 256, 4, 0.5, 3.0, 10.0, 1.5
TRY_AGAIN = (408, 425, 429)  # and 500 or more
MOST_TEXT = 200  # characters of what a peer says that are shown


def shortened(text: str) -> str:
    """`text`, which a peer chose, at a length that a line of a terminal holds."""
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}..."


class Sink(Protocol):
    """Takes events."""

    def put(self, event: Event) -> None:
        """Takes one; returns at once."""
        ...

    def close(self) -> None:
        """Writes what is left, as far as it goes within some seconds."""
        ...


def as_line(event: Event) -> str:
    """One line of JSON, without its end."""
    return to_json(event.as_json(), spaced=True)


class LineSink:
    """One JSON line an event into an open text stream, at once; a pipe that nobody reads any more is told once and left alone.

    A stream that takes nothing for a while, as of a full disk or a reader that sleeps, is told once and tried again at every event:
    of more than KEPT waiting events the oldest is lost. A line that was written in part is always ended first. `lost` counts.
    """

    def __init__(self, stream: TextIO, notify: Callable[[str], None], name: str = "standard output") -> None:
        self.stream, self.notify, self.name = stream, notify, name
        self.broken = False
        self.lost = 0
        self._lines: deque[bytes] = deque()
        self._begun = False  # the first of the lines was written in part
        self._failing = False
        try:
            self._descriptor: int | None = stream.fileno()
        except (OSError, ValueError, AttributeError):  # a stream in memory
            self._descriptor = None

    def put(self, event: Event) -> None:
        """As `Sink.put`."""
        if self.broken:
            self.lost += 1
            return
        self._lines.append((as_line(event) + "\n").encode())
        self._write()
        while len(self._lines) > KEPT:
            del self._lines[1 if self._begun else 0]
            self.lost += 1

    def close(self) -> None:
        """Closes a file; standard output stays open. Tells how many events were lost."""
        if not self.broken and self._lines:
            self._write()
        self.lost += len(self._lines)
        self._lines.clear()
        if self.stream is not sys.stdout:
            with contextlib.suppress(OSError):  # nothing is left in its buffer
                self.stream.close()
        if self.lost:
            self.notify(f"{self.name}: {self.lost:,} events were not written")

    def _write(self) -> None:
        """As many of the lines as the stream takes."""
        try:
            while self._lines:
                line = self._lines[0]
                written = self._write_some(line)
                if written < len(line):
                    self._lines[0], self._begun = line[written:], True
                else:
                    self._lines.popleft()
                    self._begun = False
        except (BrokenPipeError, ValueError) as error:
            self.broken = True
            self.notify(f"{self.name}: events are no longer written there ({error})")
            if self.stream is sys.stdout:  # what its buffer holds would fail again when Python ends
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            if not self._failing:
                self._failing = True
                self.notify(f"{self.name}: events cannot be written there ({error.strerror}); they wait and are tried again")
        else:
            if self._failing:
                self._failing = False
                self.notify(f"{self.name}: events are written again" + (f", {self.lost:,} were lost" if self.lost else ""))

    def _write_some(self, line: bytes) -> int:
        """Writes the beginning of `line`; how many bytes. Raises OSError where nothing could be written."""
        if self._descriptor is None:
            self.stream.write(line.decode())
            self.stream.flush()
            return len(line)
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        if not poll.poll(0 if self._failing else 1000 * STALL_S):
            raise BlockingIOError(0, "nobody reads")
        return os.write(self._descriptor, line[: select.PIPE_BUF])  # so many a pipe takes without waiting


def file_sink(path: Path, notify: Callable[[str], None]) -> LineSink:
    """Appends to the file `path`. Raises OwlbitError where that is a folder or cannot be written."""
    if path.is_dir():
        raise OwlbitError(f"{path}: expected a file for events, found a folder; give a file name inside it")
    make_folder(path.parent)
    try:
        # Not blocking: a named pipe without a reader is refused instead of waited for.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            _end_last_line(path, descriptor, notify)
        return LineSink(os.fdopen(descriptor, "w", encoding="utf-8"), notify, str(path))
    except OSError as error:
        raise OwlbitError(f"{path}: expected a file to append events to, could not open it ({error.strerror})") from None


def _end_last_line(path: Path, descriptor: int, notify: Callable[[str], None]) -> None:
    """Takes off an event that an earlier run wrote in part; ends any other line that has no end."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 2**16))
        last = file.read().rpartition(b"\n")[2]
    if not last:
        return
    if last.startswith(b'{"index": ') and not _is_json(last):
        os.ftruncate(descriptor, size - len(last))
        notify(f"{path}: took off its last line, an event that was written in part")
    else:
        os.write(descriptor, b"\n")


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


class _Hurried:
    """For a connection of urllib3, whose own time limits begin anew with every byte: ends it ANSWER_S after it was made."""

    sock: Any
    was_cut = False

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self.was_cut = False
        self._end = threading.Timer(ANSWER_S, self._cut)
        self._end.daemon = True
        self._end.start()

    def close(self) -> None:
        if hasattr(self, "_end"):
            self._end.cancel()
        super().close()  # type: ignore[misc]

    def getresponse(self) -> Any:
        answer = super().getresponse()  # type: ignore[misc]
        if self.was_cut:  # so that what came may look whole
            raise TimeoutError(f"no whole answer within {ANSWER_S:g} s")
        return answer

    def _cut(self) -> None:
        self.was_cut = True
        with contextlib.suppress(OSError, AttributeError):
            self.sock.shutdown(2)


class Webhook:
    """POSTs each event as JSON to a URL, from a thread of its own. Delivered is what was answered with 2xx, and nothing else.

    A try that fails, or is answered with 5xx, 408, 425 or 429, is repeated with growing pauses, TRIES in all; then that event is
    lost, and at any other answer at once: redirects are not followed. Of more than WAITING waiting events the oldest is lost.
    `lost` and `sent` count. Raises OwlbitError for anything but an http or https URL.
    """

    def __init__(self, url: str, notify: Callable[[str], None], *, patience_s: float = PATIENCE_S, waiting: int = WAITING) -> None:
        try:
            parts = urllib.parse.urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError
            self.name = f"webhook {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"  # without a password
            self._pool = urllib3.connection_from_url(url, timeout=urllib3.Timeout(connect=TIMEOUT_S, read=TIMEOUT_S))
        except (ValueError, urllib3.exceptions.HTTPError):
            raise OwlbitError(f"webhook: expected an http or https URL, got {url!r}") from None
        kind = self._pool.ConnectionCls
        self._pool.ConnectionCls = type("HurriedConnection", (_Hurried, kind), {})
        self._path = urllib3.util.parse_url(url).request_uri
        self._headers = {"Content-Type": "application/json", "User-Agent": "owlbit", "Connection": "close"}
        if parts.username:
            login = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
            self._headers |= urllib3.make_headers(basic_auth=login)
        self.notify, self.patience_s = notify, patience_s
        self.waiting: queue.Queue[Event] = queue.Queue(waiting)
        self.sent = self.lost = 0
        self._down = self._sending = False
        self._closing, self._left = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="owlbit webhook", daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        """As `Sink.put`."""
        while True:
            try:
                return self.waiting.put_nowait(event)
            except queue.Full:
                with contextlib.suppress(queue.Empty):
                    self.waiting.get_nowait()
                    self.lost += 1

    def close(self) -> None:
        """Sends what waits, for DRAIN_S at most; tells how many events were lost."""
        self._closing.set()
        self._thread.join(DRAIN_S)
        if self._thread.is_alive():
            self._left.set()  # what is still delivered now is not counted twice
            self.lost += self.waiting.qsize() + self._sending
        if self.lost:
            self.notify(f"{self.name}: {self.lost:,} events were not delivered")

    def _work(self) -> None:
        while not self._left.is_set():
            try:
                event = self.waiting.get(timeout=0.2)
            except queue.Empty:
                if self._closing.is_set():
                    return
                continue
            self._sending = True
            delivered = self._send(as_line(event).encode())
            if not self._left.is_set():
                self.sent += delivered
                self.lost += not delivered
            self._sending = False

    def _send(self, body: bytes) -> bool:
        for attempt in range(TRIES):
            reason, again = self._post(body)
            if not reason:
                self._down = False
                return True
            if not self._down:
                self._down = True
                self.notify(
                    f"{self.name}: not reached ({reason}); {'events wait and are tried again' if again else 'events are lost'}"
                )
            if not again or self._left.is_set():
                return False
            if attempt + 1 < TRIES:
                self._closing.wait(self.patience_s * 2**attempt)
        return False

    def _post(self, body: bytes) -> tuple[str, bool]:
        """("", False) for an event that was taken; else why not, and whether it is worth another try."""
        try:
            answer = self._pool.urlopen(
                "POST", self._path, body, self._headers, retries=False, redirect=False, preload_content=False
            )
            status, place = answer.status, answer.headers.get("Location", "")
            answer.close()
        except Exception as error:  # whatever a peer sends: this thread goes on
            return shortened(" ".join(str(error).split())) or type(error).__name__, True
        if 200 <= status < 300:
            return "", False
        if 300 <= status < 400:
            return f"status {status}, which leads to {shortened(place)!r} and is not followed; give the address itself", False
        return f"status {status}", status >= 500 or status in TRY_AGAIN
