"""Packing: from the configuration as text to a bitstream, plain and compressed, and back, as far as that can be checked.

No open tool turns an ECP5 bitstream back into a netlist. What can be checked of the packed file is the container: unpacked it gives
the same memories, look-up tables and wires, and packed again the same bytes.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.hw.ecp5.flow.tools import Tools, find_tools, run_watched

# An output that leaves its own look-up table, a pad's input, also on its way to a PLL, and a table of ones are what a bitstream is
# where it says nothing else.
DEFAULTS = r"F\d F\d_SLICE|JDI[A-D] JPADDI|\w*JINCK \w*JPADDI|\w*REFCLK0 \w*JREFCLK0_0"
COMPARED = re.compile(rf"arc: (?!{DEFAULTS})|word: SLICE[A-D]\.K[01]\.INIT (?!1{{16}}$)")


class PackError(OwlbitError):
    """A packed bitstream does not hold the configuration that it should."""


@dataclass(frozen=True)
class Packed:
    """Bytes of the bitstream without and with compression."""

    plain_bytes: int
    compressed_bytes: int


def pack(
    config: Path,
    bit: Path,
    options: Sequence[str] = (),
    tools: Tools | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Packed:
    """Packs `config` into the compressed bitstream `bit`. options: further ones for ecppack, such as --freq.

    Raises ToolMissing, or ToolFailed with ecppack's own error line.
    """
    tools = tools or find_tools()
    with tempfile.TemporaryDirectory(prefix="owlbit-pack-") as name:
        work = Path(name)
        shutil.copy(config, work / "design.config")
        for title, more in (("plain", []), ("compressed", ["--compress"])):
            arguments = [*more, *options, "design.config", f"{title}.bit"]
            run_watched(tools.ecppack, arguments, work, f"packing, {title}", progress)
        shutil.copy(work / "compressed.bit", bit)
        return Packed((work / "plain.bit").stat().st_size, (work / "compressed.bit").stat().st_size)


def check_packed(config: Path, bit: Path, options: Sequence[str] = (), tools: Tools | None = None) -> None:
    """Unpacks the compressed bitstream `bit`, as `pack` wrote it with `options`, and compares it with `config`.

    What was unpacked must pack to the same bytes, with the settings of the configuration port, which unpacking does not tell, and
    must have the same block RAM contents, look-up tables and wires as `config`. Other settings are compared by
    the bytes alone, since unpacking finds another name for some of them.
    Raises PackError where one of the two differs, ToolFailed where `bit` is no bitstream, ToolMissing.
    """
    tools = tools or find_tools()
    with tempfile.TemporaryDirectory(prefix="owlbit-pack-") as name:
        work = Path(name)
        shutil.copy(bit, work / "design.bit")
        run_watched(tools.ecpunpack, ["design.bit", "unpacked.config"], work, "unpacking", lambda line: None)
        how = [line for line in config.read_text(encoding="ascii").splitlines() if line.startswith(".sysconfig ")]
        device, rest = (work / "unpacked.config").read_text(encoding="ascii").split("\n", 1)
        (work / "with_port.config").write_text("\n".join([device, *how, rest]), encoding="ascii")
        arguments = ["--compress", *options, "with_port.config", "again.bit"]
        run_watched(tools.ecppack, arguments, work, "packing again", lambda line: None)
        asked, found = (read_settings(path.read_text(encoding="ascii")) for path in (config, work / "unpacked.config"))
        lost = sorted(asked - found)
        if lost:
            place, setting = lost[0]
            raise PackError(
                f"{bit}: expected the configuration of {config.name}, {len(lost)} of its {len(asked):,} memories, tables and "
                f"wires are not in it, the first is {setting[:60]!r} of {place[1:]}; build it again"
            )
        if (work / "again.bit").read_bytes() != bit.read_bytes():
            raise PackError(f"{bit}: unpacked and packed again it has other bytes; build it again")


def read_settings(config: str) -> set[tuple[str, str]]:
    """The memories, look-up tables and wires that a configuration as text sets: the line that begins a block, such as a tile, and
    each such line of it, or the whole contents of a block RAM.

    A block's lines may come in any order. Lines for which the bitstream has no bit of its own are left out.
    """
    settings = set()
    for block in config.split("\n\n"):
        lines = [line for line in block.splitlines() if line]
        if lines and lines[0].startswith(".bram_init"):
            settings.add((lines[0], " ".join(" ".join(lines[1:]).split())))
        elif lines:
            settings.update((lines[0], line) for line in lines[1:] if COMPARED.match(line))
    return settings
