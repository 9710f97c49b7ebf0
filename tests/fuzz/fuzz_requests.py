"""Damaged requests and websocket frames against a page whose loop runs: it has to keep its rate, and to end in time."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import socket
import struct
import time
from typing import TYPE_CHECKING

import numpy as np

from fuzz_bytes import Draw, mutate_bytes
from fuzz_images import mutate_picture, picture

if TYPE_CHECKING:
    from fuzz_run import Counts

RATE = 100.0  # frames a second of the loop
END_S = 5
COMMANDS = (
    *('{"light": 50}', '{"mismatch": 5}', '{"energy": "core_volts", "value": 1.1}', '{"do": "pause"}', '{"do": "step"}'),
    *(
        '{"do": "resume"}',
        '{"token": "a"}',
        '{"light": 1e25}',
        '{"light": -0.0}',
        '{"mismatch": 1e-320}',
        "[" * 3000,
        '{"light": 1e999}',
    ),
)
REQUESTS = (
    b"GET / HTTP/1.1\r\nHost: HOST\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: HOST\r\nOrigin: http://HOST\r\n\r\n",
    b"GET /events.jsonl HTTP/1.1\r\nHost: HOST\r\nAccept-Encoding: gzip\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n",
    b"POST /picture?name=%ff%00x HTTP/1.1\r\nHost: HOST\r\nContent-Length: LENGTH\r\n\r\n",
    b"POST /picture HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
    b"GET /live HTTP/1.1\r\nHost: HOST\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: KEY\r\nSec-WebSocket-Version: 13\r\n\r\n",
)


def request(draw: Draw, host: str) -> bytes:
    """A request, mostly damaged."""
    body = b""
    made = REQUESTS[int(draw.integers(len(REQUESTS)))]
    if b"LENGTH" in made:
        body = mutate_picture(picture(draw)[0], draw)
        length = draw.choice([str(len(body)), str(len(body)), "-1", "99999999999999999999", "x", "1e3", "0"])
        made = made.replace(b"LENGTH", str(length).encode())
    made = made.replace(b"HOST", host.encode()).replace(b"KEY", base64.b64encode(draw.bytes(16)))
    return (mutate_bytes(made, draw, 3) if draw.random() < 0.8 else made) + body


def frame(draw: Draw) -> bytes:
    """A websocket frame with a command (RFC 6455, section 5.2), mostly damaged: its payload, its head, or both."""
    payload = COMMANDS[int(draw.integers(len(COMMANDS)))].encode()
    if draw.random() < 0.5:
        payload = mutate_bytes(payload, draw, 3)
    first = 0x81 if draw.random() < 0.6 else int(draw.integers(256))
    made = frame_of(payload, draw, first, masked=draw.random() < 0.9)
    return mutate_bytes(made, draw, 2) if draw.random() < 0.3 else made


def frame_of(payload: bytes, draw: Draw, first: int = 0x81, masked: bool = True) -> bytes:
    """The frame of a payload of less than 64 KiB. `first`: its first byte, a whole text message by default; masks are drawn."""
    length, mask_bit = len(payload), 0x80 if masked else 0
    size = bytes([mask_bit | length]) if length < 126 else bytes([mask_bit | 126]) + struct.pack(">H", length)
    if not masked:
        return bytes([first]) + size + payload
    key = draw.bytes(4)
    return bytes([first]) + size + key + bytes(byte ^ key[place % 4] for place, byte in enumerate(payload))


def handshake(host: str, draw: Draw) -> bytes:
    """The request that opens a websocket to the page."""
    return REQUESTS[-1].replace(b"HOST", host.encode()).replace(b"KEY", base64.b64encode(draw.bytes(16)))


def send(address: tuple[str, int], draw: Draw) -> None:
    """One connection: a request, or a handshake and some frames; read a little or not at all, ended or left."""
    host = f"{address[0]}:{address[1]}"
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=5) as line:
        line.settimeout(0.05)
        if draw.random() < 0.5:
            line.sendall(request(draw, host))
        else:
            line.sendall(handshake(host, draw))
            for _ in range(int(draw.integers(1, 6))):
                line.sendall(frame(draw))
        if draw.random() < 0.7:
            line.recv(4096)


def fuzz_requests(seeds: range, counts: Counts) -> None:
    """Sends what each seed draws; adds to `counts` how the loop bore them: "accepted" where it kept its rate and ended in time."""
    from owlbit.toolchain.sensing.loop import Loop
    from owlbit.toolchain.sensing.server.viewers import Feed
    from sensing_tools import Script, demo_network, shots
    from serving import serving, turn, wait_until

    loop = Loop(demo_network(), Script(itertools.cycle(shots(20))), frames_per_second=RATE)
    problems: list[str] = []
    frames = 0
    with serving(loop) as (feed, address):
        assert isinstance(feed, Feed)
        thread = turn(loop, feed)
        wait_until(lambda: loop.tally.frames, 120)  # its kernels are loaded
        host, _, port = address.partition(":")
        for seed in seeds:
            send((host, int(port)), np.random.default_rng([seed, 7]))
            if not thread.is_alive():
                problems.append(f"requests {seed}: crash: the loop ended")
                break
        loop.controls.resume()
        before, started = loop.tally.frames, time.monotonic()
        while time.monotonic() < started + 1:
            time.sleep(0.05)
        frames = loop.tally.frames - before
        if frames < RATE / 4:  # on a machine that does other things besides
            problems.append(f"requests from {seeds.start}: slow: {frames} frames in a second after them, of {RATE:g}")
        answer = b""
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=30) as line:
            line.sendall(f"GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
            while part := line.recv(4096):
                answer += part
        if not answer.endswith(b"}") or not json.loads(answer.partition(b"\r\n\r\n")[2])["well"]:
            problems.append(f"requests from {seeds.start}: crash: the page does not answer: {answer!r}")
        started = time.monotonic()
        loop.controls.stop()
        thread.join(30)
    took = time.monotonic() - started
    if took > 3 * END_S:
        problems.append(f"requests from {seeds.start}: hang: {took:.1f} s to the end")
    counts.outcomes["accepted"] += len(seeds) - len(problems)
    counts.outcomes["crash"] += len(problems)
    counts.seconds = max(counts.seconds, took)
    counts.bad += problems
