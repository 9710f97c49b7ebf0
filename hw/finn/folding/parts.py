"""AMD devices: what they hold and how long their bitstream is, each number from what the vendor publishes.

Resources: Spartan-7 and Artix-7 from DS180 (v2.5) Tables 2 and 4, XC7Z020 from DS190 (v1.11.1) Table 1, XCZU3EG and XCZU7EV from
DS891 (v1.11.1) Tables 3 and 5; of the others, what Vivado's report_utilization has as available. DS180 counts slices; its note 1
gives four LUTs and eight flip-flops a slice. Bitstream lengths: 7 series from UG470 (v1.11) Table 1-1, Zynq-7000 from the vendor's
own loader in U-Boot (include/zynqpl.h; UG585's table could not be read), Zynq UltraScale+ from UG1085 Table 11-10, which prints
bytes. They are those of an uncompressed bitstream with default options and do not depend on the design. The tables were read in
transcriptions by others; each length stands in a second, independent list too.

A device that only occurs in `NAMED` can be built for, but has no row here because not all of its numbers could be confirmed.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from owlbit.export.errors import OwlbitError


@dataclass(frozen=True)
class Part:
    """A device's programmable logic. `bitstream_bits`: uncompressed configuration length in bits; `source`: the documents."""

    device: str
    family: str
    luts: int
    flip_flops: int
    bram36: int
    dsps: int
    bitstream_bits: int
    source: str

    @property
    def bitstream_bytes(self) -> int:
        """Length of the bitstream in bytes, without the header that a .bit file adds."""
        return self.bitstream_bits // 8


_S7 = "DS180 Table 2; UG470 Table 1-1"
_A7 = "DS180 Table 4; UG470 Table 1-1"
_K7 = "Vivado report_utilization; UG470 Table 1-1"
_Z7 = "DS190 Table 1; U-Boot zynqpl.h"
_Z7_TOOL = "Vivado report_utilization; U-Boot zynqpl.h"
_EG = "DS891 Table 3; UG1085 Table 11-10"
_EV = "DS891 Table 5; UG1085 Table 11-10"
_ZU_TOOL = "Vivado report_utilization; UG1085 Table 11-10"

# fmt: off
PARTS = {
    row[0]: Part(*row)
    for row in (
        ("xc7s6",    "Spartan-7",          3_752,   7_504,   5,    10,   4_310_752, _S7),
        ("xc7s15",   "Spartan-7",          8_000,  16_000,  10,    20,   4_310_752, _S7),
        ("xc7s25",   "Spartan-7",         14_600,  29_200,  45,    80,   9_934_432, _S7),
        ("xc7s50",   "Spartan-7",         32_600,  65_200,  75,   120,  17_536_096, _S7),
        ("xc7s75",   "Spartan-7",         48_000,  96_000,  90,   140,  29_494_496, _S7),
        ("xc7s100",  "Spartan-7",         64_000, 128_000, 120,   160,  29_494_496, _S7),
        ("xc7a12t",  "Artix-7",            8_000,  16_000,  20,    40,   9_934_432, _A7),
        ("xc7a15t",  "Artix-7",           10_400,  20_800,  25,    45,  17_536_096, _A7),
        ("xc7a25t",  "Artix-7",           14_600,  29_200,  45,    80,   9_934_432, _A7),
        ("xc7a35t",  "Artix-7",           20_800,  41_600,  50,    90,  17_536_096, _A7),
        ("xc7a50t",  "Artix-7",           32_600,  65_200,  75,   120,  17_536_096, _A7),
        ("xc7a75t",  "Artix-7",           47_200,  94_400, 105,   180,  30_606_304, _A7),
        ("xc7a100t", "Artix-7",           63_400, 126_800, 135,   240,  30_606_304, _A7),
        ("xc7a200t", "Artix-7",          134_600, 269_200, 365,   740,  77_845_216, _A7),
        ("xc7k70t",  "Kintex-7",          41_000,  82_000, 135,   240,  24_090_592, _K7),
        ("xc7k325t", "Kintex-7",         203_800, 407_600, 445,   840,  91_548_896, _K7),
        ("xc7z010",  "Zynq-7000",         17_600,  35_200,  60,    80,  16_669_920, _Z7_TOOL),
        ("xc7z020",  "Zynq-7000",         53_200, 106_400, 140,   220,  32_364_512, _Z7),
        ("xczu3eg",  "Zynq UltraScale+",  70_560, 141_120, 216,   360,  44_549_344, _EG),
        ("xczu7ev",  "Zynq UltraScale+", 230_400, 460_800, 312, 1_728, 154_488_736, _EV),
        ("xczu9eg",  "Zynq UltraScale+", 274_080, 548_160, 912, 2_520, 212_086_240, _ZU_TOOL),
    )
}
# fmt: on

