"""The report on a FINN build: what FINN expects of its layers, what that leaves out, and the same network on other parts.

The numbers come from `owlbit.hw.finn`; the words are in report.html. Written are one HTML page that needs nothing from outside,
and the same as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure
from qonnx.core.modelwrapper import ModelWrapper

from owlbit.export.errors import OwlbitError
from owlbit.export.files import write_text
from owlbit.hw.finn.build_folder import BuildFolder
from owlbit.hw.finn.folding.choices import layers_of
from owlbit.hw.finn.folding.compare_parts import OnPart, compare_parts
from owlbit.hw.finn.folding.estimates import Estimates, estimate
from owlbit.hw.finn.folding.parts import PARTS, device_of
from owlbit.hw.finn.folding.search import SHARE, Folding, frontier
from owlbit.hw.finn.step_names import FOLDED
from owlbit.hw.finn.tools import finn_environment, sources_folder
from owlbit.toolchain.drawing.html import render_page
from owlbit.toolchain.drawing.svg import DATA, FAINT, INK, SOFT, svg

PAGE, DATA_FILE = "finn.html", "finn.json"
TEMPLATE = Path(__file__).with_suffix(".html")
MEGABYTE = 1_000_000


def report_build(folder: Path) -> Path:
    """Writes finn.html and finn.json into the folder of a FINN build and returns the page's path.

    Raises ToolMissing without FINN, OwlbitError for a folder that is no FINN build or whose graph is not folded yet.
    """
    build = BuildFolder(folder)
    state = build.read()
    if state is None:
        raise OwlbitError(f"{folder}: expected a FINN build, found none; `owlbit build --target finn:PART` makes one")
    with finn_environment(sources_folder(build.sources), None):
        model = ModelWrapper(str(build.model_after(FOLDED)))
        return report_model(model, state.network, state.part, 1e9 / state.clock_ns, folder)


def report_model(model: Any, title: str, part: str, clock_hz: float, folder: Path) -> Path:
    """The same for a folded graph, a qonnx ModelWrapper, wherever it comes from. Call within `finn_environment`."""
    estimates, layers = estimate(model, part, clock_hz), layers_of(model, part)
    return write_report(folder, title, part, estimates, compare_parts(estimates, layers), frontier(layers))


def write_report(
    folder: Path, title: str, part: str, estimates: Estimates, compared: Sequence[OnPart], frontier: Sequence[Folding]
) -> Path:
    """Writes finn.html and finn.json into `folder` and returns the page's path."""
    data = {"title": title, "part": part, "estimates": estimates.as_json(), "parts": [_as_json(one, estimates) for one in compared]}
    write_text(folder / DATA_FILE, json.dumps(data, indent=2) + "\n")
    write_text(folder / PAGE, render_report(title, part, estimates, compared, frontier))
    return folder / PAGE


def render_report(title: str, part: str, estimates: Estimates, compared: Sequence[OnPart], frontier: Sequence[Folding]) -> str:
    """The page as HTML text. `part`: the part that was built for; `frontier`: see `owlbit.hw.finn.folding.search.frontier`."""
    known = PARTS.get(device_of(part))
    facts = [
        (f"{estimates.frames_per_second:,.0f} /s", f"frames at {estimates.clock_hz / 1e6:g} MHz, the pipeline full"),
        (f"{estimates.cycles:,}", f"cycles per frame, those of {estimates.bottleneck.name}"),
        (f"{estimates.luts:,}", "LUTs, FINN's total"),
        (f"{estimates.luts_with_left_out:,}", "LUTs with what can be priced of the rest"),
        (f"{estimates.bram18 / 2:g}", "block RAMs of 36 kbit"),
    ]
    uses = []
    if known:
        facts.append((_size(known.bitstream_bytes), f"bitstream of an {known.device}"))
        uses = [
            ("LUTs, FINN's total", estimates.luts, known.luts),
            ("LUTs with the rest that has a price", estimates.luts_with_left_out, known.luts),
            ("block RAMs", estimates.bram18 / 2, known.bram36),
            ("DSP slices", estimates.dsps, known.dsps),
        ]
    points = [(folding.luts, estimates.clock_hz / folding.cycles) for folding in frontier]
    budgets = {one.part.device: int(SHARE * one.part.luts) for one in compared}
    return render_page(
        TEMPLATE,
        title=f"{title} on AMD parts",
        part=part,
        estimates=estimates,
        facts=facts,
        left_out=[
            (item.what, f"{item.count:,}", "no price" if item.luts is None else f"{item.luts:,}") for item in estimates.left_out
        ],
        known=known,
        uses=uses,
        share=SHARE,
        rates=rate_over_luts(points, (estimates.luts, estimates.frames_per_second), budgets),
        parts=[_cells(one, estimates) for one in compared],
        notes=[f"{one.part.device}: {one.reason}" for one in compared if one.reason],
        sources=sorted({f"{one.part.family}: {one.part.source}" for one in compared}),
    )


