"""`owlbit build --target up5k`: the flash image of a network behind the engine's bitstream, and the report of the build."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from owlbit.export.files import write_bytes, write_text
from owlbit.export.network import Network
from owlbit.hw.up5k.bitstream.plan import ENGINE_BIN, ENGINE_JSON
from owlbit.hw.up5k.compiler.compile_network import Up5kProgram, compile_network
from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ
from owlbit.hw.up5k.compiler.flash_format import FLASH_OFFSET
from owlbit.hw.up5k.compiler.legality import MEMORY_WORDS

TARGET, FLASH, BUILD = "up5k", "flash.bin", "build.json"


def flash_content(network_image: bytes) -> bytes:
    """The whole flash from address 0: the bitstream, blank bytes (0xFF), the network."""
    return ENGINE_BIN.read_bytes().ljust(FLASH_OFFSET, b"\xff") + network_image


def build_up5k(network: Network, out_folder: Path) -> Up5kProgram:
    """Writes flash.bin and build.json into `out_folder`. Raises Up5kError where the network does not fit the engine."""
    program = compile_network(network)
    flash = flash_content(program.flash)
    write_bytes(out_folder / FLASH, flash)
    write_text(out_folder / BUILD, json.dumps(describe_build(network, program, flash), indent=2) + "\n")
    return program


def describe_build(network: Network, program: Up5kProgram, flash: bytes) -> dict[str, Any]:
    """The contents of build.json: what was built, where it lies in memory, and what it costs by the cost model."""
    return {
        "target": TARGET,
        "network": network.name,
        "input": {"scale": network.input_scale, "offset": network.input_offset},
        "notes": list(network.notes),
        "flash_bytes": len(flash),
        "network_offset": FLASH_OFFSET,
        "network_bytes": len(program.flash),
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
    return flash_content(compile_network(network).flash)
