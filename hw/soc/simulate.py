"""Runs a network's image through the wrappers under Verilator, by the same benches that `fusesoc run` uses."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Ints, Network
from owlbit.hw.bench_files import pixel_bytes, read_scores
from owlbit.hw.soc.design import AXIS, BENCHES, WISHBONE, wrapper_sources
from owlbit.hw.soc.image_memory import hex_lines
from owlbit.hw.verilator import verilate

ROM = "network.hex"  # the file that a core with `rom` reads from the working folder
ROM_BITS = 15


class WrapperError(OwlbitError):
    """A simulated wrapper refused its image, gave no scores in time, or broke its port's protocol."""


def build_axis(
    *,
    data_bytes: int = 1,
    rom: bool = False,
    memory_bits: int | None = None,
    options: Sequence[str] = (),
    cache: Path | None = None,
) -> Path:
    """The executable of the AXI-Stream wrapper's bench.

    data_bytes: 1, 2, 4 or 8. rom: boots from `network.hex`, not from the flash. memory_bits: OWL_MEMORY_BITS. options: more for
    Verilator. Raises ToolMissing without Verilator or a compiler.
    """
    memory = [f"-GIMAGE_BITS={ROM_BITS}", f'-GIMAGE_FILE="{ROM}"'] if rom else []
    return _build(AXIS, [f"-GDATA_BYTES={data_bytes}", *memory, *options], memory_bits, cache)


def build_wishbone(
    *,
    pipelined: bool = False,
    flash: bool = False,
    memory_bits: int | None = None,
    options: Sequence[str] = (),
    cache: Path | None = None,
) -> Path:
    """The same of the Wishbone wrapper. flash: without a memory for the image; it boots from the flash."""
    memory = ["-GIMAGE_BITS=0"] if flash else []
    return _build(WISHBONE, [f"-GPIPELINED={int(pipelined)}", *memory, *options], memory_bits, cache)


def run_frames(
    executable: Path, image: bytes, network: Network, images: NDArray[np.uint8], *arguments: str, max_cycles: int = 10**8
) -> Ints:
    """Scores int32 [N, classes] of uint8 images [N, C, H, W] by a wrapper's bench.

    `network` says the shapes only. arguments: plusargs of the bench, such as "+seed=3". Raises WrapperError.
    """
    network.check_images(images)
    with tempfile.TemporaryDirectory(prefix="owlbit-") as name:
        folder = Path(name)
        (folder / "image").write_bytes(image)
        (folder / "frames").write_bytes(pixel_bytes(images))
        (folder / ROM).write_text(hex_lines(image), encoding="ascii")
        _run(executable, folder, "+image=image", "+frames=frames", "+scores=scores", f"+max_cycles={max_cycles}", *arguments)
        return read_scores(folder / "scores", len(images), network)


def run_script(executable: Path, lines: Sequence[str], *arguments: str, max_cycles: int = 10**7) -> list[tuple[int, bool]]:
    """What a script of bus transfers reads from the Wishbone wrapper: each word, and whether the interrupt line was 1.

    lines: "w ADDRESS DATA SELECT", "r ADDRESS", "i CYCLES", in hexadecimal. Raises WrapperError.
    """
    with tempfile.TemporaryDirectory(prefix="owlbit-") as name:
        folder = Path(name)
        (folder / "script").write_text("\n".join(lines) + "\n", encoding="ascii")
        _run(executable, folder, "+script=script", "+scores=words", f"+max_cycles={max_cycles}", *arguments)
        words = [line.split() for line in (folder / "words").read_text(encoding="ascii").splitlines()]
    return [(int(word, 16), irq == "1") for word, irq in words]


def _build(top: str, options: Sequence[str], memory_bits: int | None, cache: Path | None) -> Path:
    defines = [] if memory_bits is None else [f"OWL_MEMORY_BITS={memory_bits}"]
    return verilate(wrapper_sources(top), top, BENCHES[top], defines=defines, options=options, optimisation="-O1", cache=cache)


def _run(executable: Path, folder: Path, *arguments: str) -> None:
    done = subprocess.run([str(executable), *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip() or "no message"
        raise WrapperError(f"the bench of {executable.name} ended with status {done.returncode}: {said}")
