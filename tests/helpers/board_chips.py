"""A board's chip in simulation for tests: built once per board, with a small network in its flash and pictures for its camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chip_golden import Policy, frame_of
from owlbit import models
from owlbit.export.network import Network
from owlbit.hw.up5k.board import Board, load_board
from owlbit.hw.up5k.build import network_image
from owlbit.hw.up5k.camera_table import camera_table
from owlbit.hw.up5k.chip_simulation import ChipSimulation, board_executable
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.hw.up5k.compiler.flash_format import NetworkImage, crc32_mpeg2, pack_image
from owlbit.hw.up5k.firmware.build import CAMERA_TABLE
from owlbit.hw.up5k.wake_policy import ChipPolicy
from owlbit.models.layer_table import Conv
from owlbit.toolchain.recipes.recipe import load_recipe
from owlbit.toolchain.runs.untrained_network import untrained_network
from random_networks import Varied

POLICY = Policy(needed=2, of=3, margin=20, hold_off_frames=2, quiet=(3,))
PICTURES = {"hm01b0": (244, 324), "ov7670": (240, 320)}


@cache
def board_chip(name: str) -> Path:
    """The bench with the chip of a board."""
    return board_executable(load_board(name))


def small_network(rows: int = 16, columns: int = 16, classes: int = 10, seed: int = 5) -> Network:
    """One convolution and random numbers; its scores vary from picture to picture."""
    layers = [Conv(32, 3, 1 if rows * columns < 1500 else 8, 1, pool=2 if min(rows, columns) > 1 else 1)]
    return untrained_network((1, rows, columns), 8, layers, classes, Varied(np.random.default_rng(seed)))


def demo_network() -> Network:
    """The shape of the demo's network: 16x16 gray, 52 kbit; random numbers."""
    recipe = load_recipe(Path(models.__file__).parent / "recipes" / "digits.toml")
    numbers = Varied(np.random.default_rng(8))
    return untrained_network(recipe.input_shape, recipe.input.thresholds, recipe.layers, 10, numbers, "demo")


def flash_of(board: Board, network: Network, policy: Policy = POLICY) -> bytes:
    """The flash of a board with a network, without the bitstream, which a simulation does not read."""
    wake = ChipPolicy(policy.needed, policy.of, policy.margin, policy.hold_off_frames, policy.quiet)
    return before_network(board) + network_image(network, compile_network(network), wake)


def flash_of_image(board: Board, image: NetworkImage) -> bytes:
    """The same with an image of one's own."""
    return before_network(board) + pack_image(image)


def before_network(board: Board) -> bytes:
    """The flash up to the network: blank but for the camera's table."""
    table = camera_table(board.camera.kind) if board.camera else b""
    return (b"\xff" * CAMERA_TABLE + table).ljust(board.flash.network_offset, b"\xff")


def with_crc(image: bytearray, start: int) -> bytes:
    """The flash with the checksum of the network from `start` made to fit its bytes again."""
    body = bytes(image[start:-4])
    return bytes(image[:start]) + body + crc32_mpeg2(body).to_bytes(4, "big")


def scenes(kind: str, count: int, seed: int) -> NDArray[np.uint8]:
    """Pictures uint8 [N, H, W] of a camera: each of a few scenes for some frames, with noise; some are black, white or random."""
    rng = np.random.default_rng(seed)
    height, width = PICTURES[kind]
    pictures: list[NDArray[np.uint8]] = []
    while len(pictures) < count:
        coarse = rng.integers(0, 256, (8, 10)).repeat(height // 8 + 1, 0).repeat(width // 10 + 1, 1)[:height, :width]
        for _ in range(int(rng.integers(1, 6))):
            noisy = coarse + rng.integers(-9, 10, (height, width))
            pictures.append(np.clip(noisy, 0, 255).astype(np.uint8))
        special = rng.integers(0, 12)
        if special == 0:
            pictures.append(np.full((height, width), 255, np.uint8))
        elif special == 1:
            pictures.append(np.zeros((height, width), np.uint8))
        elif special == 2:
            pictures.append(rng.integers(0, 256, (height, width), dtype=np.uint8))
    return np.stack(pictures[:count])


def frames_of(pictures: NDArray[np.uint8], network: Network) -> NDArray[np.uint8]:
    """What the network sees of a camera's pictures: uint8 [N, 1, H, W]."""
    _, rows, columns = network.input_shape
    top, left = (pictures.shape[1] - 240) // 2, (pictures.shape[2] - 320) // 2
    inner = pictures[:, top : top + 240, left : left + 320]
    return np.stack([frame_of(picture, rows, columns) for picture in inner])[:, None]


@dataclass(frozen=True)
class Rig:
    """A board, a network, and how to start a chip with both."""

    board: Board
    network: Network
    policy: Policy

    def start(
        self,
        options: Mapping[str, object] | None = None,
        *,
        flash: bytes | None = None,
        pictures: NDArray[np.uint8] | None = None,
        executable: Path | None = None,
    ) -> ChipSimulation:
        """A chip that has not run yet. options: of the bench, over those of the board. executable: in place of its RTL."""
        board = self.board
        camera = board.camera.kind if board.camera else "none"
        content = flash_of(board, self.network, self.policy) if flash is None else flash
        found = {"clock_khz": round(board.clock.mhz * 1000), "camera": camera, "baud": board.host.baud, **(options or {})}
        return ChipSimulation(executable or board_chip(board.name), content, pictures=pictures, options=found)


def rig(name: str = "icesugar", network: Network | None = None, policy: Policy = POLICY) -> Rig:
    """A board with a small network and a policy under which that network wakes now and then."""
    return Rig(load_board(name), network or small_network(), policy)
