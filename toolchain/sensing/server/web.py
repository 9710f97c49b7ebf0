"""The page's server as an application: one static page, one websocket, and some addresses beside them.

/             the page; /style.css, /app.js, /charts.js belong to it
/live         websocket: out `wire.greeting`, then frames, events and settings; in one JSON object a command (see `obey`), or
              {"token": TOKEN} before them
/picture      POST of an image file: its exact scores as JSON; the picture is put before the sensor too; with a token, under
              `Authorization: Bearer TOKEN`
/events.jsonl the events so far, a line of JSON each
/metrics      for Prometheus; /healthz: 200 while frames come, else 503 and why
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import TaskGroup
from anyio.to_thread import run_sync
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from owlbit.export.errors import OwlbitError
from owlbit.hw.fast import compile_fast
from owlbit.toolchain.sensing.loop import Loop
from owlbit.toolchain.sensing.plain_json import to_json
from owlbit.toolchain.sensing.server.guard import Guard
from owlbit.toolchain.sensing.server.limited_server import NEEDS_TOKEN, check_token, may_command
from owlbit.toolchain.sensing.server.limits import COMMANDS_PER_S, MOST_VIEWERS
from owlbit.toolchain.sensing.server.metrics import exposition, make_registry
from owlbit.toolchain.sensing.server.uploads import Pictures
from owlbit.toolchain.sensing.server.viewers import Feed, Viewer
from owlbit.toolchain.sensing.server.wire import greeting, standing
from owlbit.toolchain.sensing.sinks import as_line
from owlbit.toolchain.sensing.wake import decide

PAGE = Path(__file__).with_name("page")
FILES = {
    "/": ("index.html", "text/html"),
    "/style.css": ("style.css", "text/css"),
    "/app.js": ("app.js", "text/javascript"),
    "/charts.js": ("charts.js", "text/javascript"),
}
SHOWN_S = 3.0  # how long an uploaded picture stays before the sensor
STALE_S = 10.0  # without a frame, and not paused: something is wrong
GREETED = 200  # events that a new viewer hears of

LOG = logging.getLogger(__name__)


def make_app(feed: Feed, loopback: bool = True, token: str = "") -> FastAPI:
    """The application around `feed`. `loopback`: whether it is bound to the loopback; see `guard`. `token`: what commands and
    pictures need, "" for nothing."""
    app = FastAPI(title="owlbit sense", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, loopback=loopback)
    pictures = Pictures()
    loop, network = feed.loop, feed.loop.network
    registry = make_registry(feed)
    exact = compile_fast(network)

    def serve_file(address: str, content: bytes, kind: str) -> None:
        app.get(address, include_in_schema=False)(lambda: Response(content, media_type=kind))

    for address, (name, kind) in FILES.items():
        serve_file(address, (PAGE / name).read_bytes(), kind)

    @app.get("/events.jsonl")
    def events() -> Response:
        lines = "".join(as_line(event) + "\n" for event in feed.events())
        return Response(lines, 200, {"Content-Disposition": 'attachment; filename="events.jsonl"'}, "application/x-ndjson")

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(exposition(registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/healthz")
    async def healthz() -> JSONResponse:
        since, paused = time.monotonic() - feed.latest, loop.controls.read().paused
        well = not loop.controls.stopped and (paused or since < max(STALE_S, 3 / loop.frames_per_second))
        state = "paused" if paused else "frames come" if well else f"no frame for {since:.0f} s"
        return JSONResponse({"well": well, "state": state, "frames": loop.tally.frames}, 200 if well else 503)

    @app.post("/picture")
    async def picture(request: Request, name: str = "a picture") -> JSONResponse:
        check_token(request, token)
        async with pictures.taking(request, network) as (frame, size):
            scores = network.ranked((await run_sync(exact.simulate, frame[None], 1, limiter=pictures.decoder))[0])
        decision, margin = decide(scores)
        loop.controls.show(frame, name[:80], max(1, round(SHOWN_S * loop.frames_per_second)))
        if loop.controls.read().paused:
            loop.controls.step()
        return JSONResponse(
            {
                "name": name[:80],
                "size": list(size),
                "scores": scores.tolist(),
                "decision": decision,
                "class": network.class_names[decision],
                "margin": margin,
            }
        )

    @app.websocket("/live")
    async def live(socket: WebSocket) -> None:
        if len(feed.viewers) >= MOST_VIEWERS:
            return await socket.close(1013)  # try again later
        await socket.accept()
        viewer = feed.join()

        async def talk(work: Awaitable[None], group: TaskGroup) -> None:
            """One direction; a page that is closed ends the listening, a broken line the telling, and each of them the other.

            Whatever a viewer does ends its own connection and nothing else.
            """
            try:
                await work
            except (WebSocketDisconnect, RuntimeError, OSError):
                pass
            except Exception as error:
                LOG.warning("a viewer's connection was ended: %s: %s", type(error).__name__, error)
                with contextlib.suppress(Exception):
                    await socket.close(1011)
            group.cancel_scope.cancel()

        try:
            async with anyio.create_task_group() as group:
                group.start_soon(talk, tell(socket, feed, viewer), group)
                group.start_soon(talk, listen(socket, feed, token), group)
        finally:
            feed.leave(viewer)

    return app


async def tell(socket: WebSocket, feed: Feed, viewer: Viewer) -> None:
    """Greets this viewer, then sends what comes for it, as fast as it takes it."""
    so_far = [event for event in feed.events() if event.index <= viewer.after]
    await socket.send_text(to_json(greeting(feed.loop, so_far[-GREETED:])))
    if feed.record is not None:
        await socket.send_bytes(feed.message())
    while True:
        await viewer.wait()
        while True:
            if viewer.setting_changed:
                viewer.setting_changed = False
                await socket.send_text(to_json(standing(feed.loop)))
            for event in feed.events(viewer.after):
                viewer.after = event.index
                await socket.send_text(to_json({"kind": "event", **event.as_json()}))
            message = viewer.take()
            if message is None:
                break
            await socket.send_bytes(message)


async def listen(socket: WebSocket, feed: Feed, token: str = "") -> None:
    """Obeys what this viewer says, once it has said `token` where there is one; what cannot be obeyed is answered with why."""
    trusted = not token
    while True:
        message = await socket.receive()
        if message["type"] != "websocket.receive":
            return
        try:
            command = read_command(message)
            match command:
                case {"token": str() as given} if len(command) == 1:
                    trusted = trusted or may_command(given, token)
                    await socket.send_text(to_json({"kind": "access", "commands": trusted}))
                    continue
            if not trusted:
                raise OwlbitError(NEEDS_TOKEN)
            obey(command, feed.loop)
        except OwlbitError as error:
            await socket.send_text(to_json({"kind": "refused", "message": str(error)}))
        feed.tell_setting()
        await anyio.sleep(1 / COMMANDS_PER_S)


def read_command(message: Mapping[str, Any]) -> Any:
    """The JSON of a viewer's message. Raises OwlbitError for anything else."""
    text = message.get("text")
    if not isinstance(text, str):
        raise OwlbitError("expected a command as a text of JSON, got bytes")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also an integer of more digits than Python reads
        raise OwlbitError(f"expected a command in JSON, could not read it ({error})") from None


def obey(command: Any, loop: Loop) -> None:
    """`{"light": LUX}`, `{"mismatch": MV}`, `{"energy": NAME, "value": VALUE}`, or `{"do": "pause" | "resume" | "step"}`.

    Raises OwlbitError for anything else, and for a number outside its range.
    """
    match command:
        case {"light": lux}:
            loop.controls.set_light(lux)
        case {"mismatch": millivolts}:
            loop.controls.set_mismatch(millivolts)
        case {"energy": str() as name, "value": value}:
            loop.energy = loop.energy.changed(name, value)
        case {"do": "pause"}:
            loop.controls.pause()
        case {"do": "resume"}:
            loop.controls.resume()
        case {"do": "step"}:
            loop.controls.step()
        case _:
            raise OwlbitError('expected "light", "mismatch", "energy" or "do" with its value, got something else')
