"""The C files on microcontrollers: cross-compiled by Debian's compilers, run on QEMU without an operating system, and counted.

Instructions are counted by QEMU: with `-icount shift=0` each takes one nanosecond of the time that SysTick counts, and RISC-V has a
counter of its own. QEMU knows neither pipelines nor wait states of flash, so the time on a chip is an estimate.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Ints, Network
from owlbit.hw.c.build import CFiles
from owlbit.hw.c.host import STRICT
from owlbit.hw.external_tools import ToolFailed, ToolMissing, run_tool

HARNESS = Path(__file__).with_name("harness")
TIMEOUT = 600  # seconds


@dataclass(frozen=True)
class Machine:
    """A processor and the machine of QEMU that runs its code.

    `compiler`: the prefix of its tools; `flags`: of the compiler; `emulator`: QEMU's words; `clock_hz`: of SysTick, on Arm alone;
    `code`, `ram`: (first address, bytes).
    """

    name: str
    compiler: str
    flags: tuple[str, ...]
    emulator: tuple[str, ...]
    code: tuple[int, int]
    ram: tuple[int, int]
    clock_hz: int = 0

    @property
    def folder(self) -> Path:
        """Where its machine.h lies."""
        return HARNESS / ("cortex_m" if self.clock_hz else "riscv")


ARM, RISCV = "arm-none-eabi-", "riscv64-unknown-elf-"
M0 = ("-mcpu=cortex-m0plus", "-mthumb")
M4 = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft")
MPS2 = ((0x0000_0000, 4 << 20), (0x2000_0000, 4 << 20))
VIRT = ((0x8000_0000, 64 << 20), (0x8000_0000, 64 << 20))

MACHINES = {
    # QEMU's Cortex-M0 has 256 KiB of flash and 16 KiB of RAM; larger programs run on its Cortex-M3, which has all its instructions.
    "m0-microbit": Machine(
        "Cortex-M0+", ARM, M0, ("qemu-system-arm", "-M", "microbit"), (0, 256 << 10), (0x2000_0000, 16 << 10), 16_000_000
    ),
    "m0": Machine("Cortex-M0+", ARM, M0, ("qemu-system-arm", "-M", "mps2-an385"), *MPS2, 25_000_000),
    "m4": Machine("Cortex-M4", ARM, M4, ("qemu-system-arm", "-M", "mps2-an386"), *MPS2, 25_000_000),
    "rv32": Machine(
        "RV32IMC",
        RISCV,
        ("-march=rv32imc_zicsr", "-mabi=ilp32", "-mno-relax"),
        ("qemu-system-riscv32", "-M", "virt", "-bios", "none"),
        *VIRT,
    ),
    "rv32-zbb": Machine(
        "RV32IMC with Zbb",
        RISCV,
        ("-march=rv32imc_zicsr_zbb", "-mabi=ilp32", "-mno-relax"),
        ("qemu-system-riscv32", "-M", "virt", "-cpu", "rv32,zbb=true", "-bios", "none"),
        *VIRT,
    ),
}


@dataclass(frozen=True, eq=False)
class Counted:
    """What a program on a machine printed: `scores` int32 [N, classes], `instructions` of each image, and the instructions that the
    inner loop takes per word of weights."""

    scores: Ints
    instructions: tuple[int, ...]
    per_word: float


def check_tools(machine: Machine) -> None:
    """Raises ToolMissing where the machine's compiler or QEMU is not installed."""
    for program, package in (
        (f"{machine.compiler}gcc", "gcc-arm-none-eabi" if machine.compiler == ARM else "gcc-riscv64-unknown-elf"),
        (machine.emulator[0], "qemu-system-arm" if machine.compiler == ARM else "qemu-system-misc"),
    ):
        if shutil.which(program) is None:
            raise ToolMissing(f"c: expected {program}, found no such program; `apt install {package}` brings it")


def run_on(
    machine: Machine, files: CFiles, network: Network, images: NDArray[np.uint8], folder: Path, flags: Sequence[str] = ("-O2",)
) -> Counted:
    """Compiles the C files for `machine` with uint8 images [N, C, H, W] in it, and runs them there; `folder` gets all files.

    Raises ToolMissing without the tools, ToolFailed where the program does not compile, OwlbitError where it is too large or ends
    otherwise than it should.
    """
    network.check_images(images)
    check_tools(machine)
    files.write(folder)
    (folder / "images.h").write_text(_images(images), encoding="utf-8")
    run_tool([*_compiler(machine), *STRICT, *flags, "-ffreestanding", "-c", f"{files.name}.c", "-o", f"{files.name}.o"], folder)
    program = link_firmware(machine, files.name, folder, flags)
    emulator = [*machine.emulator, "-nographic", "-monitor", "none", "-serial", "none", "-icount", "shift=0"]
    emulator += ["-semihosting-config", "enable=on,target=native", "-kernel", program.name]
    done = subprocess.run(emulator, cwd=folder, capture_output=True, text=True, errors="replace", timeout=TIMEOUT, check=False)
    # Semihosting prints on the standard error.
    return _read(done.stdout + done.stderr, machine, len(images), network.classes)


