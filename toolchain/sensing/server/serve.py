"""`owlbit sense` in the browser: the loop in a thread of its own, the page's server in this one, and an orderly end of both."""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.sensing.frame_record import FrameRecord
from owlbit.toolchain.sensing.loop import Loop
from owlbit.toolchain.sensing.server.connections import LimitedProtocol, keep_log_short, most_connections
from owlbit.toolchain.sensing.server.guard import is_loopback
from owlbit.toolchain.sensing.server.limits import ACCEPTED_AT_ONCE, COMMAND_BYTES, WAITING_CONNECTIONS
from owlbit.toolchain.sensing.server.viewers import Feed
from owlbit.toolchain.sensing.server.web import make_app

# A signal ends the process within 5 s, whatever hangs: viewers and downloads, the frame at work, then `sinks.DRAIN_S`.
LEAVING_S, LAST_FRAME_S = 1, 2.0


def bind(host: str, port: int) -> socket.socket:
    """A socket there. Raises OwlbitError where the port is in use, forbidden, or the host unknown."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise OwlbitError(f"--host: expected a name or address of this machine, got {host} ({error.strerror})") from None
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
        bound.listen()
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise OwlbitError(f"port {port} of {host} is in use; end what listens there, or give another one with --port") from None
        raise OwlbitError(f"port {port} of {host}: expected one that may be listened to, got: {error.strerror}") from None
    return bound


class Server(uvicorn.Server):
    """Tells the loop at once when a signal comes; `caught`: the signals, in order."""

    def __init__(self, config: uvicorn.Config, loop: Loop) -> None:
        super().__init__(config)
        self.loop = loop
        self.caught: list[int] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for bound in sockets or []:  # asyncio takes as many at once as it lets wait; let more wait
            bound.listen(WAITING_CONNECTIONS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.caught.append(sig)
        self.loop.controls.stop()
        self.should_exit = True


def run_page(
    loop: Loop, records: Iterator[FrameRecord], *, host: str, port: int, notify: Callable[[str], None], token: str = ""
) -> int | None:
    """Serves `loop`, whose `records` are taken here, until they end, SIGTERM or SIGINT; the signal, or None. `port` 0: any free.

    `token`: what commands and pictures need; "" for none where the page is bound to the loopback, and elsewhere for one that is
    made up here and told. When it returns, the last record has been taken. Raises OwlbitError for a port in use, and whatever ends
    the loop for good.
    """
    bound = bind(host, port)
    feed = Feed(loop)
    if not token and not is_loopback(host):
        token = secrets.token_urlsafe(16)
    LimitedProtocol.most = most_connections()
    config = uvicorn.Config(
        make_app(feed, is_loopback(host), token),
        http=LimitedProtocol,
        backlog=ACCEPTED_AT_ONCE,
        log_level="warning",
        access_log=False,
        ws="websockets-sansio",
        ws_max_size=COMMAND_BYTES,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=LEAVING_S,
    )
    server = Server(config, loop)
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
    name = "localhost" if host in ("", "0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    notify(f"open http://{name}:{bound.getsockname()[1]}{f'/#token={token}' if token else ''} (Ctrl-C ends)")
    worker.start()

    async def serve() -> None:
        keep_log_short(logging.getLogger("uvicorn.error"))
        await server.serve([bound])

    try:
        asyncio.run(serve())
    finally:
        loop.controls.stop()
        worker.join(LAST_FRAME_S)
        bound.close()
    if failures:
        raise failures[0]
    return server.caught[0] if server.caught else None
