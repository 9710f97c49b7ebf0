"""`owlbit sense` with its page, as a process: it says where it is, ends cleanly, refuses a port in use, and imports no torch."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner
from websockets.sync.client import connect

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.cli.app import app
from owlbit.toolchain.sensing.server.limited_server import address_of, token_for
from sensing_tools import ROOT, printed_by


def begin(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    """(the process, HOST:PORT of its page)."""
    line = [sys.executable, "-m", "owlbit.toolchain", "sense", "--port", "0", *arguments]
    process = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for notice in process.stderr:
        if found := re.search(r"open http://(\S+)", notice):
            return process, found[1]
    raise AssertionError(f"the page did not open: {process.wait()}")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_cleanly_with_a_viewer_that_does_not_read(tmp_path: Path, number: int, status: int) -> None:
    path = tmp_path / "events.jsonl"
    process, address = begin("--rate", "300", "--events", str(path))
    try:
        with connect(f"ws://{address}/live", max_queue=1, close_timeout=0.1):
            until = time.monotonic() + 60
            while not (path.exists() and path.read_text().count("\n") >= 2):
                assert process.poll() is None and time.monotonic() < until
                time.sleep(0.05)
            with urllib.request.urlopen(f"http://{address}/healthz", timeout=10) as reply:
                assert json.load(reply)["well"] is True
            process.send_signal(number)
            out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == status
    assert "Traceback" not in err and "frames" in err.splitlines()[-1]
    lines = path.read_text().splitlines()
    assert lines == out.splitlines() and len(lines) >= 2 and all(json.loads(line)["name"] for line in lines)


@pytest.mark.slow
def test_memory_stays_flat_while_viewers_come_and_go() -> None:
    """Three minutes at full speed: some viewers read, some do not, all leave."""
    process, address = begin("--full-speed")
    resident: list[float] = []
    try:
        assert process.stdout is not None
        threading.Thread(target=process.stdout.read, daemon=True).start()  # events, which nobody wants here
        started = time.monotonic()
        while time.monotonic() - started < 180:
            viewers = [connect(f"ws://{address}/live", max_queue=1, close_timeout=0.1) for _ in range(2)]
            with viewers[0] as reader, viewers[1]:
                for _ in range(20):
                    reader.recv(60)
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as reply:
                found = re.search(r"^process_resident_memory_bytes (\S+)$", reply.read().decode(), re.MULTILINE)
            assert found is not None
            resident.append(float(found[1]))
    finally:
        process.kill()
    settled = resident[len(resident) // 3 :]
    assert len(resident) > 30
    assert max(settled) - settled[0] < 8 * 2**20, [round(each / 2**20, 1) for each in resident]


def test_it_ends_with_its_source() -> None:
    process, _ = begin("--frames", "20", "--full-speed")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and "20 frames" in err


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["sense", "--frames", "2", "--full-speed", *arguments])
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr.startswith("owlbit: ") and result.stderr.count("\n") == 1
    return result.stderr


def test_a_port_in_use_is_one_message() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} of 127.0.0.1 is in use; end what listens there" in refused("--port", str(port))


def test_an_unknown_host_is_one_message() -> None:
    assert "--host: expected a name or address of this machine, got nowhere.invalid" in refused("--host", "nowhere.invalid")
    assert "expected one that may be listened to" in refused("--host", "192.0.2.1", "--port", "0")


@pytest.mark.parametrize("token", ["a b", "\u00e4", "x\n", "\ud800"])
def test_a_token_that_no_header_carries_is_refused(token: str) -> None:
    with pytest.raises(OwlbitError, match="--token: expected printable ASCII characters without spaces"):
        token_for("127.0.0.1", token)


def test_the_address_holds_any_token_whole() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = address_of("127.0.0.1", bound, token_for("127.0.0.1", "a+b/c&d=#"))
    assert parse_qs(urlsplit(address).fragment) == {"token": ["a+b/c&d=#"]}


def test_without_fastapi_the_headless_form_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name
        for name in sys.modules
        if name.startswith(("fastapi", "owlbit.toolchain.sensing.server.serve", "owlbit.toolchain.sensing.server.web"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert "the page needs fastapi" in (message := refused()) and "--headless does without" in message


def test_serving_imports_no_torch() -> None:
    script = (
        "import sys\n"
        "from owlbit.toolchain.sensing.options import SenseOptions\n"
        "from owlbit.toolchain.sensing.session import build_loop\n"
        "from owlbit.toolchain.sensing.settings import load_settings\n"
        "import owlbit.toolchain.sensing.server.serve\n"
        "from owlbit.toolchain.sensing.server.viewers import Feed\n"
        "from owlbit.toolchain.sensing.server.web import make_app\n"
        "from sensing_tools import demo_network\n"
        "loop = build_loop(demo_network(), load_settings(None), SenseOptions(full_speed=True))\n"
        "feed = Feed(loop)\n"
        "make_app(feed)\n"
        "feed.take(next(loop.frames()))\n"
        "feed.message()\n"
        "print(sorted({'torch', 'brevitas', 'lightning', 'matplotlib', 'sklearn', 'qonnx'} & set(sys.modules)))\n"
    )
    assert printed_by(script) == "[]"
