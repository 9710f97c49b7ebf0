"""`owlbit build --target c`: NAME.h, NAME.c and the report of the build."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from owlbit.export.files import write_text
from owlbit.export.network import Network
from owlbit.export.network_cost import layer_costs, total_cost
from owlbit.hw.c.build_folder import BUILD, TARGET
from owlbit.hw.c.header import header_text
from owlbit.hw.c.names import identifier
from owlbit.hw.c.plan import Plan, plan_network
from owlbit.hw.c.source import describe, source_text


@dataclass(frozen=True, eq=False)
class CFiles:
    """A network in C: its `name` there, its `plan`, and the texts of NAME.h and NAME.c."""

    name: str
    plan: Plan
    header: str
    source: str

    def write(self, folder: Path) -> None:
        """Writes NAME.h and NAME.c into `folder`."""
        write_text(folder / f"{self.name}.h", self.header)
        write_text(folder / f"{self.name}.c", self.source)


def generate(network: Network, name: str | None = None) -> CFiles:
    """The C files of a network; `name`: of the files and before every function, by default the network's.

    A name that is no C identifier is changed to one. Raises OwlbitError for an arena of more than 4 GB.
    """
    own = identifier(network.name if name is None else name)
    plan = plan_network(network)
    return CFiles(own, plan, header_text(plan, own), source_text(plan, own))


def build_c(network: Network, folder: Path, name: str | None = None) -> CFiles:
    """Writes NAME.h, NAME.c and build.json into `folder`; see `generate`."""
    files = generate(network, name)
    files.write(folder)
    write_text(folder / BUILD, json.dumps(describe_build(network, files), indent=2) + "\n")
    return files


def describe_build(network: Network, files: CFiles) -> dict[str, Any]:
    """The contents of build.json: what was built, and the memory that it takes."""
    plan = files.plan
    return {
        "target": TARGET,
        "network": network.name,
        "name": files.name,
        "input": {"scale": network.input_scale, "offset": network.input_offset},
        "notes": list(network.notes),
        "arena_bytes": 4 * plan.arena.words,
        "map_bits_alive": plan.most_bits,
        "window_bytes": 4 * plan.window_words,
        "weight_bytes": plan.weight_bytes,
        "threshold_bytes": plan.threshold_bytes,
        "macs": total_cost(layer_costs(network)).macs,
        "layers": [describe(step) for step in plan.steps],
    }
