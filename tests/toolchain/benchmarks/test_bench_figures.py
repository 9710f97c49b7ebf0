"""The table of promised figures: what is read from files is there, and a missed promise is called missed."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from owlbit.hw.up5k.bitstream.plan import ENGINE_JSON
from owlbit.toolchain.benchmarks.promises import Figure, demo_figures, engine_figures, figures_table
from owlbit.toolchain.runs.run_folder import FACTS


def shown(figures: list[Figure]) -> str:
    out = Console(file=io.StringIO(), width=150)
    out.print(figures_table(figures))
    return out.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_the_engine_keeps_its_promises() -> None:
    figures = list(engine_figures())
    assert [figure.reached for figure in figures] == [True] * 4
    used = json.loads(ENGINE_JSON.read_text(encoding="utf-8"))["used"]
    assert all(f"{count:,}" in shown(figures) for count in used.values())


def test_the_demo_is_what_it_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [figure.measured for figure in demo_figures()] == ["not run yet"]
    facts = {"test_accuracy": 0.9, "test_images": 10, "seconds": 361, "flash_bytes": 1000, "weight_bits": 51_712}
    ladder = [{"rung": "reference", "status": "golden"}, {"rung": "rtl", "status": "exact"}]
    (tmp_path / "runs" / "demo").mkdir(parents=True)
    (tmp_path / "runs" / "demo" / FACTS).write_text(json.dumps({**facts, "ladder": ladder, "cycles_per_frame": 9255}))
    figures = {figure.what: figure for figure in demo_figures()}
    assert figures["demo, all stages"].reached is False and figures["demo, test accuracy"].reached is False
    assert figures["demo, flash image"].reached is True and figures["demo, ladder"].reached is True
    assert shown(list(figures.values())).count("missed") == 2
