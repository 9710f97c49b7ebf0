"""Who may talk to the page: requests from other sites' pages are refused, and nothing from outside is ever loaded.

A browser lets any page send to a server on the loopback. What such a page sends carries its own `Origin`, or, where it has
pointed a name of its own at 127.0.0.1, that name as `Host`; both are told apart here.
"""

from __future__ import annotations

import ipaddress
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
        if not self.allows(Headers(scope=scope)):
            if scope["type"] == "websocket":
                return await WebSocket(scope, receive, send).close(1008)
            refusal = PlainTextResponse("owlbit: this page answers only to itself; open it by its own address\n", 403)
            return await refusal(scope, receive, send)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        return await self.app(scope, receive, send_with_headers)

    def allows(self, headers: Headers) -> bool:
        """Whether a request with these headers is from the page itself or from no page at all."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.loopback and not is_loopback(urlsplit(f"//{host}").hostname or ""):
            return False
        return origin is None or urlsplit(origin).netloc == host
