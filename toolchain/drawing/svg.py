"""Figures of the report as inline SVG, drawn so that the page's style sheet decides their colours and typeface.

Each function returns an `<svg>` element. Colours are placeholders while matplotlib draws and CSS variables afterwards, so that one
figure serves light and dark pages.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from owlbit.export.network import Thermometer

# Placeholder colour -> CSS. Any distinct values do; these occur nowhere else.
_INK, _SOFT, _FAINT = "#010203", "#020304", "#030405"
_DATA = ("#040506", "#050607", "#060708", "#070809")
_VARIABLES = {_INK: "ink", _SOFT: "soft", _FAINT: "line"} | {colour: f"data{index}" for index, colour in enumerate(_DATA, 1)}
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "owlbit",
    "font.size": 9,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "text.color": _INK,
    "legend.frameon": False,
    "legend.labelcolor": _INK,
}
_COLOURS = {1: ("gray",), 3: ("red", "green", "blue")}


@contextmanager
def _axes(svg: list[str], width: float, height: float) -> Iterator[Axes]:
    """Yields axes to draw on, in inches; appends the finished figure to `svg`."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        yield axes
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for placeholder, variable in _VARIABLES.items():
        text = text.replace(placeholder, f"var(--{variable})")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font: \1 var(--font)", text)
    svg.append(re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1), count=1))


def tone_curve(thermometer: Thermometer, histogram: NDArray[np.int64]) -> str:
    """Learned thresholds as a step curve from pixel value to code, over the histogram of the images.

    `histogram`: int64 [C, 256], pixels of each value. A straight dashed line is what equally spaced thresholds would give.
    """
    colours, levels = thermometer.thresholds.shape
    names = _COLOURS.get(colours, tuple(f"channel {index}" for index in range(colours)))
    inks = _DATA[:1] if colours == 1 else _DATA[1:]
    svg: list[str] = []
    with _axes(svg, 6.4, 3.3) as axes:
        shares = axes.twinx()
        shares.spines["right"].set_visible(False)
        shares.set_yticks([])
        total = histogram.sum(axis=0) / max(1, histogram.sum())
        # The tallest bars (a black background, as a rule) may leave the figure; the rest stays readable.
        shares.set_ylim(0, max(float(np.quantile(total[total > 0], 0.97)) * 1.25, 1e-9))
        shares.bar(np.arange(256), total, width=1.0, color=_FAINT, linewidth=0)
        axes.set_zorder(shares.get_zorder() + 1)
        values = np.arange(257)
        for channel in range(colours):
            codes = (values[:, None] >= thermometer.thresholds[channel]).sum(axis=1)
            ink = inks[channel % len(inks)]
            label = "thermometer code" if colours == 1 else f"thermometer code, {names[channel]}"
            axes.step(values, codes, where="post", color=ink, linewidth=2, label=label)
            axes.plot(
                thermometer.thresholds[channel], np.full(levels, -0.035 * levels), "|", color=ink, markersize=7, clip_on=False
            )
        axes.plot([0, 256], [0, levels], linestyle=(0, (4, 3)), linewidth=1, color=_SOFT, label="equal steps")
        axes.set(xlim=(0, 256), ylim=(-0.07 * levels, levels * 1.04), xlabel="pixel value", ylabel="thresholds reached")
        axes.set_xticks([0, 64, 128, 192, 255])
        axes.set_yticks(sorted({0, levels // 4, levels // 2, 3 * levels // 4, levels}))
        axes.legend(loc="upper left", fontsize=8.5)
    return svg[0]


def learning_curve(epochs: Sequence[int], curves: Mapping[str, Sequence[float]], best: int | None) -> str:
    """One line a named curve of shares in 0..1 over the epochs; a dot marks the epoch `best`, whose weights were kept."""
    svg: list[str] = []
    with _axes(svg, 6.4, 2.6) as axes:
        for (name, values), ink in zip(curves.items(), _DATA, strict=False):
            percent = 100 * np.asarray(values, dtype=np.float64)
            axes.plot(epochs, percent, color=ink, linewidth=1.6, label=name)
            if best is not None and best in epochs:
                axes.plot([best], [percent[list(epochs).index(best)]], "o", color=ink, markersize=5)
        axes.set(xlabel="epoch", ylabel="accuracy, %", ylim=(None, 101))
        axes.grid(axis="y", color=_FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.legend(loc="lower right", fontsize=8.5)
    return svg[0]


def picture(pixels: NDArray[np.uint8]) -> str:
    """uint8 [C, H, W] as a PNG in a data address; gray from the mean where C is neither 1 nor 3."""
    from PIL import Image

    shown = pixels if len(pixels) in (1, 3) else pixels.mean(axis=0, keepdims=True).astype(np.uint8)
    image = Image.fromarray(shown[0] if len(shown) == 1 else np.ascontiguousarray(shown.transpose(1, 2, 0)))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def coded(thermometer: Thermometer, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 [C, H, W]: each pixel's share of thresholds reached, as 0..255; what the network can still tell apart."""
    levels = thermometer.thresholds.shape[1]
    reached = (pixels[:, None] >= thermometer.thresholds[:, :, None, None]).sum(axis=1)
    codes: NDArray[np.uint8] = np.rint(reached * (255 / levels)).astype(np.uint8)
    return codes


def rate_over_luts(frontier: Sequence[tuple[int, float]], here: tuple[int, float], budgets: Mapping[str, int]) -> str:
    """Frames a second over LUTs, both logarithmic: a step for each folding, a dot for the one at hand, a line for each budget.

    `frontier`: (LUTs, frames/s) from the fastest; `budgets`: LUTs by the name of a part.
    """
    svg: list[str] = []
    with _axes(svg, 6.4, 3.3) as axes:
        luts, rates = zip(*reversed(frontier), strict=True)
        axes.step(luts, rates, where="post", color=_DATA[0], linewidth=1.8)
        axes.plot([here[0]], [here[1]], "o", color=_DATA[1], markersize=6)
        axes.annotate("this folding", here, (0, -14), textcoords="offset points", ha="center", color=_INK, fontsize=8.5)
        axes.set(xscale="log", yscale="log", xlabel="LUTs, FINN's estimate", ylabel="frames a second")
        low, high = 0.7 * min(luts[0], here[0], *budgets.values()), 1.4 * max(luts[-1], here[0], *budgets.values())
        axes.set_xlim(low, high)
        ticks = [digit * 10**power for power in range(2, 8) for digit in (1, 2, 5) if low <= digit * 10**power <= high]
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.set_xticks([], minor=True)
        for name, budget in budgets.items():
            axes.axvline(budget, color=_SOFT, linewidth=0.9, linestyle=(0, (4, 3)))
            axes.annotate(
                name,
                (budget, 0),
                (-3, 4),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                rotation=90,
                ha="right",
                va="bottom",
                color=_SOFT,
                fontsize=8,
            )
        axes.grid(axis="y", color=_FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
    return svg[0]
