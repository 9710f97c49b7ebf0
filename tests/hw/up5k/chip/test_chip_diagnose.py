"""`owlbit selftest` against the simulated chip: wrong computing, a camera at fault and a living picture are told apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from board_chips import Rig, flash_of, flash_of_image, rig, scenes
from owlbit.hw.up5k.compiler.flash_format import SelfTest, image_hash, read_image
from owlbit.toolchain.boards.diagnose import Finding, diagnose
from owlbit.toolchain.boards.write_flash import BoardBuild
from simulated_stream import SimulatedStream


def build_of(board: Rig) -> BoardBuild:
    """What `owlbit build` would have made of the rig's network."""
    image = flash_of(board.board, board.network, board.policy)[board.board.flash.network_offset :]
    return BoardBuild(Path("builds/rig"), board.board, read_image(image), image_hash(image))


def findings(board: Rig, options: dict[str, object], **given: object) -> dict[str, Finding]:
    with board.start(options, **given) as chip:  # type: ignore[arg-type]
        device = SimulatedStream(chip).device()
        chip.run(20_000)
        return {each.check: each for each in diagnose(device, build_of(board), board.network)}


@pytest.mark.slow
def test_a_board_without_fault() -> None:
    board = rig()
    found = findings(board, {}, pictures=scenes("hm01b0", 4, seed=4))
    assert {name: each.verdict for name, each in found.items()} == dict.fromkeys(
        ("link", "flash", "self-test", "pushed frames", "camera", "verdict"), "right"
    )
    assert found["verdict"].text.startswith("chip and camera work: a network that always says the same sees another picture")


@pytest.mark.slow
def test_a_camera_that_does_not_answer() -> None:
    found = findings(rig(), {"absent": 1})
    assert (found["self-test"].verdict, found["pushed frames"].verdict, found["camera"].verdict) == ("right", "right", "wrong")
    assert "the camera does not answer" in found["camera"].text
    assert found["verdict"].text.startswith("the chip computes rightly and the fault is the camera's")


@pytest.mark.slow
def test_scores_that_are_not_the_expected_ones() -> None:
    board = rig()
    image = build_of(board).image
    assert image.self_test is not None
    wrong = SelfTest(image.self_test.frame, (image.self_test.scores + np.int16(2)).astype(np.int16))
    flash = flash_of_image(board.board, replace(image, self_test=wrong))
    found = findings(board, {"absent": 1}, flash=flash)
    assert found["self-test"].verdict == "wrong"
    assert found["flash"].verdict == "wrong"  # another SHA-256 than that of the build
    blank = findings(board, {"absent": 1}, flash=flash[: board.board.flash.network_offset] + bytes(4096))
    assert blank["flash"].text.startswith("the flash holds no whole network: write the flash again")
