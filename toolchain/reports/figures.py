"""What the report of a run draws of its thermometer."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray

from owlbit.export.network import Thermometer
from owlbit.toolchain.drawing.svg import DATA, FAINT, SOFT, svg

WIDTH = 5.0  # inches, as wide as letters of 9 points are still read on a phone

_COLOURS = {1: ("gray",), 3: ("red", "green", "blue")}


def tone_curve(thermometer: Thermometer, histogram: NDArray[np.int64]) -> Markup:
    """Learned thresholds as a step curve from pixel value to code, over the histogram of the images.

    `histogram`: int64 [C, 256], pixels of each value. A straight dashed line is what equally spaced thresholds would
    give, a dotted one what thresholds at the quantiles of all pixels would.
    """
    colours, levels = thermometer.thresholds.shape
    names = _COLOURS.get(colours, tuple(f"channel {index}" for index in range(colours)))
    inks = DATA[:1] if colours == 1 else DATA[1:]

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        shares = axes.twinx()
        shares.spines["right"].set_visible(False)
        shares.set_yticks([])
        total = histogram.sum(axis=0) / max(1, histogram.sum())
        # The tallest bars (a black background, as a rule) may leave the figure; the rest stays readable.
        shares.set_ylim(0, max(float(np.quantile(total[total > 0], 0.97)) * 1.25, 1e-9))
        shares.bar(np.arange(256), total, width=1.0, color=FAINT, linewidth=0)
        axes.set_zorder(shares.get_zorder() + 1)
        values = np.arange(257)
        for channel in range(colours):
            codes = (values[:, None] >= thermometer.thresholds[channel]).sum(axis=1)
            ink = inks[channel % len(inks)]
            label = "thermometer code" if colours == 1 else f"thermometer code, {names[channel]}"
            axes.step(values, codes, where="post", color=ink, linewidth=2, label=label)
            places = thermometer.thresholds[channel]
            axes.plot(places, np.full(levels, -0.035 * levels), "|", color=ink, markersize=7, clip_on=False)
        axes.plot([0, 256], [0, levels], linestyle=(0, (4, 3)), linewidth=1, color=SOFT, label="equal steps")
        reached = levels * np.cumsum(total)
        axes.plot(values[1:], reached, linestyle=(0, (1, 2)), linewidth=1, color=SOFT, label="equal shares of all pixels")
        axes.set(xlim=(0, 256), ylim=(-0.07 * levels, levels * 1.04), xlabel="pixel value", ylabel="thresholds reached")
        axes.set_xticks([0, 64, 128, 192, 255])
        axes.set_yticks(sorted({0, levels // 4, levels // 2, 3 * levels // 4, levels}))
        axes.legend(loc="upper left", fontsize=8.5)

    return svg(WIDTH, 3.0, draw)


def coded(thermometer: Thermometer, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 [C, H, W]: each pixel's share of thresholds reached, as 0..255; what the network can still tell apart."""
    levels = thermometer.thresholds.shape[1]
    reached = (pixels[:, None] >= thermometer.thresholds[:, :, None, None]).sum(axis=1)
    codes: NDArray[np.uint8] = np.rint(reached * (255 / levels)).astype(np.uint8)
    return codes
