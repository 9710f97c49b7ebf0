"""Horizontal bars with their figures, the longest ones marked: where the time of a pipeline goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from owlbit.toolchain.drawing.png import png_figure

INK, MARKED, SOFT = "#2f6690", "#c8553d", "#6b7280"


@dataclass(frozen=True)
class Bar:
    """`name`: on the left; `value`: its length; `note`: written behind it."""

    name: str
    value: float
    note: str = ""


def draw_bars(bars: Sequence[Bar], path: Path, title: str, axis: str, mark: str) -> None:
    """A PNG of one bar per entry, the first at the top. The longest are drawn in another colour and called `mark` in the legend."""
    longest = max(bar.value for bar in bars)
    with png_figure(path, 8.5, 1.3 + 0.36 * len(bars)) as figure:
        axes = figure.subplots()
        drawn = axes.barh(
            range(len(bars)),
            [bar.value for bar in bars],
            color=[MARKED if bar.value == longest else INK for bar in bars],
            height=0.68,
        )
        notes = [f"{bar.value:,.0f}  {bar.note}".rstrip() for bar in bars]
        behind = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}  # so that the line does not cross the text
        axes.bar_label(drawn, notes, padding=4, fontsize=8, color=SOFT, bbox=behind)
        axes.set_yticks(range(len(bars)), [bar.name for bar in bars], fontsize=9)
        axes.invert_yaxis()
        axes.axvline(longest, color=MARKED, linewidth=1, linestyle=":", zorder=0, label=f"{mark}: {longest:,.0f}")
        axes.set_xlim(0, 1.38 * longest)  # room for the notes
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel(axis)
        axes.set_title(title, fontsize=10, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="lower right", fontsize=9)
