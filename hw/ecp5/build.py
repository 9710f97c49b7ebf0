"""`owlbit build --target ecp5-45f`: a network's pipeline, folded, as Verilog, routed netlist and bitstream for a part."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from owlbit.export.files import make_folder, write_bytes, write_text
from owlbit.export.network import Network
from owlbit.hw.ecp5.boards.board import Ecp5Board, check_part, load_ecp5_board
from owlbit.hw.ecp5.boards.chip import board_chip, room_beside_shell
from owlbit.hw.ecp5.build_folder import BOARD, BUILD, DATAFLOW, FOLDING, NETWORK_PART, RTL, TRUSTED
from owlbit.hw.ecp5.dataflow.generate import generate
from owlbit.hw.ecp5.dataflow.plan import plan_dataflow
from owlbit.hw.ecp5.dataflow.stages import Plan
from owlbit.hw.ecp5.flow.pack import check_packed
from owlbit.hw.ecp5.flow.place_and_route import ClockError, FlowResult, place_and_route
from owlbit.hw.ecp5.flow.record import flow_record
from owlbit.hw.ecp5.flow.report import describe_path
from owlbit.hw.ecp5.flow.synthesise import CELLS
from owlbit.hw.ecp5.folding_file import Folding
from owlbit.hw.ecp5.netlist.check import check_against_netlist
from owlbit.hw.ecp5.parts import CLOCK_MHZ, PACKAGE, SPEED_GRADE, Part
from owlbit.hw.external_tools import digest
from owlbit.hw.up5k.compiler.legality import layer_names
from owlbit.hw.up5k.wake_policy import NEVER, ChipPolicy

FRAMES_PER_SECOND = 1000.0
SEEDS = range(1, 9)


@dataclass(frozen=True)
class DataflowOptions:
    """`frames_per_second`: to reach at the least LUTs; instead `most`: as many as the part holds, or `folding`: a file with one;
    `clock_mhz`: that place and route must close, None for what it reaches; `board`: whose chip is built around the circuit, by its
    name or file, with the wake policy `policy`."""

    frames_per_second: float | None = None
    most: bool = False
    folding: Path | None = None
    clock_mhz: float | None = None
    board: str | None = None
    policy: ChipPolicy = NEVER

    @property
    def must_close(self) -> bool:
        """Whether the clock may not be whatever place and route reaches: a rate was asked for, or a board's PLL makes it."""
        return self.clock_mhz is not None or self.frames_per_second is not None or self.board is not None


@dataclass(frozen=True)
class Design:
    """What is placed and routed: the circuit alone, or the chip of a board around it. `sources`, `top`, `defines`: its Verilog;
    `constraints`: text of an LPF file; `clock_mhz`: of the circuit; `facts`: of the board, for build.json."""

    sources: tuple[Path, ...]
    top: str
    clock_mhz: float
    defines: tuple[str, ...] = (CELLS,)
    constraints: str | None = None
    package: str = PACKAGE
    speed: int = SPEED_GRADE
    facts: tuple[tuple[str, Any], ...] = ()


def build_dataflow(
    network: Network, part: Part, folder: Path, options: DataflowOptions, progress: Callable[[str], None] = print
) -> Plan:
    """Writes rtl/, folding.json, the routed netlist, its configuration, the compressed bitstream and build.json into `folder`.

    Returns the plan. Raises OwlbitError where the network, the folding or the rate is none that the circuits take, PartError where
    the part is too small, ClockError where a clock that was asked for does not close.
    """
    board = None if options.board is None else load_ecp5_board(options.board)
    if board is not None:
        check_part(board, part.name)
    folding = choose_folding(network, part if board is None else room_beside_shell(part), options, progress)
    plan = plan_dataflow(network, folding)
    generated = generate(plan, folder / RTL)
    folding.save(folder / FOLDING, network)
    design = Design(generated.sources, generated.top, options.clock_mhz or CLOCK_MHZ)
    if board is not None:
        design = design_of_board(board, network, folder, generated.sources, options)
    rate = design.clock_mhz * 1e6 / plan.frame_cycles
    progress(f"{network.name}: {plan.frame_cycles:,} cycles per frame, {rate:,.0f} frames/s at {design.clock_mhz:g} MHz")
    result = place_and_route(
        design.sources,
        design.top,
        part,
        folder,
        design.clock_mhz,
        design.constraints,
        SEEDS if options.must_close else SEEDS[:1],  # a clock that nobody asked for is what the first seed reaches
        progress,
        design.defines,
        package=design.package,
        speed=design.speed,
    )
    reached = close_clock(result, network, design.clock_mhz, options.must_close)
    check_against_netlist(result.netlist, result.config)
    check_packed(result.config, result.bit)
    inputs = inputs_hash(design, part, folder, result.tools)
    described = {**describe_dataflow(plan, part, result, reached, inputs), **dict(design.facts)}
    write_text(folder / BUILD, json.dumps(described, indent=2) + "\n")
    return plan


