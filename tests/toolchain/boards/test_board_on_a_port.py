"""`owlbit listen` and `selftest` against a chip on a pseudo-terminal: lines, wake-ups, and each fault told from the others."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from board_builds import gray_network, make_build
from board_device import Chip, on_a_port
from command_line import Ended, owlbit
from owlbit.export.network import Network
from owlbit.hw.reference import simulate
from owlbit.toolchain.boards import diagnose
from owlbit.toolchain.sensing.wake import WakePolicy, Waker, decide
from random_networks import random_images

WAKE = "[wake]\nmargin = 0\nneeded = 2\nof = 3\nhold_off_frames = 4\n"


@pytest.fixture(scope="module")
def network() -> Network:
    return gray_network(7)


@pytest.fixture(scope="module")
def build(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("board")
    (folder / "wake.toml").write_text(WAKE)
    return make_build(folder, network, folder / "wake.toml")


@pytest.fixture
def chip(network: Network, build: Path) -> Chip:
    frames = random_images(np.random.default_rng(2), network, 7)
    return Chip(network, (build / "network.bin").read_bytes(), frames)


@pytest.fixture(autouse=True)
def short_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chip of these tests gives 100 frames per second."""
    monkeypatch.setattr(diagnose, "WATCH_S", 1.0)


def run(chip: Chip, *arguments: str, noise: bytes = b"") -> Ended:
    with on_a_port(chip, period_s=0.01, noise=noise) as path:
        return owlbit(arguments[0], path, *arguments[1:])


def test_listen_prints_results_and_the_events_of_the_policy(chip: Chip, network: Network, build: Path) -> None:
    ended = run(chip, "listen", "--build", str(build), "--count", "30")
    assert ended.code == 0, ended.err
    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert len(lines) == 30
    assert chip.frames is not None
    waker, wakes = Waker(WakePolicy(0, 2, 3, 4, 0.0)), {}
    for index in range(lines[-1]["frame"] + 1):
        scores = simulate(network, chip.frames[None, index % 7])[0]
        decision, margin = decide(scores)
        wakes[index] = waker.agree(decision, waker.is_sure(decision, margin, 1.0)) > 0
    for line in lines:
        scores = simulate(network, chip.frames[None, line["frame"] % 7])[0]
        assert line["scores"] == scores.tolist()
        assert line["name"] == network.class_names[int(scores.argmax())]
        assert line["wake"] == wakes[line["frame"]]
    assert any(line["wake"] for line in lines)
    woken = run(chip, "listen", "--wakes", "--count", "2")
    assert [json.loads(line)["wake"] for line in woken.out.splitlines()] == [True, True]


def test_pushed_images_meet_the_simulator(chip: Chip, network: Network, build: Path, tmp_path: Path) -> None:
    rows, columns = network.input_shape[1:]
    picture = np.random.default_rng(0).integers(0, 256, (rows, columns), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "deer.png")
    ended = run(chip, "listen", "--build", str(build), "--push", str(tmp_path / "deer.png"))
    assert ended.code == 0, ended.err
    line = json.loads(ended.out)
    assert (line["image"], line["equal"], line["pushed"]) == ("deer.png", True, True)
    assert line["scores"] == line["simulator"] == simulate(network, picture[None, None])[0].tolist()
    chip.wrong_by = 2
    ended = run(chip, "listen", "--build", str(build), "--push", str(tmp_path / "deer.png"))
    assert ended.code == 1
    assert json.loads(ended.out)["equal"] is False


def fine(chip: Chip) -> None:
    """No fault."""


def wrong_engine(chip: Chip) -> None:
    chip.wrong_by = 2
    chip.boot()
    chip.error = 0


def frozen_camera(chip: Chip) -> None:
    assert chip.frames is not None
    chip.frames = chip.frames[:1]


def dead_camera(chip: Chip) -> None:
    chip.running, chip.camera = False, lambda: b""  # type: ignore[method-assign]


def silent_camera(chip: Chip) -> None:
    dead_camera(chip)
    chip.error = 2


def too_small(chip: Chip) -> None:
    dead_camera(chip)
    chip.error = 4


