"""What the README tells a newcomer to type works: its recipe on a folder of pictures, command by command, with one epoch."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from owlbit.toolchain.cli.app import app

README = Path(__file__).resolve().parents[3] / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_your_own_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    for name, level in (("doors/open", 190), ("doors/closed", 60), ("new", 120)):
        (tmp_path / name).mkdir(parents=True)
        for index in range(6):
            pixels = np.clip(draw.normal(level, 30, (60, 80, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{index}.jpg")
    (recipe,) = blocks("toml")
    assert "epochs = 60" in recipe
    (tmp_path / "doors.toml").write_text(recipe.replace("epochs = 60", "epochs = 1"))
    (commands,) = [block for block in blocks("sh") if "owlbit train doors.toml" in block]
    typed = [shlex.split(line, comments=True) for line in commands.splitlines() if line.startswith("owlbit ")]
    assert [words[1] for words in typed] == ["train", "export", "build", "verify", "report", "simulate"]
    for words in typed:
        # The packed bitstream takes a minute the first time and has tests of its own.
        limit = ["--up-to", "rtl"] if words[1] == "verify" else []
        result = CliRunner().invoke(app, [*words[1:], *limit])
        assert result.exit_code == 0, (words, result.output)
    assert (tmp_path / "runs/doors/up5k/flash.bin").is_file()
    assert (tmp_path / "runs/doors/report.html").is_file()
    scores = np.load(tmp_path / "scores.npy", allow_pickle=False)
    assert (scores.dtype, scores.shape) == (np.dtype(np.int32), (6, 2))
