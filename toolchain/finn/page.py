"""The page about a network on AMD parts: what FINN expects of its layers, what that leaves out, the same network on other parts.

Text and figures only; the numbers come from `owlbit.hw.finn`. One HTML document that needs nothing from outside, and the same as
JSON.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path

from owlbit.export.files import write_text
from owlbit.hw.finn.folding.compare_parts import OnPart
from owlbit.hw.finn.folding.estimates import Estimates, LayerEstimate
from owlbit.hw.finn.folding.parts import PARTS, device_of
from owlbit.hw.finn.folding.search import SHARE, Folding
from owlbit.toolchain.drawing import html
from owlbit.toolchain.drawing.svg import rate_over_luts

PAGE, DATA = "finn.html", "finn.json"
MEGABYTE = 1_000_000


def write_finn_page(
    folder: Path, title: str, part: str, estimates: Estimates, compared: Sequence[OnPart], frontier: Sequence[Folding]
) -> Path:
    """Writes finn.html and finn.json into `folder` and returns the page's path."""
    data = {"title": title, "part": part, "estimates": estimates.as_json(), "parts": [_as_json(one, estimates) for one in compared]}
    write_text(folder / DATA, json.dumps(data, indent=2) + "\n")
    write_text(folder / PAGE, render_finn_page(title, part, estimates, compared, frontier))
    return folder / PAGE


def render_finn_page(title: str, part: str, estimates: Estimates, compared: Sequence[OnPart], frontier: Sequence[Folding]) -> str:
    """The page as HTML text. `part`: the part that was built for; `frontier`: see `owlbit.hw.finn.folding.search.frontier`."""
    intro = (
        f"As FINN maps it for {part} at {estimates.clock_hz / 1e6:g} MHz. Cycles and resources are FINN's own estimates, made "
        "before any synthesis; nothing here was placed, routed or run on a board."
    )
    sections = [
        f"<header><h1>{escape(title)} on AMD parts</h1>{html.paragraph(intro)}{_summary(part, estimates)}</header>",
        _layers(estimates),
        _left_out(estimates),
        _use(part, estimates),
        _rates(estimates, compared, frontier),
        _parts(estimates, compared),
    ]
    return html.page(f"{title} on AMD parts", [text for text in sections if text])


def _summary(part: str, estimates: Estimates) -> str:
    slowest = estimates.bottleneck
    facts = [
        (f"{estimates.frames_per_second:,.0f} /s", f"frames at {estimates.clock_hz / 1e6:g} MHz, the pipeline full"),
        (f"{estimates.cycles:,}", f"cycles a frame, those of {slowest.name}"),
        (f"{estimates.luts:,}", "LUTs, FINN's total"),
        (f"{estimates.luts_with_left_out:,}", "LUTs with what can be priced of the rest"),
        (f"{estimates.bram18 / 2:g}", "block RAMs of 36 kbit"),
    ]
    device = device_of(part)
    if device in PARTS:
        facts.append((_size(PARTS[device].bitstream_bytes), f"bitstream of an {device}"))
    return html.tiles(facts)


def _size(size: int) -> str:
    return f"{size / MEGABYTE:.2f} MB" if size >= MEGABYTE else f"{size / 1000:.0f} kB"


def _layers(estimates: Estimates) -> str:
    text = (
        f"A pipeline is as fast as its slowest layer, {estimates.bottleneck.name} here; the slowest are in bold. Bars are cycles a "
        "frame; a layer with a short bar waits most of the time."
    )
    rows = "".join(_layer_row(layer, estimates) for layer in estimates.layers)
    figures = "".join(f'<th class="n">{name}</th>' for name in ("cycles", "LUTs", "block RAM"))
    head = f"<tr><th>layer</th><th>folding</th>{figures}<th></th></tr>"
    sums = "".join(f'<td class="n">{figure}</td>' for figure in _figures(estimates.cycles, estimates.luts, estimates.bram18))
    foot = f"<tr><td>total</td><td></td>{sums}<td></td></tr>"
    table = f'<div class="scroll"><table><thead>{head}</thead><tbody>{rows}</tbody><tfoot>{foot}</tfoot></table></div>'
    return html.section("Layers", html.paragraph(text), table)


def _figures(cycles: int, luts: int, bram18: int) -> tuple[str, str, str]:
    return f"{cycles:,}", f"{luts:,}", f"{bram18 / 2:g}"


