"""A real server around a loop, in this process or in one of its own: what the tests of the page share."""

from __future__ import annotations

import asyncio
import json
import re
import resource
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import uvicorn
from numpy.typing import NDArray

from owlbit.toolchain.sensing.loop import Loop
from owlbit.toolchain.sensing.server.connections import LimitedProtocol
from owlbit.toolchain.sensing.server.viewers import Feed
from owlbit.toolchain.sensing.server.web import make_app
from sensing_tools import ROOT

SMALL = 8192  # bytes of the server's socket buffers: a viewer that reads nothing is felt at once


@contextmanager
def serving(loop: Loop, port: int = 0) -> Iterator[tuple[Feed, str]]:
    """(the feed, HOST:PORT). The loop itself is not turned: the test does that."""
    feed = Feed(loop)
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    bound.listen()
    config = uvicorn.Config(
        make_app(feed),
        http=LimitedProtocol,
        log_level="warning",
        access_log=False,
        ws="websockets-sansio",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([bound])))
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield feed, f"127.0.0.1:{bound.getsockname()[1]}"
    finally:
        loop.controls.stop()
        server.should_exit = True
        thread.join(20)
        bound.close()
        assert not thread.is_alive(), "the server did not end"


@contextmanager
def sensing(*arguments: str, descriptors: int = 256) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """(the process, HOST:PORT of its page, what it says on standard error)."""
    command = [sys.executable, "-m", "owlbit.toolchain", "sense", "--port", "0", *arguments]
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))  # noqa: E731
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=limit)
    assert process.stderr is not None
    said: list[str] = []
    try:
        for notice in process.stderr:
            said.append(notice)
            if found := re.search(r"open http://([\w.:\[\]-]+)", notice):
                break
        assert found, said
        threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True).start()
        yield process, found[1], said
    finally:
        process.kill()
        process.wait()


def turn(loop: Loop, feed: Feed) -> threading.Thread:
    """A thread that runs the loop to its end, as `serve.run_page` does."""

    def work() -> None:
        for record in loop.frames():
            feed.take(record)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def wait_until(condition: Callable[[], Any], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def read_frame(message: bytes, shape: tuple[int, ...], planes: int) -> tuple[dict[str, Any], NDArray[np.uint8], NDArray[np.uint8]]:
    """(header, seen [C, H, W], bits [C*T, H, W]) of a frame's message, read as the page does."""
    (length,) = struct.unpack_from("<I", message)
    size = int(np.prod(shape))
    header: dict[str, Any] = json.loads(message[4 : 4 + length])
    seen = np.frombuffer(message, np.uint8, size, 4 + length).reshape(shape)
    bits = np.unpackbits(np.frombuffer(message, np.uint8, offset=4 + length + size))[: planes * shape[1] * shape[2]]
    return header, seen, bits.reshape(planes, *shape[1:])
