"""The report on an ECP5 build: what it takes of the part, its clock, its layers' cycles, and the verification, as one HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, with_config

from owlbit.export.errors import OwlbitError
from owlbit.export.files import write_text
from owlbit.export.load_model import NETWORK
from owlbit.export.network_file import load_network
from owlbit.export.settings import read_json
from owlbit.hw.ecp5.build_folder import BUILD, ENGINE, read_facts
from owlbit.hw.ecp5.folding_file import LayerFolding
from owlbit.hw.ecp5.parts import find_part
from owlbit.hw.up5k.compiler.legality import layer_names
from owlbit.hw.verification import as_cells, notes_of
from owlbit.toolchain.drawing.html import render_page
from owlbit.toolchain.reports.findings import read_verification

PAGE = "report.html"
TEMPLATE = Path(__file__).with_suffix(".html")


@with_config(ConfigDict(extra="ignore"))
@dataclass(frozen=True)
class Layer:
    """A layer of an engine build: its name and its cycles per frame."""

    name: str
    cycles: int


@with_config(ConfigDict(extra="ignore"))
@dataclass(frozen=True)
class Built:
    """What the page shows of build.json."""

    network: str
    used: Mapping[str, int]
    clock_mhz: float
    fmax_mhz: float
    seed: int
    seeds: Mapping[str, float]
    critical_path: str
    bit_bytes: int
    compressed_bytes: int
    cycles_per_frame: int
    frames_per_second: float
    tools: Mapping[str, str]
    sha256: Mapping[str, str]
    notes: tuple[str, ...] = ()
    layer_cycles: Mapping[int, int] = field(default_factory=dict)
    folding: tuple[LayerFolding, ...] = ()
    layers: tuple[Layer, ...] = ()


def report_ecp5_build(folder: Path) -> Path:
    """Writes report.html into the folder of an ECP5 build and returns its path. Raises OwlbitError for another folder."""
    facts = read_facts(folder)
    try:
        built = read_json(Built, folder / BUILD)
    except (OSError, ValueError):
        raise OwlbitError(f"{folder / BUILD}: expected what `owlbit build` writes, got something else; build it again") from None
    part = find_part(str(facts.target))
    there = {"LUT4": part.lut, "FF": part.lut, "EBR": part.ebr, "MULT18": part.dsp}
    verification = read_verification(folder)
    headings, *cells = as_cells(verification)
    write_text(
        folder / PAGE,
        render_page(
            TEMPLATE,
            title=f"{built.network} on the {part.device}",
            part=part,
            engine=facts.circuit == ENGINE,
            board=facts.board,
            built=built,
            facts=[
                (f"{built.frames_per_second:,.0f} /s", f"frames at {built.clock_mhz:g} MHz"),
                (f"{built.cycles_per_frame:,}", "cycles per frame"),
                (f"{built.used.get('LUT4', 0):,}", f"LUT4 of {part.lut:,}"),
                (f"{built.used.get('EBR', 0)}", f"block RAMs of {part.ebr}"),
                (f"{built.compressed_bytes / 1000:,.0f} kB", "bitstream, compressed"),
            ],
            uses=[(name, count, there[name]) for name, count in built.used.items() if name in there],
            layers=_layers(folder, built),
            headings=headings,
            verification=cells if verification else [],
            remarks=notes_of(verification),
        ),
    )
    return folder / PAGE


def _layers(folder: Path, built: Built) -> list[tuple[Any, ...]]:
    """Name, folding, cycles and share of the slowest, of each layer."""
    if built.layers:
        rows = [(layer.name, "", layer.cycles) for layer in built.layers]
    else:
        names = layer_names(load_network(folder / NETWORK))
        folds = {fold.layer: f"pe {fold.pe}, simd {fold.simd}, weights {fold.memory}" for fold in built.folding}
        rows = [(names[index], folds.get(index, ""), cycles) for index, cycles in built.layer_cycles.items() if index < len(names)]
    slowest = max((cycles for _, _, cycles in rows), default=1)
    return [(*row, row[2] / slowest) for row in rows]
