"""Which Verilog the wrappers around the engine are made of, and how large a memory a network needs in them."""

from __future__ import annotations

from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.hw.up5k.bitstream.plan import TOP, rtl_sources
from owlbit.hw.up5k.compiler.compile_network import Up5kProgram

HERE = Path(__file__).resolve().parent
RTL = HERE / "rtl"
C = HERE / "c"
AXIS, WISHBONE = "owlbit_axis", "owlbit_wishbone"
BENCHES = {AXIS: C / "axis_bench.cpp", WISHBONE: C / "wishbone_bench.cpp"}
ENGINE_MEMORY_BITS = 14  # the engine addresses 2^14 words of 64 bits
MOST_IMAGE_BITS = 18  # of the bus's window on the image


def wrapper_sources(top: str) -> list[Path]:
    """The Verilog of the wrapper `top`, AXIS or WISHBONE, with the engine and a memory for any technology."""
    engine = [path for path in rtl_sources() if path.stem not in (TOP, "owl_memory")]
    return [*engine, RTL / "generic" / "owl_memory.v", *sorted(RTL.glob("owl_*.v")), RTL / f"{top}.v"]


def memory_bits(program: Up5kProgram) -> int:
    """The smallest OWL_MEMORY_BITS with which the generic memory holds a compiled network.

    A memory of fewer words than the engine addresses appears several times in its address space. That is right where no two words
    that the network uses become one.
    """
    spans = sorted({(region.start, region.start + region.words) for region in program.regions})
    bits = ENGINE_MEMORY_BITS
    while bits > 1 and not _meet(spans, 1 << (bits - 1)):
        bits -= 1
    return bits


def image_bits(image: bytes) -> int:
    """The smallest IMAGE_BITS, the base-2 logarithm of 32-bit words, of a memory that holds `image`.

    Raises OwlbitError for an image that is larger than the window on the bus.
    """
    bits = max(1, (-(-len(image) // 4) - 1).bit_length())
    if bits > MOST_IMAGE_BITS:
        raise OwlbitError(
            f"expected an image of at most {4 << MOST_IMAGE_BITS} bytes, got {len(image)}; boot the engine from a flash instead"
        )
    return bits


def _meet(spans: list[tuple[int, int]], words: int) -> bool:
    """Whether two different words of the spans have the same address in a memory of `words` words."""
    owner: dict[int, int] = {}
    return any(owner.setdefault(at % words, at) != at for start, end in spans for at in range(start, end))