def half_written(chip: Chip) -> None:
    chip.error = 1
    chip.running = False


def other_network(chip: Chip) -> None:
    chip.image = chip.image[:0x80] + bytes(32) + chip.image[0xA0:]


@pytest.mark.parametrize(
    ("fault", "code", "verdict"),
    [
        (fine, 0, "chip and camera work; if the network always gives the same class, the camera's pictures differ"),
        (wrong_engine, 1, "the chip computes wrong scores, independent of the camera"),
        (frozen_camera, 1, "the chip computes correctly, but the camera fails"),
        (silent_camera, 1, "the chip computes correctly, but the camera fails"),
        (dead_camera, 1, "the chip computes correctly, but the camera fails"),
        (too_small, 1, "the chip computes correctly, but the camera fails"),
        (half_written, 1, "the flash holds no whole network: write the flash again: owlbit flash BUILD"),
        (other_network, 1, "the board runs another network than this build"),
    ],
)
def test_each_fault_has_its_verdict(chip: Chip, build: Path, fault: Callable[[Chip], None], code: int, verdict: str) -> None:
    fault(chip)
    ended = run(chip, "selftest", "--build", str(build))
    assert verdict in ended.out, ended
    assert ended.code == code
    assert ended.err == ""


def test_without_build_and_as_json(chip: Chip) -> None:
    ended = run(chip, "selftest", "--json")
    verdicts = {each["check"]: each["verdict"] for each in json.loads(ended.out)}
    assert verdicts == {
        **{"link": "right", "flash": "not run", "self-test": "right", "pushed frames": "not run"},
        **{"camera": "right", "verdict": "right"},
    }


def test_errors_of_the_chip_are_lines_and_silence_is_told(chip: Chip) -> None:
    silent_camera(chip)
    answer = chip.answer

    def silent_once_started(kind: int, payload: bytes) -> bytes:
        if kind == 0x85:
            threading.Timer(0.2, setattr, (chip, "silent", True)).start()
        return answer(kind, payload)

    chip.answer = silent_once_started  # type: ignore[method-assign]
    ended = run(chip, "listen", "--count", "1")
    assert json.loads(ended.out.splitlines()[0])["error"] == 2
    assert ended.code == 2
    assert "expected an answer to GET_STATUS" in ended.err


def test_ports_that_are_not_a_board_s(chip: Chip, build: Path, tmp_path: Path) -> None:
    ended = owlbit("listen", str(tmp_path / "ttyACM7"))
    assert (ended.code, ended.out) == (2, "")
    assert re.match(r"owlbit: .*ttyACM7: expected a serial port, found none of that name; is the board plugged in\?", ended.err)
    chip.silent = True
    ended = run(chip, "selftest", noise=b"login: ")
    assert ended.code == 2
    assert "expected an owlbit board, got nothing at all" in ended.err or "7 bytes of something else" in ended.err
    ended = owlbit("listen", "/dev/null", "--page")
    assert (ended.code, "--build: expected the build that the board runs" in ended.err) == (2, True)


def test_a_pulled_cable_ends_listening_with_one_sentence(chip: Chip) -> None:
    status = chip.status

    def status_then_pull() -> bytes:
        threading.Timer(0.5, setattr, (chip, "unplugged", True)).start()
        return status()

    chip.status = status_then_pull  # type: ignore[method-assign]
    ended = run(chip, "listen")
    assert ended.code == 2
    assert ended.out.count("\n") > 3
    assert "the board is gone" in ended.err and "was its cable pulled?" in ended.err
    assert ended.err.count("\n") == 1


def test_a_half_written_flash_is_told_at_once(chip: Chip, build: Path) -> None:
    half_written(chip)
    ended = run(chip, "listen", "--build", str(build))
    assert (ended.code, ended.out) == (2, "")
    assert "the flash holds no whole network: write the flash again: owlbit flash BUILD" in ended.err


def test_a_board_without_camera_is_told_to_be_pushed_to(network: Network, build: Path) -> None:
    ended = run(Chip(network, (build / "network.bin").read_bytes()), "listen")
    assert ended.code == 2
    assert "expected a board with a camera, got one whose host sends pixels: give --push PATH" in ended.err
