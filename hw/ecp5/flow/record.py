"""What place and route made, as plain values for build.json."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from owlbit.hw.ecp5.flow.place_and_route import FlowResult
from owlbit.hw.ecp5.flow.report import describe_path


def flow_record(result: FlowResult) -> dict[str, Any]:
    """Cells used, clock, seed, bytes, tools, and the SHA-256 of each file; no paths and times, so that it is the same again."""
    return {
        "used": {"LUT4": result.lut, "FF": result.ff, "EBR": result.ebr, "MULT18": result.dsp},
        "clock_mhz": result.clock_mhz,
        "fmax_mhz": result.fmax_mhz,
        "seed": result.seed,
        "seeds": {str(seed): mhz for seed, mhz in result.seeds.items()},
        "critical_path": describe_path(result.critical_path),
        "bit_bytes": result.bit_bytes,
        "compressed_bytes": result.compressed_bytes,
        "tools": dict(result.tools),
        "sha256": file_hashes([result.netlist, result.config, result.bit]),
    }


def file_hashes(paths: Iterable[Path]) -> dict[str, str]:
    """SHA-256 as hex of each file, by its name."""
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in paths}
