"""A build folder with the weights of another network: what `owlbit build --weights-only` writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from owlbit.export.files import read_limited, write_text
from owlbit.export.limits import RECORD_BYTES
from owlbit.export.network import Network
from owlbit.hw.ecp5.boards.board import load_ecp5_board
from owlbit.hw.ecp5.build import DataflowOptions, Design, design_of_board, inputs_hash, name_layers
from owlbit.hw.ecp5.build_folder import BUILD, DATAFLOW, FOLDING, RTL, build_file, read_facts
from owlbit.hw.ecp5.dataflow.generate import generate
from owlbit.hw.ecp5.dataflow.plan import plan_dataflow
from owlbit.hw.ecp5.flow.pack import check_packed, pack
from owlbit.hw.ecp5.flow.record import file_hashes
from owlbit.hw.ecp5.flow.synthesise import synthesise
from owlbit.hw.ecp5.flow.tools import find_tools
from owlbit.hw.ecp5.folding_file import Folding
from owlbit.hw.ecp5.parts import find_part
from owlbit.hw.ecp5.weights_only import MOST_BYTES, Configuration, SwapError, compare, read_netlist
from owlbit.hw.up5k.wake_policy import NEVER, ChipPolicy

EXCHANGED = "weights exchanged without place and route (--weights-only)"


def exchange_weights(
    network: Network,
    target: str,
    build: Path,
    folder: Path,
    policy: ChipPolicy = NEVER,
    progress: Callable[[str], None] = print,
) -> None:
    """Writes into `folder` what the folder `build` would be for `network`: the same circuit, placed and routed as it is.

    Raises SwapError where that is not the same circuit, FoldingError for a network of other layers, PackError, ToolMissing, and
    OwlbitError where `build` is no build for `target`, or another Yosys made it.
    """
    facts = read_facts(build)
    if facts.target != target:
        raise SwapError(f"--weights-only: expected a build for {target} in {build}, found one for {facts.target}; give its target")
    if facts.circuit != DATAFLOW:
        raise SwapError(f"--weights-only: expected a pipeline in {build}, found the engine, whose network is data; build it again")
    record: dict[str, Any] = json.loads(read_limited(build / BUILD, RECORD_BYTES))
    tools, made_by = find_tools(), record["tools"]
    if made_by.get("yosys") != tools.yosys.version:
        raise SwapError(
            f"--weights-only: expected the Yosys that made {build}, {made_by.get('yosys')}, found {tools.yosys.version}; build "
            "without --weights-only"
        )
    folding = Folding.load(build / FOLDING, network)
    generated = generate(plan_dataflow(network, folding), folder / RTL)
    folding.save(folder / FOLDING, network)
    design = Design(generated.sources, generated.top, record["clock_mhz"])
    if facts.board is not None:
        options = DataflowOptions(clock_mhz=record["pll"]["mhz"], board=facts.board, policy=policy)
        design = design_of_board(load_ecp5_board(facts.board), network, folder, generated.sources, options)
    top = design.top
    synthesise(design.sources, top, folder, defines=design.defines, progress=progress, tools=tools)

    def layers_of(cells: list[str]) -> str:
        return " and ".join(name_layers(cells, network)) or cells[0]

    before, after = (read_netlist(each / f"{top}.synth.json", top)[1]["cells"] for each in (build, folder))
    old, new = compare(before, after, layers_of)
    routed, module = read_netlist(build_file(build, ".json"))
    config = Configuration(read_limited(build_file(build, ".config"), MOST_BYTES).decode("ascii"), module)
    config.require(old)
    config.exchange(new)
    write_text(folder / f"{top}.config", config.text)
    write_text(folder / f"{top}.json", json.dumps(routed))
    packed = pack(folder / f"{top}.config", folder / f"{top}.bit", tools=tools, progress=progress)
    check_packed(folder / f"{top}.config", folder / f"{top}.bit")
    progress(f"exchanged: {len(new.tables):,} look-up tables, {len(new.blocks)} block RAMs")
    files = [folder / f"{top}.{ending}" for ending in ("json", "config", "bit")]
    record |= {
        "network": network.name,
        "input": {"scale": network.input_scale, "offset": network.input_offset},
        "notes": [*network.notes, *record["notes"][-1:], EXCHANGED],
        "inputs_sha256": inputs_hash(design, find_part(target), folder, made_by),
        "bit_bytes": packed.plain_bytes,
        "compressed_bytes": packed.compressed_bytes,
        "sha256": file_hashes(files),
        "exchanged": {"tables": len(new.tables), "block_rams": len(new.blocks), "from_sha256": record["sha256"][f"{top}.bit"]},
    }
    write_text(folder / BUILD, json.dumps(record, indent=2) + "\n")
