"""`owlbit build --target up5k`: the flash image of a network behind the engine's bitstream, and the report of the build."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, with_config

from owlbit.export.errors import OwlbitError
from owlbit.export.files import read_limited, write_bytes, write_text
from owlbit.export.limits import FLASH_BYTES
from owlbit.export.network import Network
from owlbit.export.settings import read_json
from owlbit.hw.up5k.bitstream.plan import ENGINE_BIN, ENGINE_JSON
from owlbit.hw.up5k.board import Board
from owlbit.hw.up5k.board_flash import board_flash, check_camera, describe_board
from owlbit.hw.up5k.class_table import rank_on_chip
from owlbit.hw.up5k.compiler.compile_network import Up5kProgram, compile_network
from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ
from owlbit.hw.up5k.compiler.flash_format import FLASH_OFFSET, NetworkImage, image_hash, pack_image
from owlbit.hw.up5k.compiler.legality import MEMORY_WORDS
from owlbit.hw.up5k.self_test import make_self_test
from owlbit.hw.up5k.wake_policy import NEVER, ChipPolicy

TARGET, FLASH, NETWORK_PART, BUILD = "up5k", "flash.bin", "network.bin", "build.json"


def network_image(network: Network, program: Up5kProgram, policy: ChipPolicy = NEVER) -> bytes:
    """The flash image of a compiled network, with its self-test and the integers by which the chip ranks its classes."""
    ranking = rank_on_chip(network)
    return pack_image(
        NetworkImage(
            words=program.words,
            input_shape=network.input_shape,
            classes=network.classes,
            name=network.name,
            policy=policy,
            class_table=ranking.table,
            host_decides=ranking.host_decides,
            self_test=make_self_test(network),
        )
    )


def flash_content(network_image: bytes) -> bytes:
    """The whole flash of the bare engine from address 0: the bitstream, blank bytes (0xFF), the network."""
    return ENGINE_BIN.read_bytes().ljust(FLASH_OFFSET, b"\xff") + network_image


def build_up5k(network: Network, out_folder: Path, policy: ChipPolicy = NEVER, board: Board | None = None) -> Up5kProgram:
    """Writes flash.bin and build.json into `out_folder`, and for a board the network alone as network.bin.

    Without board the flash is the bare engine's. Raises Up5kError where the network does not fit the engine, and BoardError where
    it does not fit the board or the board has no bitstream.
    """
    if board is not None:
        check_camera(board, network)
    program = compile_network(network)
    image = network_image(network, program, policy)
    report = describe_build(network, program, image, policy)
    if board is None:
        flash = flash_content(image)
    else:
        flash = board_flash(board, image)
        report |= describe_board(board, program.cycles_per_frame)
        write_bytes(out_folder / NETWORK_PART, image)
    write_bytes(out_folder / FLASH, flash)
    write_text(out_folder / BUILD, json.dumps({**report, "flash_bytes": len(flash)}, indent=2) + "\n")
    return program


def describe_build(network: Network, program: Up5kProgram, image: bytes, policy: ChipPolicy) -> dict[str, Any]:
    """The contents of build.json: what was built, where it lies in memory, and what it costs by the cost model."""
    return {
        "target": TARGET,
        "network": network.name,
        "input": {"scale": network.input_scale, "offset": network.input_offset},
        "notes": list(network.notes),
        "network_offset": FLASH_OFFSET,
        "network_bytes": len(image),
        "network_sha256": image_hash(image),
        "wake": asdict(policy),
        "clock_hz": CLOCK_HZ,
        "cycles_per_frame": program.cycles_per_frame,
        "frames_per_second": round(CLOCK_HZ / program.cycles_per_frame, 2),
        "input_cycles": program.input_cycles,
        "early_input": program.early_input,
        "memory_words": MEMORY_WORDS,
        "layers": [asdict(layer) for layer in program.layers],
        "regions": [asdict(region) for region in program.regions],
        "engine": json.loads(ENGINE_JSON.read_text(encoding="utf-8")),
    }


def compile_flash(network: Network) -> bytes:
    """The whole flash image, bitstream included. Raises OwlbitError where the network does not fit the engine."""
    return flash_content(network_image(network, compile_network(network)))


@with_config(ConfigDict(extra="ignore"))
@dataclass(frozen=True)
class BuildFacts:
    """What is asked of build.json: where the network lies in the flash, and the board, None for the bare engine's flash."""

    network_offset: int | None = None
    board: str | None = None


def read_build_facts(folder: Path) -> BuildFacts:
    """From build.json in `folder`. Raises FileNotFoundError where there is none, OwlbitError where it is no such report."""
    try:
        return read_json(BuildFacts, folder / BUILD)
    except FileNotFoundError:
        raise
    except (OSError, ValueError):
        raise OwlbitError(f"{folder / BUILD}: expected what `owlbit build` writes, got something else; build it again") from None


def engine_flash(path: Path) -> bytes:
    """The flash.bin of a build as the bare engine boots it: the network of a board that has it elsewhere is moved.

    Raises OwlbitError where build.json beside it does not say where the network lies.
    """
    flash = read_limited(path, FLASH_BYTES)
    if not path.with_name(BUILD).is_file():
        return flash
    offset = read_build_facts(path.parent).network_offset
    if offset is None:
        raise OwlbitError(f"{path.with_name(BUILD)}: expected what `owlbit build` writes, got something else; build it again")
    return flash if offset == FLASH_OFFSET else flash_content(flash[offset:])