def _layer_row(layer: LayerEstimate, estimates: Estimates) -> str:
    slowest = layer.cycles == estimates.cycles
    name = f"<b>{escape(layer.name)}</b>" if slowest else escape(layer.name)
    cycles, luts, bram = _figures(layer.cycles, layer.luts, layer.bram18)
    figures = "".join(f'<td class="n">{figure}</td>' for figure in (cycles, "no price" if layer.unpriced else luts, bram))
    bar = _bar(layer.cycles / estimates.cycles, 2 if slowest else 0)
    shape = f'<br><span class="soft">{escape(layer.shape)}</span>'
    return f"<tr><td>{name}{shape}</td><td>{escape(layer.folding)}</td>{figures}{bar}</tr>"


def _bar(share: float, colour: int = 0) -> str:
    """A table cell with a bar as long as `share` of it; what is over is marked in the colour of what is wrong."""
    ink = f"var(--g{colour})" if share <= 1 else "var(--bad)"
    return f'<td class="track"><div><i style="left:0;width:{100 * min(share, 1):.1f}%;background:{ink}"></i></div></td>'


def _left_out(estimates: Estimates) -> str:
    text = (
        "FINN adds up the layers it has formulas for. The following is in the design and not in that total. Where FINN has a "
        "price, it is given here and added in the second figure above."
    )
    rows = [(item.what, f"{item.count:,}", "no price" if item.luts is None else f"{item.luts:,}") for item in estimates.left_out]
    total = ("FINN's total with all of these that have a price", "", f"{estimates.luts_with_left_out:,}")
    return html.section("What the total leaves out", html.paragraph(text), html.table(("", "count", "LUTs"), rows, (1, 2), total))


def _use(part: str, estimates: Estimates) -> str:
    device = device_of(part)
    if device not in PARTS:
        return ""
    row = PARTS[device]
    used = [
        ("LUTs, FINN's total", estimates.luts, row.luts),
        ("LUTs with the rest that has a price", estimates.luts_with_left_out, row.luts),
        ("block RAMs", estimates.bram18 / 2, row.bram36),
        ("DSP slices", estimates.dsps, row.dsps),
    ]
    lines = "".join(
        f'<tr><td>{name}</td>{_bar(have / of)}<td class="n">{have:,g}</td><td class="n">{of:,}</td>'
        f'<td class="n">{have / of:.1%}</td></tr>'
        for name, have, of in used
    )
    head = '<tr><th></th><th></th><th class="n">used</th><th class="n">there</th><th class="n">share</th></tr>'
    table = f'<div class="scroll"><table><thead>{head}</thead><tbody>{lines}</tbody></table></div>'
    return html.section(f"Use of {device}", table, f'<p class="soft">{escape(row.family)}; {escape(row.source)}.</p>')


def _rates(estimates: Estimates, compared: Sequence[OnPart], frontier: Sequence[Folding]) -> str:
    text = (
        "Each step is a folding of this network that no other beats in rate and LUTs, found by an exact search over the legal PE "
        f"and SIMD. Vertical lines are {SHARE:.0%} of a part's LUTs, which leaves room for what FINN's total leaves out."
    )
    lines = {one.part.device: int(SHARE * one.part.luts) for one in compared}
    points = [(folding.luts, estimates.clock_hz / folding.cycles) for folding in frontier]
    here = (estimates.luts, estimates.frames_per_second)
    figure = f"<figure>{rate_over_luts(points, here, lines)}</figure>"
    return html.section("Rate against size", html.paragraph(text), figure)


def _parts(estimates: Estimates, compared: Sequence[OnPart]) -> str:
    text = (
        f"Whether this folding fits a part, and the fastest folding within {SHARE:.0%} of its LUTs and block RAMs. A bitstream's "
        "length is a device's own and does not depend on the design."
    )
    rows = []
    for one in compared:
        best = one.best
        figures = (
            [f"{estimates.clock_hz / best.cycles:,.0f}", f"{best.luts:,}", f"{best.bram18 / 2:g}"]
            if best
            else ["none fits", "", ""]
        )
        share = f"{estimates.luts_with_left_out / one.part.luts:.0%}"
        rows.append([one.part.device, _size(one.part.bitstream_bytes), "yes" if one.fits else "no", share, *figures])
    headings = ["part", "bitstream", "this folding fits", "of its LUTs", "best frames/s", "LUTs", "block RAM"]
    notes = [f"{one.part.device}: {one.reason}" for one in compared if one.reason]
    sources = sorted({f"{one.part.family}: {one.part.source}" for one in compared})
    return html.section(
        "Other parts",
        html.paragraph(text),
        html.table(headings, rows, (1, 3, 4, 5, 6)),
        *(f'<p class="soft">{escape(note)}.</p>' for note in notes),
        f'<p class="soft">Resources and bitstream lengths by the vendor\'s documents. {escape("; ".join(sources))}.</p>',
    )


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
