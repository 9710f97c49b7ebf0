"""The waveforms of the wrappers' ports are what their simulation shows now."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from owlbit.hw.verilator import missing_tools

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.slow
@pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}")
def test_the_recorded_waveforms(monkeypatch: pytest.MonkeyPatch) -> None:
    wavedrom = pytest.importorskip("wavedrom")
    monkeypatch.setattr(sys, "path", [str(DOCS / "site"), *sys.path])
    from soc_waveforms import waveforms

    drawn = waveforms()
    assert {f"soc_{name}_waveform.svg" for name in drawn} == {path.name for path in DOCS.glob("soc_*_waveform.svg")}
    for name, wave in drawn.items():
        text = wavedrom.render(json.dumps(wave)).tostring().replace("<svg ", '<svg style="background:white" ', 1) + "\n"
        assert (DOCS / f"soc_{name}_waveform.svg").read_text(encoding="utf-8") == text
