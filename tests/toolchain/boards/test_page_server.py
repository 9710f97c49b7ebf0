"""The live page of a board: what it shows, pictures pushed through it, and a board that goes away."""

from __future__ import annotations

import contextlib
import io
import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from board_builds import gray_network, make_build
from board_device import Chip, on_a_port
from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.hw.reference import simulate
from owlbit.hw.up5k.host.client import Device
from owlbit.hw.up5k.host.stream import open_port
from owlbit.toolchain.boards.page_server import PAGE, Watch, make_app, serve_board
from random_networks import random_images
from serving import wait_until

HOST = {"Host": "localhost"}


@pytest.fixture(scope="module")
def network() -> Network:
    return gray_network(7)


@pytest.fixture
def chip(network: Network, tmp_path: Path) -> Chip:
    (tmp_path / "wake.toml").write_text("[wake]\nmargin = 0\nneeded = 1\nof = 1\nhold_off_frames = 5\n")
    image = (make_build(tmp_path, network, tmp_path / "wake.toml") / "network.bin").read_bytes()
    return Chip(network, image, random_images(np.random.default_rng(2), network, 7))


@pytest.fixture
def watch(chip: Chip, network: Network) -> Iterator[Watch]:
    with on_a_port(chip, period_s=0.01) as path:
        device = Device(open_port(path, 115200), answer_s=0.2)
        device.hello()
        found = Watch(device, network)
        worker = threading.Thread(target=found.run)
        worker.start()
        yield found
        found.stopped.set()
        worker.join(10)
        device.close()


def png(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "png")
    return buffer.getvalue()


def test_frames_wake_ups_and_pushed_pictures(watch: Watch, network: Network) -> None:
    client = TestClient(make_app(watch))
    until = time.monotonic() + 10
    while not client.get("/state", headers=HOST).json()["happened"] and time.monotonic() < until:
        time.sleep(0.05)
    state = client.get("/state", headers=HOST).json()
    assert (state["network"], state["board"], state["camera"]) == (network.name, "icesugar", "HM01B0")
    assert state["happened"][0]["wake"] and state["newest"]["scores"]
    picture = np.random.default_rng(0).integers(0, 256, network.input_shape[1:], dtype=np.uint8)
    answer = client.post("/picture?name=deer.png", content=png(picture), headers=HOST).json()
    assert answer["scores"] == answer["simulator"] == simulate(network, picture[None, None])[0].tolist()
    assert answer["equal"] and answer["image"] == "deer.png"
    assert client.post("/picture", content=b"no picture", headers=HOST).status_code in (400, 415, 422)
    assert client.get("/state", headers={"Host": "evil.example"}).status_code == 403


def test_a_board_that_goes_away_is_told(watch: Watch, chip: Chip, network: Network) -> None:
    client = TestClient(make_app(watch))
    chip.silent = True
    answer = client.post("/picture", content=png(np.zeros(network.input_shape[1:], np.uint8)), headers=HOST)
    assert (answer.status_code, "expected an answer to PUSH" in answer.text) == (503, True)
    assert "expected an answer to PUSH" in client.get("/state", headers=HOST).json()["failure"]
    assert client.post("/picture", content=png(np.zeros(network.input_shape[1:], np.uint8)), headers=HOST).status_code == 503


def test_pictures_need_the_token_where_there_is_one(watch: Watch, network: Network) -> None:
    client = TestClient(make_app(watch, loopback=False, token="secret"), base_url="http://board.example")
    picture = png(np.zeros(network.input_shape[1:], np.uint8))
    assert client.get("/").status_code == client.get("/state").status_code == 200
    for headers in ({}, {"authorization": "Bearer secre"}, {"authorization": "secret2"}):
        reply = client.post("/picture", content=picture, headers=headers)
        assert reply.status_code == 401 and "token" in reply.json()["detail"]
    assert client.post("/picture", content=picture, headers={"authorization": "Bearer secret"}).json()["equal"]


@pytest.mark.parametrize(("host", "token"), [("127.0.0.1", ""), ("0.0.0.0", r"/#token=[\w-]{22}")])
def test_beyond_the_loopback_a_token_is_printed_and_needed(chip: Chip, network: Network, host: str, token: str) -> None:
    """The server as `owlbit listen --page` starts it; ten pictures at once are answered one after the other."""
    said: list[str] = []
    with on_a_port(chip, period_s=0.01) as path:
        device = Device(open_port(path, 115200), answer_s=0.2)
        device.hello()
        server = threading.Thread(target=page_until_the_board_is_gone, args=(device, network, host, said), daemon=True)
        server.start()
        wait_until(lambda: said)
        found = re.fullmatch(rf"open http://(?:127.0.0.1|localhost):(\d+)({token}) \(Ctrl-C ends\)", said[0])
        assert found, said
        address = f"http://127.0.0.1:{found[1]}/picture"
        picture = png(np.zeros(network.input_shape[1:], np.uint8))
        given = found[2].partition("=")[2]

        def push(_: int) -> int:
            asked = urllib.request.Request(address, picture, {"Authorization": f"Bearer {given}"} if given else {})
            with urllib.request.urlopen(asked, timeout=30) as reply:
                return int(json.load(reply)["equal"])

        with ThreadPoolExecutor(10) as many:
            assert list(many.map(push, range(10))) == [1] * 10
        if given:
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(urllib.request.Request(address, picture), timeout=30)
        chip.silent = True
        with contextlib.suppress(OSError):
            push(0)
        server.join(20)
        assert not server.is_alive() and "expected an answer" in said[-1]
        device.close()


def page_until_the_board_is_gone(device: Device, network: Network, host: str, said: list[str]) -> None:
    try:
        serve_board(device, network, host, 0, said.append)
    except OwlbitError as error:
        said.append(str(error))


def test_the_page_loads_nothing_from_outside(watch: Watch) -> None:
    client = TestClient(make_app(watch))
    for address in ("/", "/board.js", "/style.css"):
        assert client.get(address, headers=HOST).status_code == 200
    assert "http" not in (PAGE / "index.html").read_text().replace("http-equiv", "")
    assert "://" not in (PAGE / "board.js").read_text()
