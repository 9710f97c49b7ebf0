"""The live page of a board: what it shows, pictures pushed through it, and a board that goes away."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from board_builds import gray_network, make_build
from board_device import Chip, on_a_port
from owlbit.export.network import Network
from owlbit.hw.reference import simulate
from owlbit.hw.up5k.host.client import Device
from owlbit.hw.up5k.host.stream import open_port
from owlbit.toolchain.boards.page_server import PAGE, Watch, make_app
from random_networks import random_images

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


def test_the_page_loads_nothing_from_outside(watch: Watch) -> None:
    client = TestClient(make_app(watch))
    for address in ("/", "/board.js", "/style.css"):
        assert client.get(address, headers=HOST).status_code == 200
    assert "http" not in (PAGE / "index.html").read_text().replace("http-equiv", "")
    assert "://" not in (PAGE / "board.js").read_text()