def _size(size: int) -> str:
    return f"{size / MEGABYTE:.2f} MB" if size >= MEGABYTE else f"{size / 1000:.0f} kB"


def _cells(one: OnPart, estimates: Estimates) -> list[str]:
    """A part's row: its bitstream, whether this folding fits, and what the best folding for it reaches."""
    best = one.best
    found = ["none fits", "", ""]
    if best:
        found = [f"{estimates.clock_hz / best.cycles:,.0f}", f"{best.luts:,}", f"{best.bram18 / 2:g}"]
    share = f"{estimates.luts_with_left_out / one.part.luts:.0%}"
    return [one.part.device, _size(one.part.bitstream_bytes), "yes" if one.fits else "no", share, *found]


def _as_json(one: OnPart, estimates: Estimates) -> dict[str, object]:
    best = one.best
    found = best and {
        "cycles": best.cycles,
        "frames_per_second": estimates.clock_hz / best.cycles,
        "luts": best.luts,
        "bram18": best.bram18,
        "folding": best.settings(),
    }
    part = {**asdict(one.part), "bitstream_bytes": one.part.bitstream_bytes}
    return {"part": part, "this_folding_fits": one.fits, "share": SHARE, "best": found, "reason": one.reason}


def rate_over_luts(frontier: Sequence[tuple[int, float]], here: tuple[int, float], budgets: Mapping[str, int]) -> Markup:
    """Frames per second over LUTs, both logarithmic: a step for each folding, a dot for this build, a line for each budget.

    `frontier`: (LUTs, frames/s) from the fastest; `budgets`: LUTs by the name of a part.
    """
    luts, rates = zip(*reversed(frontier), strict=True)
    low, high = 0.7 * min(luts[0], here[0], *budgets.values()), 1.4 * max(luts[-1], here[0], *budgets.values())
    ticks = [digit * 10**power for power in range(2, 8) for digit in (1, 2, 5) if low <= digit * 10**power <= high]
    # Beside its line, rising from the axis.
    label: dict[str, Any] = {"textcoords": "offset points", "rotation": 90, "ha": "right", "va": "bottom"}

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.step(luts, rates, where="post", color=DATA[0], linewidth=1.8)
        axes.plot([here[0]], [here[1]], "o", color=DATA[1], markersize=6)
        axes.annotate("this folding", here, (0, -14), textcoords="offset points", ha="center", color=INK, fontsize=8.5)
        axes.set(xscale="log", yscale="log", xlabel="LUTs, FINN's estimate", ylabel="frames per second", xlim=(low, high))
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.set_xticks([], minor=True)
        for name, budget in budgets.items():
            axes.axvline(budget, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)))
            axes.annotate(name, (budget, 0), (-3, 4), xycoords=("data", "axes fraction"), color=SOFT, fontsize=8, **label)
        axes.grid(axis="y", color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)

    return svg(6.4, 3.3, draw)
