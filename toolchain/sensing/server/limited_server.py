"""The server of every page: uvicorn with the limits of connections; the token that a page needs, and the address that opens it."""

from __future__ import annotations

import errno
import logging
import secrets
import socket
from urllib.parse import quote

import uvicorn
from fastapi import FastAPI, HTTPException, Request

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.sensing.server.connections import LimitedProtocol, keep_log_short, most_connections
from owlbit.toolchain.sensing.server.guard import is_loopback
from owlbit.toolchain.sensing.server.limits import ACCEPTED_AT_ONCE, COMMAND_BYTES, WAITING_CONNECTIONS

LEAVING_S = 1  # seconds that open connections get when the server ends
NEEDS_TOKEN = "this page is read-only without its token: open it as ADDRESS/#token=TOKEN, with the token that was given or printed"


def bind(host: str, port: int) -> socket.socket:
    """A socket there. Raises OwlbitError where the port is in use, forbidden, or the host unknown."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "no name of a host"
        raise OwlbitError(f"--host: expected a name or address of this machine, got {host} ({reason})") from None
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


class LimitedServer(uvicorn.Server):
    """Serves `app` with the limits of `limits` on connections and messages, and a log that stays short."""

    def __init__(self, app: FastAPI) -> None:
        LimitedProtocol.most = most_connections()
        super().__init__(
            uvicorn.Config(
                app,
                http=LimitedProtocol,
                backlog=ACCEPTED_AT_ONCE,
                log_level="warning",
                access_log=False,
                ws="websockets-sansio",
                ws_max_size=COMMAND_BYTES,
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=LEAVING_S,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        keep_log_short(logging.getLogger("uvicorn.error"))
        await super().startup(sockets)
        for bound in sockets or []:  # asyncio takes as many at once as it lets wait; let more wait
            bound.listen(WAITING_CONNECTIONS)


def token_for(host: str, token: str) -> str:
    """The token that commands need on a page at `host`: the one given; else none on the loopback, and elsewhere a random one.

    Raises OwlbitError for a token that an HTTP header cannot carry.
    """
    if not all("!" <= letter <= "~" for letter in token):
        raise OwlbitError("--token: expected printable ASCII characters without spaces, got others")
    return token or ("" if is_loopback(host) else secrets.token_urlsafe(16))


def address_of(host: str, bound: socket.socket, token: str) -> str:
    """The address that opens the page in a browser."""
    name = "localhost" if host in ("", "0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    fragment = f"/#token={quote(token, safe='')}" if token else ""
    return f"http://{name}:{bound.getsockname()[1]}{fragment}"


def may_command(given: str, token: str) -> bool:
    """Whether a client that gave `given` may send commands; a page with the token "" takes commands from everyone."""
    return not token or secrets.compare_digest(given.encode(errors="replace"), token.encode())


def check_token(request: Request, token: str) -> None:
    """Raises HTTPException, 401, for a request that needs `token` and does not have it under `Authorization: Bearer`."""
    if not may_command(request.headers.get("authorization", "").removeprefix("Bearer "), token):
        raise HTTPException(401, NEEDS_TOKEN, {"WWW-Authenticate": "Bearer"})
