"""folding.png of an ECP5 build: the cycles per frame of each layer, the slowest marked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from owlbit.export.network import Network
from owlbit.hw.up5k.compiler.legality import layer_names

PLOT = "folding.png"


def plot_folding(
    network: Network, cycles: Mapping[int, int], notes: Mapping[int, str], path: Path, told: Callable[[str], None]
) -> None:
    """Writes the plot to `path`, or says why not where matplotlib is missing.

    cycles: per frame of each layer by its index; notes: behind a layer's bar, such as its folding.
    """
    if find_spec("matplotlib") is None:
        told(f"{PLOT} was not drawn: matplotlib is missing; pip install -e '.[plot]'")
        return
    from owlbit.toolchain.drawing.bars import Bar, draw_bars

    names = layer_names(network)
    bars = [Bar(f"{index} {names[index]}", count, notes.get(index, "")) for index, count in cycles.items()]
    draw_bars(bars, path, f"{network.name}: cycles per frame of each layer", "cycles per frame", "bounds the rate")
