"""`owlbit sense` in the browser: the loop in a thread of its own, the page's server in this one, and an orderly end of both."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from fastapi import FastAPI

from owlbit.toolchain.sensing.frame_record import FrameRecord
from owlbit.toolchain.sensing.loop import Loop
from owlbit.toolchain.sensing.server.guard import is_loopback
from owlbit.toolchain.sensing.server.limited_server import LimitedServer, address_of, bind, token_for
from owlbit.toolchain.sensing.server.viewers import Feed
from owlbit.toolchain.sensing.server.web import make_app

# A signal ends the process within 5 s, whatever hangs: open connections get `LEAVING_S`, the current frame this, sinks `DRAIN_S`.
LAST_FRAME_S = 2.0


class Server(LimitedServer):
    """Tells the loop at once when a signal comes; `caught`: the signals, in order."""

    def __init__(self, app: FastAPI, loop: Loop) -> None:
        super().__init__(app)
        self.loop = loop
        self.caught: list[int] = []

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.caught.append(sig)
        self.loop.controls.stop()
        self.should_exit = True


def run_page(
    loop: Loop, records: Iterator[FrameRecord], *, host: str, port: int, notify: Callable[[str], None], token: str = ""
) -> int | None:
    """Serves `loop`, whose `records` are taken here, until they end, SIGTERM or SIGINT; the signal, or None. `port` 0: any free.

    `token`: what commands and pictures need, see `token_for`; the address with the token is told. When it returns, the last record
    has been taken. Raises OwlbitError for a port in use, and whatever ends the loop for good.
    """
    token = token_for(host, token)
    bound = bind(host, port)
    feed = Feed(loop)
    server = Server(make_app(feed, is_loopback(host), token), loop)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for record in records:
                feed.take(record)
        except BaseException as error:
            failures.append(error)
        finally:
            server.should_exit = True

    worker = threading.Thread(target=work, name="owlbit loop", daemon=True)
    notify(f"open {address_of(host, bound, token)} (Ctrl-C ends)")
    worker.start()
    try:
        asyncio.run(server.serve([bound]))
    finally:
        loop.controls.stop()
        worker.join(LAST_FRAME_S)
        bound.close()
    if failures:
        raise failures[0]
    return server.caught[0] if server.caught else None
