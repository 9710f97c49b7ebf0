"""Where events go: standard output, a file, a webhook. None of them stops the loop, and a webhook never makes it wait."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TextIO

from owlbit.export.errors import OwlbitError
from owlbit.export.files import make_folder
from owlbit.toolchain.sensing.frame_record import Event

WAITING, TRIES, PATIENCE_S, TIMEOUT_S, DRAIN_S = 256, 4, 0.5, 3.0, 5.0


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
    return json.dumps(event.as_json(), ensure_ascii=False)


class LineSink:
    """One JSON line an event into an open text stream, flushed; a pipe that nobody reads any more is told once and left alone."""

    def __init__(self, stream: TextIO, notify: Callable[[str], None], name: str = "standard output") -> None:
        self.stream, self.notify, self.name = stream, notify, name
        self.broken = False

    def put(self, event: Event) -> None:
        """As `Sink.put`."""
        if self.broken:
            return
        try:
            self.stream.write(as_line(event) + "\n")
            self.stream.flush()
        except (OSError, ValueError) as error:
            self.broken = True
            self.notify(f"{self.name}: events are no longer written there ({error})")
            if self.stream is sys.stdout:  # what its buffer holds would fail again when Python ends
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def close(self) -> None:
        """Closes a file; standard output stays open."""
        if self.stream is not sys.stdout:
            try:
                self.stream.close()
            except OSError as error:
                self.notify(f"{self.name}: not all events were written ({error})")


def file_sink(path: Path, notify: Callable[[str], None]) -> LineSink:
    """Appends to the file `path`. Raises OwlbitError where that is a folder or cannot be written."""
    if path.is_dir():
        raise OwlbitError(f"{path}: expected a file for events, found a folder; give a file name inside it")
    make_folder(path.parent)
    try:
        return LineSink(path.open("a", encoding="utf-8"), notify, str(path))
    except OSError as error:
        raise OwlbitError(f"{path}: expected a file to append events to, could not open it ({error.strerror})") from None


class Webhook:
    """POSTs each event as JSON to a URL, from a thread of its own.

    A failed try is repeated with growing pauses, TRIES in all; then that event is lost. Of more than WAITING waiting events the
    oldest is lost. `lost` and `sent` count. Raises OwlbitError for anything but an http or https URL.
    """

    def __init__(self, url: str, notify: Callable[[str], None], *, patience_s: float = PATIENCE_S, waiting: int = WAITING) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise OwlbitError(f"webhook: expected an http or https URL, got {url!r}")
        self.url, self.notify, self.patience_s = url, notify, patience_s
        self.waiting: queue.Queue[Event | None] = queue.Queue(waiting)
        self.sent = self.lost = 0
        self._down = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="owlbit webhook", daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        """As `Sink.put`."""
        while True:
            try:
                return self.waiting.put_nowait(event)
            except queue.Full:
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        try:
            self.waiting.get_nowait()
        except queue.Empty:
            return
        self.lost += 1

    def close(self) -> None:
        """Sends what waits, for DRAIN_S at most; tells how many events were lost."""
        self._closing.set()
        while True:
            try:
                self.waiting.put_nowait(None)
                break
            except queue.Full:
                self._drop_oldest()
        self._thread.join(DRAIN_S)
        lost = self.lost + (self.waiting.qsize() if self._thread.is_alive() else 0)
        if lost:
            self.notify(f"webhook {self.url}: {lost} events were not delivered")

    def _work(self) -> None:
        while (event := self.waiting.get()) is not None:
            if self._send(event):
                self.sent += 1
            else:
                self.lost += 1

    def _send(self, event: Event) -> bool:
        body = as_line(event).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json", "User-Agent": "owlbit"})
        for attempt in range(TRIES):
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT_S):
                    self._down = False
                    return True
            except (OSError, ValueError) as error:
                if not self._down:
                    self._down = True
                    self.notify(f"webhook {self.url}: not reached ({error}); events wait and are tried again")
            if attempt + 1 < TRIES:
                self._closing.wait(self.patience_s * 2**attempt)
        return False
