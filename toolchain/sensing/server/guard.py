"""Who may talk to the page: requests from other sites' pages are refused, and nothing from outside is ever loaded.

A browser lets any page send to a server on the loopback. What such a page sends carries its own `Origin`, or, where it has
pointed a name of its own at 127.0.0.1, that name as `Host`; both are told apart here.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

_ADDRESS = r"([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
ADDRESS = re.compile(_ADDRESS)  # RFC 9110, section 7.2, of the hosts that a page can have
ORIGIN = re.compile(rf"null|[a-z][a-z0-9+.-]*://({_ADDRESS})?", re.IGNORECASE)  # RFC 6454, section 7


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, means this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """ASGI middleware. `loopback`: the server is bound to the loopback, so that no other `Host` than that is right."""

    def __init__(self, app: ASGIApp, loopback: bool) -> None:
        self.app, self.loopback = app, loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        refusal = self.refusal(Headers(scope=scope))
        if refusal is not None:
            if scope["type"] == "websocket":
                socket = WebSocket(scope, receive, send)
                if "websocket.http.response" in scope.get("extensions", {}):
                    return await socket.send_denial_response(refusal)
                return await socket.close(1008)
            return await refusal(scope, receive, send)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        return await self.app(scope, receive, send_with_headers)

    def refusal(self, headers: Headers) -> PlainTextResponse | None:
        """None for a request from the page itself or from no page at all; else the answer: 400 where its `Host` or `Origin` is no
        address, 403 where it is another one's."""
        host, origin = headers.get("host", ""), headers.get("origin")
        try:
            name = urlsplit(f"//{host}").hostname or ""
            site = host if origin is None else urlsplit(origin).netloc
        except ValueError:
            name = site = ""
        if not ADDRESS.fullmatch(host) or (origin is not None and not ORIGIN.fullmatch(origin)):
            return PlainTextResponse("owlbit: expected an address as Host and Origin; open the page by its own address\n", 400)
        if (self.loopback and not is_loopback(name)) or site != host:
            return PlainTextResponse("owlbit: this page answers only to itself; open it by its own address\n", 403)
        return None
