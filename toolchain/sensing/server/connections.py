"""Connections to the page: so many at once, none of them idle for long, and no flood of log lines when descriptors run out.

A connection that nothing is heard of costs a file descriptor, and whoever opens enough of them would leave none for the loop. So
there are MOST_CONNECTIONS at most. When one more comes, the one that has waited longest for its request goes, else the oldest that
is no viewer's; where all are viewers', the new one goes. A request's headers have to be there within HEADERS_S.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from owlbit.toolchain.sensing.server.limits import HEADERS_S, LOG_EVERY_S, MOST_CONNECTIONS, MOST_LINES, SPARE_DESCRIPTORS


def most_connections() -> int:
    """MOST_CONNECTIONS, or fewer where this process may not open so many files and still keep SPARE_DESCRIPTORS for itself."""
    if sys.platform == "win32":  # it has no such limit
        return MOST_CONNECTIONS
    import resource

    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_CONNECTIONS if allowed == resource.RLIM_INFINITY else max(4, min(MOST_CONNECTIONS, allowed - SPARE_DESCRIPTORS))


class LimitedProtocol(H11Protocol):
    """uvicorn's protocol for HTTP, with the limits above."""

    most = MOST_CONNECTIONS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = time.monotonic()
        self._deadline: asyncio.TimerHandle | None = None
        self._await_headers()
        if len(self.connections) > self.most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            self._stop_waiting()
        elif self.conn.their_state is h11.IDLE:
            self._await_headers()
        else:
            self._stop_waiting()

    def send_400_response(self, msg: str) -> None:
        """Refuses a request whose rest is invalid, and ends the connection.

        The application may be at work on its beginning: its answer is dropped, since h11 raises for a second one. Where it has been
        sent already, it stays the only one.
        """
        try:
            super().send_400_response(msg)
        except h11.LocalProtocolError:
            self.transport.close()
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    @property
    def waits(self) -> bool:
        """Whether no whole request has come."""
        return self._deadline is not None

    def drop(self) -> None:
        """Ends the connection now, whatever it was doing."""
        self._stop_waiting()
        self.transport.abort()
        self.connections.discard(self)

    def _await_headers(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEADERS_S, self.drop)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _make_room(self) -> None:
        others = [each for each in self.connections if isinstance(each, LimitedProtocol) and each is not self]
        oldest = min(others, key=lambda each: (not each.waits, each._since), default=self)
        oldest.drop()


class QuietLog(logging.Filter):
    """MOST_LINES of log at most in LOG_EVERY_S; the next one afterwards says how many were left out.

    Text of a websocket that is not UTF-8 is a line without traceback: uvicorn ends that connection, and nothing is wrong here.
    """

    def __init__(self) -> None:
        super().__init__()
        self._since, self._lines, self._left_out = float("-inf"), 0, 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether `record` is shown."""
        if record.exc_info and isinstance(record.exc_info[1], UnicodeDecodeError):
            record.exc_info = None
        now = time.monotonic()
        if now - self._since >= LOG_EVERY_S:
            self._since, self._lines = now, 0
        self._lines += 1
        if self._lines > MOST_LINES:
            self._left_out += 1
            return False
        if self._left_out:
            record.msg, record.args = f"{record.getMessage()} ({self._left_out:,} lines before it were left out)", ()
            self._left_out = 0
        return True


def keep_log_short(logger: logging.Logger) -> None:
    """What asyncio and uvicorn report of connections goes to `logger`, through one `QuietLog`; to be called in the loop."""
    for each in [each for each in logger.filters if isinstance(each, QuietLog)]:  # of an earlier loop in this process
        logger.removeFilter(each)
    logger.addFilter(QuietLog())

    def report(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        logger.warning("%s%s", context.get("message", "an error"), f": {error}" if error else "")

    asyncio.get_running_loop().set_exception_handler(report)
