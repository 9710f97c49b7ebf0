"""The table of docs/microcontrollers.md: what is measured here stays near it, and a wrong score is noticed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from owlbit.export.errors import OwlbitError
from owlbit.export.load_model import load_model
from owlbit.hw import reference
from owlbit.hw.c.figures import PROCESSORS, Figures, main, measure, table

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ("gcc", "valgrind", "arm-none-eabi-gcc", "riscv64-unknown-elf-gcc", "qemu-system-arm", "qemu-system-riscv32")
MISSING = [name for name in TOOLS if shutil.which(name) is None]
NEAR = 0.15  # another version of a compiler changes the counts


def rows_of_the_page() -> dict[str, list[float]]:
    """By network: flash, code, RAM, and the instructions per frame in millions, as the page states them."""
    text = (ROOT / "docs" / "microcontrollers.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| `(\w+)` \([^)]*\) \| [\d.]+ % \|(.*) \|$", text, re.MULTILINE)
    return {name: [float(number) for number in re.findall(r"\d+(?:\.\d+)?", rest.replace(",", ""))] for name, rest in found}


def numbers(figures: Figures) -> list[float]:
    counts = [figures.instructions[key] / 1e6 for key in (*PROCESSORS, "x86-64")]
    return [figures.code + figures.weights, figures.code, figures.memory, *counts]


def test_the_page_has_every_network_of_the_zoo() -> None:
    rows = rows_of_the_page()
    networks = {path.parent.name for path in (ROOT / "models" / "zoo").glob("*/model.onnx")}
    assert rows.keys() == networks - {"digits_uniform"}
    assert {len(row) for row in rows.values()} == {8}


def test_the_table() -> None:
    figures = Figures(1000, 23456, 512, {**dict.fromkeys(PROCESSORS, 1_500_000), "x86-64": 70_000})
    last = table([("one", figures)]).splitlines()[-1]
    counts = " | ".join(["1.50 million"] * len(PROCESSORS))
    assert last == f"| one | 24,456 B | 1,000 B | 512 B | {counts} | 0.07 million |"
    assert main([]) == 2


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f"not run: {MISSING} missing")
@pytest.mark.parametrize("name", ["digits", "cifar10_animals", "cifar10_350k", "cifar10_1mb"])
def test_the_page_is_right(name: str) -> None:
    figures = measure(load_model(ROOT / "models" / "zoo" / name / "model.onnx"))
    np.testing.assert_allclose(numbers(figures), rows_of_the_page()[name], rtol=NEAR)


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f"not run: {MISSING} missing")
def test_a_wrong_score_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    network = load_model(ROOT / "models" / "zoo" / "digits" / "model.onnx")
    right = reference.simulate
    monkeypatch.setattr(reference, "simulate", lambda *given: right(*given) + 2)
    with pytest.raises(OwlbitError, match=r"Cortex-M0\+ differ"):
        measure(network)