def link_firmware(machine: Machine, name: str, folder: Path, flags: Sequence[str]) -> Path:
    """Compiles and links the program around NAME.c and images.h in `folder`."""
    defines = [f'-DHARNESS_SOURCE="{name}.c"', f"-DHARNESS_NAME={name}", f"-DHARNESS_SIZES={name.upper()}"]
    defines += ["-I.", f"-I{machine.folder}"]
    places = zip(("CODE_START", "CODE_BYTES", "RAM_START", "RAM_BYTES"), (*machine.code, *machine.ram), strict=True)
    linker: list[str | Path] = ["-nostdlib", "-nostartfiles", "-T", HARNESS / "link.ld"]
    linker += [f"-Wl,--defsym={key}={value:#x}" for key, value in places]
    compiler = [*_compiler(machine), "-std=gnu99", *flags, "-ffreestanding"]
    try:
        run_tool([*compiler, *defines, HARNESS / "firmware.c", *linker, "-o", f"{name}.elf"], folder)
    except ToolFailed as error:
        if "does not fit" not in error.output:
            raise
        sizes = f"{machine.code[1]:,} bytes of code and constants and {machine.ram[1]:,} bytes of RAM"
        raise OwlbitError(f"c: expected a program of at most {sizes} for {machine.name} on QEMU, got a larger one") from None
    return folder / f"{name}.elf"


def _compiler(machine: Machine) -> list[str]:
    return [f"{machine.compiler}gcc", *machine.flags]


def _images(images: NDArray[np.uint8]) -> str:
    rows = ",\n".join("  {" + ", ".join(str(value) for value in image.reshape(-1).tolist()) + "}" for image in images)
    return f"#define IMAGES {len(images)}u\nstatic const uint8_t images[{len(images)}][{images[0].size}] = {{\n{rows}\n}};\n"


def _read(printed: str, machine: Machine, count: int, classes: int) -> Counted:
    lines = re.findall(r"^scores((?: [0-9a-f]{8})+)$", printed, re.MULTILINE)
    scores = np.array([[int(word, 16) for word in line.split()] for line in lines], np.uint32).view(np.int32)
    images = [int(ticks, 16) for ticks in re.findall(r"^ticks ([0-9a-f]{16})$", printed, re.MULTILINE)]
    loops = re.findall(r"^words ([0-9a-f]{8}) ticks ([0-9a-f]{16})$", printed, re.MULTILINE)
    if len(images) != count or len(loops) != 2 or scores.shape != (count, classes):
        lines = printed.strip().splitlines()
        raise OwlbitError(f"c: expected the results of {count} images from {machine.name} on QEMU, got {lines[:3] or 'nothing'}")
    (short, less), (long, more) = ([int(word, 16) for word in loop] for loop in loops)
    tick = 1e9 / machine.clock_hz if machine.clock_hz else 1.0  # instructions
    per_word = (more - less) / (long - short) * tick
    return Counted(scores, tuple(round(ticks * tick) for ticks in images), per_word)


@dataclass(frozen=True)
class CodeSize:
    """Bytes of NAME.o in flash: `weights` and thresholds, and `code`, all that stands beside them; `static` bytes in RAM."""

    code: int
    weights: int
    static: int


def code_size(machine: Machine, files: CFiles, folder: Path, flags: Sequence[str] = ("-Os",)) -> CodeSize:
    """Compiles the C files for `machine` in `folder` and measures them. Raises ToolMissing without the compiler."""
    check_tools(machine)
    files.write(folder)
    run_tool([*_compiler(machine), *STRICT, *flags, "-ffreestanding", "-c", f"{files.name}.c", "-o", f"{files.name}.o"], folder)
    sections: dict[str, int] = {}
    for line in run_tool([f"{machine.compiler}size", "-A", f"{files.name}.o"], folder).splitlines():
        words = line.split()
        if len(words) == 3 and words[0].startswith("."):
            sections[words[0]] = int(words[1])
    flash = sum(size for name, size in sections.items() if name.startswith((".text", ".rodata", ".srodata", ".data", ".sdata")))
    static = sum(size for name, size in sections.items() if name.startswith((".data", ".sdata", ".bss", ".sbss")))
    weights = files.plan.weight_bytes + files.plan.threshold_bytes
    return CodeSize(flash - weights, weights, static)
