"""The live page of a board: its results and wake-ups as they come, and pushed images with the chip's scores beside the simulator's.

/             the page; /style.css and /board.js belong to it
/state        what is known, as JSON: status, the newest result, the newest wake-ups and errors
/picture      POST of an image file: pushed to the board; both scores as JSON; with a token, under `Authorization: Bearer TOKEN`
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
from anyio.to_thread import run_sync
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.hw.up5k.host.client import Device
from owlbit.hw.up5k.host.packets import Result
from owlbit.toolchain.boards.listen import as_json, error_json, push_images
from owlbit.toolchain.sensing.server.guard import Guard, is_loopback
from owlbit.toolchain.sensing.server.limited_server import LimitedServer, address_of, bind, check_token, token_for
from owlbit.toolchain.sensing.server.uploads import Pictures
from owlbit.toolchain.sensing.server.web import PAGE as SENSE_PAGE

PAGE = Path(__file__).with_name("page")
FILES = {
    "/": (PAGE / "index.html", "text/html"),
    "/board.js": (PAGE / "board.js", "text/javascript"),
    "/style.css": (SENSE_PAGE / "style.css", "text/css"),
}
TURN_S = 0.1
QUIET_TURNS = 20  # without a packet, after which the board is asked
KEPT = 50
PUSH_S = 60  # seconds until a pushed picture must have its scores

Push = tuple[NDArray[np.uint8], str, Future[dict[str, Any]]]


class Watch:
    """The only one who talks to the board, in a thread of its own: `state` is what it knows, `push` asks it to push a frame."""

    def __init__(self, device: Device, network: Network) -> None:
        self.device, self.network = device, network
        self.newest: dict[str, Any] | None = None
        self.happened: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.board = device.version()
        self.status = device.status()
        self.failure: OwlbitError | None = None
        self.stopped = threading.Event()
        self._pushes: queue.SimpleQueue[Push] = queue.SimpleQueue()

    def run(self) -> None:
        """Until `stopped`, or the board is gone, which `failure` then says."""
        quiet = 0
        try:
            if self.status.camera != "none" and self.status.state == "idle":
                self.device.start()
            while not self.stopped.is_set():
                self._push_waiting()
                quiet = 0 if self._take_turn() else quiet + 1
                if quiet >= QUIET_TURNS:
                    self.status, quiet = self.device.status(), 0
        except OwlbitError as error:
            self.failure = error
        while not self._pushes.empty():
            self._pushes.get()[2].set_exception(self.failure or OwlbitError("the page is closing"))

    def _take_turn(self) -> bool:
        came = False
        for each in self.device.events(self.device.clock() + TURN_S):
            came = True
            if isinstance(each, Result):
                self.newest = as_json(each, self.network)
                if each.wakes:
                    self.device.acknowledge()
                    self.happened.appendleft(self.newest)
            else:
                self.happened.appendleft(error_json(each))
        return came

    def _push_waiting(self) -> None:
        while not self._pushes.empty():
            frame, name, future = self._pushes.get()
            try:
                answer = next(iter(push_images(self.device, frame[None], [name], self.network)))
                self.newest = answer
                if self.status.camera != "none":
                    self.device.start()
                future.set_result(answer)
            except OwlbitError as error:
                future.set_exception(error)
                raise

    def push(self, frame: NDArray[np.uint8], name: str) -> dict[str, Any]:
        """The line of `push_images` for a frame uint8 [C, H, W]. Raises OwlbitError where the board does not answer."""
        if self.failure is not None:
            raise self.failure
        future: Future[dict[str, Any]] = Future()
        self._pushes.put((frame, name, future))
        try:
            return future.result(timeout=PUSH_S)
        except TimeoutError:
            raise OwlbitError(f"expected the board's scores within {PUSH_S} s, got none; push the picture again") from None

    def state(self) -> dict[str, Any]:
        """All that the page shows."""
        status = self.status
        return {
            "network": self.board.network,
            "board": self.board.board,
            "sha256": self.board.sha256,
            "camera": status.camera,
            "self_test": status.self_test,
            "classes": list(self.network.class_names),
            "newest": self.newest,
            "happened": list(self.happened),
            "failure": None if self.failure is None else str(self.failure),
        }


def make_app(watch: Watch, loopback: bool = True, token: str = "") -> FastAPI:
    """The application around `watch`. `loopback`: whether it is bound to the loopback; see `guard`. `token`: what a picture needs,
    "" for nothing."""
    app = FastAPI(title="owlbit listen", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, loopback=loopback)
    pictures = Pictures()

    def serve_file(address: str, content: bytes, kind: str) -> None:
        app.get(address, include_in_schema=False)(lambda: Response(content, media_type=kind))

    for address, (path, kind) in FILES.items():
        serve_file(address, path.read_bytes(), kind)

    @app.get("/state")
    def state() -> JSONResponse:
        return JSONResponse(watch.state())

    @app.post("/picture")
    async def picture(request: Request, name: str = "a picture") -> JSONResponse:
        check_token(request, token)
        async with pictures.taking(request, watch.network) as (frame, _):
            try:
                return JSONResponse(await run_sync(watch.push, frame, name[:80]))
            except OwlbitError as error:
                raise HTTPException(503, str(error)) from None

    return app


def serve_board(device: Device, network: Network, host: str, port: int, notify: Callable[[str], None], token: str = "") -> None:
    """Serves the page until Ctrl-C or SIGTERM, or until the board is gone, which is raised. `port` 0: any free one.

    `token`: what pictures need, see `token_for`; the address with the token is told.
    """
    token = token_for(host, token)
    watch = Watch(device, network)
    bound = bind(host, port)
    server = LimitedServer(make_app(watch, is_loopback(host), token))

    def work() -> None:
        watch.run()
        server.should_exit = True

    worker = threading.Thread(target=work, name="owlbit board", daemon=True)
    notify(f"open {address_of(host, bound, token)} (Ctrl-C ends)")
    worker.start()
    try:
        server.run([bound])
    finally:
        watch.stopped.set()
        worker.join(10)
        bound.close()
    if watch.failure is not None:
        raise watch.failure
