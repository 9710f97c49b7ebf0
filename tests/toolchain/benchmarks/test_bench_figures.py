"""The table of figures: those that are read from files are there, and a missed target is called missed."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from owlbit.hw.up5k.bitstream.plan import ENGINE_JSON
from owlbit.hw.verification import Row
from owlbit.toolchain.benchmarks.figures import Figure, demo_figures, engine_figures, figures_table
from owlbit.toolchain.runs.demo_facts import DemoFacts, write_demo_facts


def shown(figures: list[Figure]) -> str:
    out = Console(file=io.StringIO(), width=150)
    out.print(figures_table(figures))
    return out.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_the_engine_reaches_its_targets() -> None:
    figures = list(engine_figures())
    assert [figure.reached for figure in figures] == [True] * 4
    used = json.loads(ENGINE_JSON.read_text(encoding="utf-8"))["used"]
    assert all(f"{count:,}" in shown(figures) for count in used.values())


def test_the_demo_is_what_it_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [figure.measured for figure in demo_figures()] == ["not run yet"]
    rows = [Row("reference", "reference", 10, 1.0), Row("rtl", "exact", 10, 1.0)]
    facts = DemoFacts({}, 361, 10, 0.9, 51_712, 1000, 9255, rows)
    (tmp_path / "runs" / "demo").mkdir(parents=True)
    write_demo_facts(tmp_path / "runs" / "demo", facts)
    figures = {figure.what: figure for figure in demo_figures()}
    assert figures["demo, all stages"].reached is False and figures["demo, test accuracy"].reached is False
    assert figures["demo, flash image"].reached is True and figures["demo, verification"].reached is True
    assert shown(list(figures.values())).count("missed") == 2
