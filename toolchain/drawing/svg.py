"""Figures as inline SVG, drawn so that a page's style sheet decides their colours and typeface.

Colours are placeholders while matplotlib draws and CSS variables afterwards, so that one figure serves light and dark pages.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray

# Placeholder colour -> CSS. Any distinct values do; these occur nowhere else.
INK, SOFT, FAINT = "#010203", "#020304", "#030405"
DATA = ("#040506", "#050607", "#060708", "#070809")
_VARIABLES = {INK: "ink", SOFT: "soft", FAINT: "line"} | {colour: f"data{index}" for index, colour in enumerate(DATA, 1)}
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "owlbit",
    "font.size": 9,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "text.color": INK,
    "legend.frameon": False,
    "legend.labelcolor": INK,
}


def svg(width: float, height: float, draw: Callable[[Figure], None]) -> Markup:
    """What `draw` puts on a figure of `width` x `height` inches as an `<svg>` element. Its inks: `INK`, `SOFT`, `FAINT`, `DATA`."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        figure.patch.set_alpha(0)
        draw(figure)
        for axes in figure.axes:
            axes.patch.set_alpha(0)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for placeholder, variable in _VARIABLES.items():
        text = text.replace(placeholder, f"var(--{variable})")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font: \1 var(--font)", text)
    # The page decides the size; the viewBox keeps the shape.
    return Markup(re.sub(r"<svg[^>]*>", lambda found: re.sub(r' (?:width|height)="[^"]*"', "", found[0]), text, count=1))


def picture(pixels: NDArray[np.uint8]) -> str:
    """uint8 [C, H, W] as a PNG in a data address; gray from the mean where C is neither 1 nor 3."""
    from PIL import Image

    shown = pixels if len(pixels) in (1, 3) else pixels.mean(axis=0, keepdims=True).astype(np.uint8)
    image = Image.fromarray(shown[0] if len(shown) == 1 else np.ascontiguousarray(shown.transpose(1, 2, 0)))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
