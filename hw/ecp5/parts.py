"""The ECP5 parts: what each has, and which of them holds a design.

Counts of LUT4, block RAM (EBR) and multipliers (MULT18X18D) are those of nextpnr's chip database, and of the
data sheet (Lattice, FPGA-DS-02012) for EBR and multipliers. nextpnr counts the LUT4 of memories in LUTs among them.
"""

from __future__ import annotations

from dataclasses import dataclass

from owlbit.export.errors import OwlbitError

SPEED_GRADE = 6  # the slowest
PACKAGE = "CABGA381"
CLOCK_MHZ = 100.0  # that builds aim at, and estimates assume, where none is asked for


class PartError(OwlbitError):
    """A part that is unknown, or too small for a design; the message says by how much, and which part would hold it."""


@dataclass(frozen=True)
class Part:
    """`name`: the target's, as in "ecp5-45f". `device`: Lattice's name. `option`: nextpnr's."""

    name: str
    device: str
    option: str
    lut: int
    ebr: int
    dsp: int

    def holds(self, lut: int, ebr: int, dsp: int) -> bool:
        """Whether so much fits."""
        return lut <= self.lut and ebr <= self.ebr and dsp <= self.dsp


PARTS = {
    part.name: part
    for part in (
        Part("ecp5-25f", "LFE5U-25F", "--25k", 24_288, 56, 28),
        Part("ecp5-45f", "LFE5U-45F", "--45k", 43_848, 108, 72),
        Part("ecp5-85f", "LFE5U-85F", "--85k", 83_640, 208, 156),
    )
}


def find_part(name: str) -> Part:
    """The part of a target's name. Raises PartError, which lists the parts, for another."""
    if name not in PARTS:
        raise PartError(f"part {name!r}: expected one of {', '.join(PARTS)}")
    return PARTS[name]


def check_room(part: Part, lut: int, ebr: int, dsp: int, what: str) -> None:
    """Raises PartError unless `part` holds the design `what`."""
    if part.holds(lut, ebr, dsp):
        return
    needs = ((lut, part.lut, "LUT4"), (ebr, part.ebr, "EBR"), (dsp, part.dsp, "MULT18"))
    over = ", ".join(f"{used - has:,} {name} too many ({used:,} of {has:,})" for used, has, name in needs if used > has)
    larger = next((other for other in PARTS.values() if other.holds(lut, ebr, dsp)), None)
    advice = f"{larger.name} would hold it" if larger else "no part of the family holds it; make it smaller, or fold it more"
    raise PartError(f"{part.name}: {what} does not fit: {over}; {advice}")
