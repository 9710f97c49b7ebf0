"""What many connections at once cannot do: end the loop or the page, fill the log, take all descriptors or memory."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import resource
import signal
import socket
import subprocess
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from owlbit.toolchain.sensing.loop import Loop
from owlbit.toolchain.sensing.server import connections
from owlbit.toolchain.sensing.server.limits import MOST_LINES
from sensing_tools import Script, demo_network
from serving import sensing, serving, wait_until

END_S = 15  # 5 on a machine that does nothing else


def frames(address: str) -> int:
    with urllib.request.urlopen(f"http://{address}/healthz", timeout=5) as reply:
        content = json.load(reply)
    assert content["well"]
    return int(content["frames"])


def resident(process: subprocess.Popen[str]) -> int:
    """The most memory that the process had, bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def ends_in_time(process: subprocess.Popen[str]) -> None:
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0 and time.monotonic() - started < END_S


def half_open(address: str, stack: ExitStack) -> None:
    host, port = address.split(":")
    line = stack.enter_context(socket.create_connection((host, int(port)), timeout=5))
    line.sendall(b"GET / HTTP/1.1\r\nHost: ")


def test_half_open_requests_and_large_pictures_leave_the_page_and_its_source_alive(tmp_path: Path) -> None:
    """As many half-open requests as would take all descriptors, then large pictures at once, which are decoded one by one."""
    Image.fromarray(np.full((16, 16), 90, np.uint8)).save(tmp_path / "a.png")
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((4990, 5000, 3), np.uint8)).save(buffer, "PNG")  # 24.95 million pixels in some 75 kB

    def send(_: int) -> int:
        with urllib.request.urlopen(f"http://{address}/picture", data=buffer.getvalue(), timeout=60) as reply:
            return int(reply.status)

    with sensing("--source", str(tmp_path), "--hold", "1") as (process, address, said):
        with ExitStack() as stack:
            for _ in range(320):
                half_open(address, stack)
            before = frames(address)
            time.sleep(1)
            assert frames(address) > before
            with ThreadPoolExecutor(6) as pool:
                assert set(pool.map(send, range(6))) == {200}
        assert resident(process) < 2**29
        ends_in_time(process)
    assert len(said) < 30 and not any("Traceback" in line for line in said)


def test_text_that_is_no_utf8_ends_its_connection_with_one_line(tmp_path: Path) -> None:
    with sensing() as (process, address, said):
        host, _, port = address.partition(":")
        with socket.create_connection((host, int(port)), 30) as viewer:
            viewer.sendall(
                b"GET /live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            wait_until(lambda: b"101 Switching" in viewer.recv(1 << 16))
            viewer.sendall(bytes([0x81, 0x83, 0, 0, 0, 0, 0xFF, 0xFE, 0x41]))  # one masked frame of text
            viewer.settimeout(30)
            while viewer.recv(1 << 16):
                pass
        wait_until(lambda: any("Invalid UTF-8" in line for line in said))
        wait_until(lambda: frames(address) > 0)
        ends_in_time(process)
    assert not any("Traceback" in line for line in said)


@pytest.mark.slow
def test_without_descriptors_it_goes_on_when_there_are_some_again(tmp_path: Path) -> None:
    Image.fromarray(np.full((16, 16), 90, np.uint8)).save(tmp_path / "a.png")
    with sensing("--source", str(tmp_path), "--hold", "1", descriptors=70) as (process, address, said):
        wait_until(lambda: frames(address) > 5)
        before = frames(address)
        number, *_ = resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (8, 70))  # fewer than it has open
        assert number == 70
        with ExitStack() as stack:
            for _ in range(40):
                half_open(address, stack)
            time.sleep(2.5)
            assert process.poll() is None, said
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (70, 70))
        wait_until(lambda: frames(address) > before + 60)
        ends_in_time(process)
    assert len(said) < 30 and not any("Traceback" in line for line in said)
    assert any("trying again" in line for line in said)


def test_headers_that_do_not_come_are_waited_for_no_longer_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADERS_S", 0.5)
    with serving(Loop(demo_network(), Script([]))) as (_, address), ExitStack() as stack:
        host, port = address.split(":")
        lines = [stack.enter_context(socket.create_connection((host, int(port)), timeout=5)) for _ in range(3)]
        lines[0].sendall(b"GET /healthz HTTP/1.1\r\nHost: ")  # the rest never comes
        lines[1].sendall(f"GET /healthz HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
        answer = b""
        while not answer.endswith(b"}"):
            answer += lines[1].recv(65536)
        assert answer.startswith(b"HTTP/1.1 200")
        lines[1].sendall(b"GET /h")  # a second request in part
        started = time.monotonic()
        for line in lines:
            with contextlib.suppress(ConnectionResetError):
                assert line.recv(65536) == b""
        assert time.monotonic() - started < 4


def test_a_request_whose_rest_is_invalid_leaves_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """Its headers are answered by the application, its body is refused by the protocol, in either order."""
    loop = Loop(demo_network(), Script([]), realtime=False)
    with serving(loop) as (_, address):
        logging.getLogger("uvicorn.error").addHandler(caplog.handler)  # uvicorn sets its loggers up when it starts
        host, port = address.split(":")
        for path in ("/", "/healthz", "/nothing", "/picture"):
            with socket.create_connection((host, int(port)), timeout=5) as line:
                line.sendall(f"POST {path} HTTP/1.1\r\nHost: {address}\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n".encode())
                assert b" 400 " in line.recv(4096)
            with socket.create_connection((host, int(port)), timeout=5) as line:  # answered before its rest comes
                line.sendall(f"POST {path} HTTP/1.1\r\nHost: {address}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
                time.sleep(0.2)
                with contextlib.suppress(OSError):
                    line.sendall(b"ZZ\r\n")
                    line.recv(4096)
        assert urllib.request.urlopen(f"http://{address}/", timeout=5).status == 200
        logging.getLogger("uvicorn.error").removeHandler(caplog.handler)
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
    assert "Exception in ASGI" not in caplog.text


def test_a_flood_of_log_lines_is_cut_short_and_counted(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("test of a flood")
    logger.addFilter(connections.QuietLog())
    with caplog.at_level(logging.WARNING):
        for number in range(1000):
            logger.warning("refused %d", number)
        assert [record.message for record in caplog.records] == [f"refused {number}" for number in range(MOST_LINES)]
        monkeypatch.setattr(connections, "LOG_EVERY_S", 0)
        logger.warning("refused")
    assert caplog.records[-1].message == f"refused ({1000 - MOST_LINES} lines before it were left out)"