def inputs_hash(design: Design, part: Part, folder: Path, tools: Mapping[str, str]) -> str:
    """SHA-256 over all that the bitstream is made from: the Verilog, the memories' contents in `folder`, options and tools."""
    texts = [part.name, design.package, f"{design.clock_mhz:g}", str(design.constraints), *design.defines, *tools.values()]
    return digest([*texts, *design.sources, *sorted((folder / RTL).glob("*.hex"))])


def choose_folding(network: Network, part: Part, options: DataflowOptions, progress: Callable[[str], None]) -> Folding:
    """The folding that the options ask for, from a file or by search."""
    if options.folding is not None:
        return Folding.load(options.folding, network)
    from owlbit.hw.ecp5.folding.search import FoldingSearch
    from owlbit.hw.ecp5.folding.table import folding_table

    search = FoldingSearch(network)
    clock = options.clock_mhz or CLOCK_MHZ
    rate = options.frames_per_second or FRAMES_PER_SECOND
    found = search.for_part(part) if options.most else search.for_rate(rate, clock, part)
    progress(f"folding for {part.name}, {part.lut:,} LUT4 and {part.ebr} EBR:\n{folding_table(network, found, clock)}")
    return found.folding


def design_of_board(board: Ecp5Board, network: Network, folder: Path, circuit: Sequence[Path], options: DataflowOptions) -> Design:
    """The chip of a board around the Verilog `circuit`; what is its own goes into board/ and network.bin in `folder`."""
    chip = board_chip(board, network, options.clock_mhz or CLOCK_MHZ, options.policy)
    own = make_folder(folder / BOARD)
    for path in chip.sources:
        shutil.copyfile(path, own / path.name)
    write_text(own / "pins.lpf", chip.constraints)
    write_bytes(folder / NETWORK_PART, chip.image)
    return Design(
        (*circuit, *(own / path.name for path in chip.sources)),
        chip.top,
        chip.pll.mhz,
        (CELLS, *chip.defines),
        chip.constraints,
        board.package,
        board.speed,
        (("board", board.given), ("pll", asdict(chip.pll))),
    )


def close_clock(result: FlowResult, network: Network, clock_mhz: float, must: bool) -> float:
    """The clock that the circuit runs at, in MHz: `clock_mhz`, or where that is not reached, the next below what is.

    Raises ClockError, with the layers of the critical path, where it `must` close and does not.
    """
    if result.closed:
        return clock_mhz
    if must:
        names = name_layers([step.cell for step in result.critical_path], network)
        through = f" through {' and '.join(names)}" if names else ""
        raise ClockError(
            f"--clock {clock_mhz:g}: expected that place and route closes {result.clock_mhz:g} MHz, the best of "
            f"{len(result.seeds)} seeds reached {result.fmax_mhz:g} MHz; the critical path goes{through} from "
            f"{describe_path(result.critical_path)}; give --clock {math.floor(result.fmax_mhz)}, or fold the layer otherwise"
        )
    return float(math.floor(result.fmax_mhz))


def name_layers(cells: Sequence[str], network: Network) -> list[str]:
    """The layers that cells belong to, each once, in order, as "conv2 (layer 3)": a stage's name begins with its layer's number."""
    names = layer_names(network)
    found = [int(match[1]) for cell in cells if (match := re.search(r"\blayer(\d+)_", cell))]
    return [f"{names[index]} (layer {index})" for index in dict.fromkeys(found) if index < len(names)]


def describe_dataflow(plan: Plan, part: Part, result: FlowResult, clock_mhz: float, inputs: str) -> dict[str, Any]:
    """The contents of build.json."""
    network = plan.network
    return {
        "target": part.name,
        "circuit": DATAFLOW,
        "network": network.name,
        "input": {"scale": network.input_scale, "offset": network.input_offset},
        "notes": [*network.notes, TRUSTED],
        "part": asdict(part),
        "top": result.netlist.stem,
        "cycles_per_frame": plan.frame_cycles,
        "frames_per_second": round(clock_mhz * 1e6 / plan.frame_cycles, 2),
        "layer_cycles": {str(layer): cycles for layer, cycles in plan.cycles().items()},
        "folding": [asdict(layer) for layer in plan.folding.layers],
        **flow_record(result),
        "clock_mhz": clock_mhz,
        "inputs_sha256": inputs,
    }