# Devices whose names are known and whose numbers are not all confirmed: FINN builds for them, a budget has to be given by hand.
_NAMES = """
    xc7k160t xc7k355t xc7k410t xc7k420t xc7k480t
    xc7v585t xc7v2000t xc7vx330t xc7vx415t xc7vx485t xc7vx550t xc7vx690t xc7vx980t xc7vx1140t
    xc7z007s xc7z012s xc7z014s xc7z015 xc7z030 xc7z035 xc7z045 xc7z100
    xcku025 xcku035 xcku040 xcku060 xcku085 xcku095 xcku115 xcvu065 xcvu080 xcvu095 xcvu125 xcvu160 xcvu190 xcvu440
    xcau7p xcau10p xcau15p xcau20p xcau25p xcku3p xcku5p xcku9p xcku11p xcku13p xcku15p xcku19p
    xcvu3p xcvu5p xcvu7p xcvu9p xcvu11p xcvu13p xcvu19p xcvu23p xcvu27p xcvu29p xcvu31p xcvu33p xcvu35p xcvu37p xcvu45p xcvu47p
    xczu1cg xczu1eg xczu2cg xczu2eg xczu3cg xczu4cg xczu4eg xczu4ev xczu5cg xczu5eg xczu5ev xczu6cg xczu6eg xczu7cg xczu7eg
    xczu9cg xczu11eg xczu15eg xczu17eg xczu19eg
    xczu21dr xczu25dr xczu27dr xczu28dr xczu29dr xczu39dr xczu43dr xczu46dr xczu47dr xczu48dr xczu49dr
    xck24 xck26 xcu50 xcu55c xcu200 xcu250 xcu280
"""
NAMED = frozenset(_NAMES.split())

# After the device: temperature or low-power letter, package with its pins, speed grade, temperature, as the vendor's tool has them.
_REST = re.compile(r"[il]?-?[a-z]{2,5}\d{3,4}(-[123][a-z]{0,2}){0,1}(-[a-z])?(-es\d?)?")


def device_of(part: str) -> str:
    """The device that a part name such as xc7z020clg400-1 or xczu3eg-sbva484-1-e belongs to; a bare device name is its own.

    Raises OwlbitError with near names where no AMD device is called so. Packages are checked for their form alone.
    """
    name = part.strip().lower()
    known = sorted(PARTS.keys() | NAMED, key=len, reverse=True)
    device = next((device for device in known if name.startswith(device)), None)
    if device is not None and (name == device or _REST.fullmatch(name[len(device) :])):
        return device
    near = difflib.get_close_matches(name, known, 3, 0.5) if device is None else []
    example = "xc7z020clg400-1 or xczu3eg-sbva484-1-e"
    if device is not None:
        raise OwlbitError(
            f"part {part!r}: expected {device} followed by a package and a speed grade, as in {example}, "
            f"got {name[len(device) :]!r}"
        )
    hint = f"did you mean {' or '.join(near)}" if near else f"name one as in {example}"
    raise OwlbitError(f"part {part!r}: expected an AMD device of the 7 series, UltraScale or UltraScale+, got no known one; {hint}")


def find_part(part: str) -> Part:
    """The row of a part's device. Raises OwlbitError for an unknown part and for one whose numbers are not in this table."""
    device = device_of(part)
    if device not in PARTS:
        raise OwlbitError(
            f"part {part!r}: expected a device whose resources are known here, got {device}; take one of {', '.join(PARTS)}, "
            "or give --fps, which needs no budget"
        )
    return PARTS[device]
