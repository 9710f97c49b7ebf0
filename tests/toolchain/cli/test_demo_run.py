"""The demo: every file it leaves, what it notes, and that a second demo replaces the first."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from owlbit.toolchain.cli.demo import RECIPE, run_demo

TINY = """
name = "tiny"
[data]
source = "digits"
size = [8, 8]
[input]
thresholds = 4
[[layers]]
kind = "conv"
filters = 16
pool = 2
[training]
epochs = 2
"""
LEFT = {
    *("recipe.toml", "last.ckpt", "model.safetensors", "history.json", "learning_curve.png", "model.onnx", "network.npz"),
    *("up5k/flash.bin", "up5k/build.json", "verification.json", "verification.txt", "report.html", "demo.json"),
}


def test_demo_leaves_everything_and_replaces_an_earlier_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without Verilator the last two backends cost nothing; they have tests of their own.
    monkeypatch.setattr("owlbit.hw.verilator._verilator", lambda: None)
    (tmp_path / "tiny.toml").write_text(TINY)
    folder, out = tmp_path / "demo", Console(file=io.StringIO(), width=120)
    assert run_demo(folder, out, tmp_path / "tiny.toml")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files >= LEFT
    facts = json.loads((folder / "demo.json").read_text())
    assert list(facts["stages"]) == ["train", "export", "build", "verify", "report"]
    assert facts["flash_bytes"] == (folder / "up5k" / "flash.bin").stat().st_size
    assert facts["test_images"] == 2000
    assert facts["test_accuracy"] > 0.3
    assert [(row["backend"], row["status"]) for row in facts["verification"]] == [
        ("reference", "reference"),
        ("torch", "exact"),
        ("qonnx", "exact"),
        ("fast", "exact"),
        ("c", "exact"),
        ("rtl", "not run"),
        ("bitstream", "not run"),
    ]
    printed = out.file.getvalue()  # type: ignore[attr-defined]
    assert "test accuracy" in printed
    assert "not run: rtl, bitstream" in printed

    (folder / "stale.txt").write_text("from the first demo")
    before = (folder / "network.npz").read_bytes()
    assert run_demo(folder, out, tmp_path / "tiny.toml")
    assert not (folder / "stale.txt").exists()
    assert (folder / "network.npz").read_bytes() == before


@pytest.mark.slow
def test_the_demo_itself_reaches_its_accuracy_with_every_backend_exact(tmp_path: Path) -> None:
    assert run_demo(tmp_path / "demo", Console(file=io.StringIO(), width=120), RECIPE)
    facts = json.loads((tmp_path / "demo" / "demo.json").read_text())
    assert facts["test_accuracy"] >= 0.95
    assert facts["flash_bytes"] < 256 * 1024
    assert {row["status"] for row in facts["verification"]} <= {"reference", "exact", "not run"}
