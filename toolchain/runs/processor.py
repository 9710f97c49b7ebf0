"""The processor of this machine by name, with what trainings and simulators gain from."""

from __future__ import annotations

from pathlib import Path

from owlbit.export.machine import usable_cores

CPUINFO = Path("/proc/cpuinfo")
# Instructions by which a training in bfloat16 pays, by the kernel's flags; on ARM "Features" has bf16 for the extension BF16.
NATIVE_BFLOAT16 = {"amx_bf16": "AMX-BF16", "avx512_bf16": "AVX512-BF16", "arm_bf16": "BF16"}
# What of the kernel's flags is named: native bfloat16 makes trainings faster, popcounts of vectors the fast simulator.
NAMED = {"amx_bf16": "AMX-BF16", "avx512_bf16": "AVX512-BF16", "avx512_vpopcntdq": "AVX512-VPOPCNTDQ"}


def processor(cpuinfo: Path = CPUINFO) -> str:
    """Name, family and model, named instruction sets and usable cores, as the kernel tells; "unknown" where it does not."""
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    sets = [name for flag, name in NAMED.items() if flag in facts.get("flags", "").split()]
    family = f"family {facts.get('cpu family', '?')} model {facts.get('model', '?')}"
    gains = ", ".join(sets) or "neither native bfloat16 nor vector popcounts"
    return f"{facts.get('model name', 'unknown')} ({family}, {gains}), {cores()} cores"


def native_bfloat16(cpuinfo: Path = CPUINFO) -> str:
    """The instructions by which the processor multiplies bfloat16 natively, as the kernel tells; "" where it tells of none."""
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    facts = {key.strip(): value.split() for key, _, value in (line.partition(":") for line in lines)}
    flags = [*facts.get("flags", []), *(f"arm_{feature}" for feature in facts.get("Features", []))]
    return ", ".join(name for flag, name in NATIVE_BFLOAT16.items() if flag in flags)


def fast_precision(native: str) -> str:
    """The faster of the fast form's two `precision`s on a processor; `native`: of `native_bfloat16`."""
    return "bfloat16" if native else "float32-fast"


def cores() -> int:
    """How many this process may use."""
    return usable_cores()
