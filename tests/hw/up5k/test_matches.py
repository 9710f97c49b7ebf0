"""The lane's counter for simulators counts as the one for the chip, which is written in look-up tables."""

from __future__ import annotations

import subprocess
from pathlib import Path

from owlbit.hw.up5k.bitstream.plan import RTL
from owlbit.hw.verilator import verilate


def counts(*defines: str) -> list[int]:
    bench = Path(__file__).parent / "matches_bench.cpp"
    executable = verilate([RTL / "owl_matches.v"], "owl_matches", bench, defines=defines)
    return [int(line) for line in subprocess.run([str(executable)], capture_output=True, text=True, check=True).stdout.split()]


def test_both_count_the_agreeing_bits() -> None:
    steps = range(2 * 65536 + 2)
    expected = [0 if step & 1 else (~(step // 2 * 40503 ^ 0x5A3C) & 0xFFFF).bit_count() for step in steps]
    assert counts() == counts("OWL_MATCHES_BY_BITS") == expected[: len(steps) - 1]
