"""Bars are drawn with their figures, the longest in another colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from owlbit.toolchain.drawing.bars import INK, MARKED, Bar, draw_bars


def share_of(path: Path, colour: str) -> float:
    """The share of a picture's pixels that have a colour."""
    pixels = np.asarray(Image.open(path).convert("RGB"))
    wanted = np.round(np.array(to_rgb(colour)) * 255).astype(np.uint8)
    return float((pixels == wanted).all(axis=2).mean())


def test_the_longest_bars_are_marked(tmp_path: Path) -> None:
    bars = [Bar("1 conv", 100, "pe 4"), Bar("2 conv", 50), Bar("3 scores", 100)]
    draw_bars(bars, tmp_path / "two.png", "a network", "cycles per frame", "bounds the rate")
    draw_bars(bars[:2], tmp_path / "one.png", "a network", "cycles per frame", "bounds the rate")
    assert (
        3 < share_of(tmp_path / "two.png", MARKED) / share_of(tmp_path / "two.png", INK) < 5
    )  # two against one of half the length
    assert 1.5 < share_of(tmp_path / "one.png", MARKED) / share_of(tmp_path / "one.png", INK) < 2.5
