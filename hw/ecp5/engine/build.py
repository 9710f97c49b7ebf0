"""`owlbit build --target ecp5-45f --engine`: the engine's bitstream for a part, and a network as data behind it in the flash."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from owlbit.export.errors import OwlbitError
from owlbit.export.files import cache_folder, made_once, write_bytes, write_text
from owlbit.export.network import Network
from owlbit.hw.ecp5.build_folder import BUILD, ENGINE, FLASH, NETWORK_PART, TRUSTED
from owlbit.hw.ecp5.engine.chip import CHIPS, TOP, EngineChip, engine_chip, engine_inputs, engine_pins, engine_sources
from owlbit.hw.ecp5.flow.pack import check_packed
from owlbit.hw.ecp5.flow.place_and_route import place_and_route
from owlbit.hw.ecp5.flow.record import flow_record
from owlbit.hw.ecp5.flow.synthesise import CELLS, OPTIONS
from owlbit.hw.ecp5.flow.tools import find_tools
from owlbit.hw.ecp5.netlist.check import check_against_netlist
from owlbit.hw.ecp5.parts import Part
from owlbit.hw.external_tools import digest
from owlbit.hw.up5k.build import network_image
from owlbit.hw.up5k.compiler.compile_network import Up5kProgram, compile_network
from owlbit.hw.up5k.compiler.flash_format import image_hash
from owlbit.hw.up5k.compiler.legality import Up5kError

RECORD = "record.json"
ENDINGS = (".json", ".config", ".bit")


def compile_for_engine(network: Network, part: Part) -> Up5kProgram:
    """The network's program for the engine of `part`.

    Raises OwlbitError with what is too large and by how much, and which part would hold it.
    """
    try:
        return compile_network(network, engine_chip(part).memory_words)
    except Up5kError as error:
        larger = next((name for name, chip in CHIPS.items() if _fits(network, chip.memory_words)), None)
        offer = f"; {larger} --engine would hold it" if larger else ""
        raise OwlbitError(f"{part.name} --engine: {str(error).removeprefix('up5k: ')}{offer}") from None


def _fits(network: Network, memory_words: int) -> bool:
    try:
        compile_network(network, memory_words)
    except Up5kError:
        return False
    return True


def build_engine(
    network: Network, part: Part, folder: Path, clock_mhz: float | None = None, progress: Callable[[str], None] = print
) -> None:
    """Writes flash.bin, network.bin, the engine's bitstream with its netlist and configuration, and build.json into `folder`.

    clock_mhz: that place and route must close, by default the chip's own. The bitstream does not depend on the network: it is made
    once and kept in the cache. Raises OwlbitError where the network does not fit, ClockError where the clock does not close.
    """
    program = compile_for_engine(network, part)
    chip = engine_chip(part)
    clock = clock_mhz or chip.clock_mhz
    image = network_image(network, program)
    made = engine_bitstream(part, chip, clock, progress)
    for ending in ENDINGS:
        shutil.copy(made / f"{TOP}{ending}", folder / f"{TOP}{ending}")
    flash = (made / f"{TOP}.bit").read_bytes().ljust(chip.network_offset, b"\xff") + image
    write_bytes(folder / FLASH, flash)
    write_bytes(folder / NETWORK_PART, image)
    record = json.loads((made / RECORD).read_text(encoding="utf-8"))
    write_text(folder / BUILD, json.dumps(_describe(network, part, chip, program, image, len(flash), record), indent=2) + "\n")


def engine_bitstream(
    part: Part, chip: EngineChip, clock_mhz: float, progress: Callable[[str], None], cache: Path | None = None
) -> Path:
    """The folder with the engine's netlist, configuration, bitstream and record for `part`, made on the first call."""
    tools = find_tools()
    inputs = [*chip.defines, engine_pins(), *OPTIONS, *tools.versions().values(), f"{clock_mhz:g}"]
    key = digest([part.name, *inputs, *engine_inputs()])

    def make(work: Path) -> None:
        result = place_and_route(
            engine_sources(),
            TOP,
            part,
            work,
            clock_mhz,
            engine_pins(),
            progress=progress,
            defines=(*chip.defines, CELLS),
            free_pins=True,
        )
        result.require_clock()
        check_against_netlist(result.netlist, result.config)
        check_packed(result.config, result.bit)
        write_text(work / RECORD, json.dumps({**flow_record(result), "inputs_sha256": key}, indent=2) + "\n")

    return made_once(cache_folder(cache) / "ecp5-engine" / f"{part.name}-{key[:20]}", make)


def _describe(
    network: Network, part: Part, chip: EngineChip, program: Up5kProgram, image: bytes, flash_bytes: int, record: dict[str, Any]
) -> dict[str, Any]:
    """The contents of build.json."""
    clock_hz = record["clock_mhz"] * 1e6
    return {
        "target": part.name,
        "circuit": ENGINE,
        "network": network.name,
        "input": {"scale": network.input_scale, "offset": network.input_offset},
        "notes": [*network.notes, TRUSTED],
        "top": TOP,
        "network_offset": chip.network_offset,
        "network_bytes": len(image),
        "network_sha256": image_hash(image),
        "flash_bytes": flash_bytes,
        "cycles_per_frame": program.cycles_per_frame,
        "frames_per_second": round(clock_hz / program.cycles_per_frame, 2),
        "memory_words": chip.memory_words,
        "layers": [asdict(layer) for layer in program.layers],
        "regions": [asdict(region) for region in program.regions],
        **record,
    }
