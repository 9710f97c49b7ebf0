"""nextpnr's report of a placed and routed design: what it uses, its clock, and the path that limits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from owlbit.export.errors import OwlbitError
from owlbit.hw.ecp5.flow.synthesise import Used


@dataclass(frozen=True)
class PathStep:
    """One step of the critical path. `kind`: "clk-to-q", "logic", "routing" or "setup"; `cell`: where it ends; `net`: the wire of a
    routing step, else ""."""

    kind: str
    cell: str
    net: str
    delay_ns: float


@dataclass(frozen=True)
class Report:
    """`fmax_mhz`: the highest clock of the domain with the least to spare, `clock_mhz`: what was asked of it, `path`: its critical
    path, from register to register."""

    used: Used
    fmax_mhz: float
    clock_mhz: float
    path: tuple[PathStep, ...]

    @property
    def margin(self) -> float:
        """What is reached over what was asked for; from 1 on every clock closes."""
        return self.fmax_mhz / self.clock_mhz


def read_report(report: Mapping[str, Any]) -> Report:
    """From nextpnr's --report JSON. Raises OwlbitError where the design has no clock."""
    clocks = {name: (float(clock["achieved"]), float(clock["constraint"])) for name, clock in report["fmax"].items()}
    if not clocks:
        raise OwlbitError("place and route: expected a design with a clock, nextpnr found none; connect its clock pin")
    slowest = min(clocks, key=lambda name: clocks[name][0] / clocks[name][1])
    count = {kind: int(cells["used"]) for kind, cells in report["utilization"].items()}
    used = Used(
        lut=count.get("TRELLIS_COMB", 0),
        ff=count.get("TRELLIS_FF", 0),
        ebr=count.get("DP16KD", 0),
        dsp=count.get("MULT18X18D", 0),
    )
    path: tuple[PathStep, ...] = ()
    for critical in report["critical_paths"]:
        if critical["from"].endswith(f" {slowest}") and critical["to"].endswith(f" {slowest}"):
            path = tuple(
                PathStep(step["type"], step["to"]["cell"], step.get("net", ""), round(float(step["delay"]), 3))
                for step in critical["path"]
            )
            break
    return Report(used, round(clocks[slowest][0], 2), round(clocks[slowest][1], 2), path)


def describe_path(path: tuple[PathStep, ...]) -> str:
    """One line for people: from which cell to which, through how much logic, and how long of it is wiring."""
    if not path:
        return "no path from register to register"
    total = sum(step.delay_ns for step in path)
    wiring = sum(step.delay_ns for step in path if step.kind == "routing")
    levels = sum(step.kind == "logic" for step in path)
    depth = f"{levels} level{'s' * (levels != 1)} of logic"
    return f"{path[0].cell} to {path[-1].cell}: {total:.1f} ns, {depth}, {wiring:.1f} ns of it wiring"
