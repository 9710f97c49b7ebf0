"""Pictures in PNG: a figure to draw on that is written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from owlbit.export.files import replacing


@contextmanager
def png_figure(path: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure of `width` x `height` inches, written to `path` when the block has ended without an error."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    yield figure
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")
