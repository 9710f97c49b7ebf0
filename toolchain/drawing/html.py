"""The report's page: its style sheet and the pieces of HTML that are not figures. Text in, text out; nothing is measured here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

STYLE = """
:root { color-scheme: light dark; --font: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  --page: #fbfaf7; --card: #ffffff; --ink: #1d2126; --soft: #5d6670; --line: #dcd9d0; --data1: #b86e00; --data2: #c0392b;
  --data3: #2f7d4f; --data4: #2f62ad; --good: #21754a; --bad: #b3261e; --open: #8a6100; --heat: 184 110 0;
  --g0: #c8862a; --g1: #2f8f83; --g2: #5f70ba; }
@media (prefers-color-scheme: dark) { :root { --page: #14171a; --card: #1c2024; --ink: #e8e6e1; --soft: #a3abb3; --line: #383e45;
  --data1: #eba53a; --data2: #f07f72; --data3: #6cc391; --data4: #82aef0;
  --good: #6cc391; --bad: #f28b82; --open: #e5b84f; --heat: 235 165 58; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 var(--font); -webkit-text-size-adjust: 100%; }
main { max-width: 52rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: clamp(1.6rem, 5vw, 2.2rem); line-height: 1.15; letter-spacing: -.02em; margin: 0 0 .4rem; text-wrap: balance; }
h2 { font-size: 1.2rem; letter-spacing: -.01em; margin: 3rem 0 .5rem; }
p { margin: .5rem 0 1rem; max-width: 42rem; } .soft, figcaption, caption { color: var(--soft); font-size: .9rem; }
svg { display: block; width: 100%; height: auto; } figure { margin: 1rem 0; }
.tiles { display: grid; grid-template-columns: repeat(3, 1fr); gap: .6rem; margin: 1.5rem 0; }
@media (max-width: 34rem) { .tiles { grid-template-columns: repeat(2, 1fr); } }
.tiles div { background: var(--card); padding: .8rem 1rem; border: 1px solid var(--line); border-radius: 10px; }
.tiles b { display: block; font-size: 1.35rem; line-height: 1.25; font-weight: 650; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--soft); font-size: .82rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .82rem; } th, td { padding: .35rem .75rem .35rem 0;
  border-bottom: 1px solid var(--line); white-space: nowrap; } th.n, td.n { text-align: right; } tfoot td { font-weight: 650; }
td.wrap { white-space: normal; min-width: 12rem; padding-left: .75rem; }
.exact { color: var(--good); } .differs, .failed { color: var(--bad); font-weight: 700; } .notrun { color: var(--open); }
.reference { color: var(--soft); }
.heat { width: auto; font-size: .85rem; }
.heat th, .heat td { padding: 0; width: 2.1rem; min-width: 1.9rem; height: 1.9rem; text-align: center;
  border: 2px solid var(--page); }
.heat th { padding: 0 .35rem; } .heat th.row { width: auto; text-align: right; padding-right: .5rem; }
td.track { width: 100%; min-width: 11rem; } .track div { position: relative; height: 1.1rem; border-radius: 3px;
  background: var(--card); border: 1px solid var(--line); overflow: hidden; }
.track i { position: absolute; top: 0; bottom: 0; min-width: 2px; }
.cells { display: grid; grid-template-columns: repeat(15, 1fr); gap: 3px; max-width: 30rem; }
.cells i { aspect-ratio: 1; border-radius: 3px; background: var(--card); border: 1px solid var(--line); }
.cells i.used { background: var(--g0); border-color: var(--g0); }
.strip { display: grid; grid-template-columns: repeat(auto-fill, minmax(4rem, 1fr)); gap: .75rem; }
.strip img { width: 100%; image-rendering: pixelated; border-radius: 4px; display: block; margin-bottom: 3px; }
.strip span { font-size: .8rem; color: var(--soft); }
details pre { overflow-x: auto; font-size: .82rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 1rem; } summary { cursor: pointer; }
@media print { main { max-width: none; } h2 { break-after: avoid; } figure, table { break-inside: avoid; } }
"""


def page(title: str, sections: Sequence[str]) -> str:
    """A whole HTML document that needs nothing from outside."""
    head = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
    )
    return head + "\n".join(sections) + "\n</main>\n</body>\n</html>\n"


def section(heading: str, *parts: str) -> str:
    """A heading and what belongs under it."""
    return f"<section>\n<h2>{escape(heading)}</h2>\n" + "\n".join(parts) + "\n</section>"


def paragraph(text: str) -> str:
    """Plain text as a paragraph."""
    return f"<p>{escape(text)}</p>"


def tiles(facts: Sequence[tuple[str, str]]) -> str:
    """Large figures, each with what it is: (value, label)."""
    return '<div class="tiles">' + "".join(f"<div><b>{escape(v)}</b><span>{escape(k)}</span></div>" for v, k in facts) + "</div>"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int], total: Sequence[str] = ()) -> str:
    """A table of text cells that scrolls sideways on a phone; `numeric` columns are set to the right."""

    def line(cells: Sequence[str], tag: str) -> str:
        marked = (f"<{tag}{' class=n' if index in numeric else ''}>{escape(cell)}</{tag}>" for index, cell in enumerate(cells))
        return "<tr>" + "".join(marked) + "</tr>"

    foot = f"<tfoot>{line(total, 'td')}</tfoot>" if total else ""
    body = "".join(line(row, "td") for row in rows)
    return f'<div class="scroll"><table><thead>{line(headings, "th")}</thead><tbody>{body}</tbody>{foot}</table></div>'


def verification(headings: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str]) -> str:
    """The verification table; the third column is the verdict and gets its colour, the notes follow as a last column."""

    def cell(column: int, text: str) -> str:
        kind = text.replace(" ", "") if column == 2 else "" if column == 0 else "n"
        return f'<td class="{kind}">{escape(text)}</td>'

    lines = []
    for row, note in zip(rows, notes, strict=True):
        cells = "".join(cell(column, text) for column, text in enumerate(row))
        lines.append(f'<tr>{cells}<td class="wrap soft">{escape(note)}</td></tr>')
    head = "".join(f"<th{' class=n' if column not in (0, 2) else ''}>{escape(text)}</th>" for column, text in enumerate(headings))
    return f'<div class="scroll"><table><thead><tr>{head}<th></th></tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def confusion(counts: NDArray[np.int64], names: Sequence[str]) -> str:
    """Rows are true classes, columns what the network said; shaded by the share of the row, errors shaded stronger."""
    lines = []
    for label, row in enumerate(counts):
        cells = []
        for said, count in enumerate(row):
            share = count / max(1, row.sum())
            shade = 0.55 * share if said == label else min(1.0, 0.15 + 3 * share) if count else 0.0
            colour = f' style="background:rgb(var(--heat) / {shade:.2f})"' if shade else ""
            cells.append(f"<td{colour}>{count or ''}</td>")
        lines.append(f'<tr><th class="row">{escape(names[label])}</th>{"".join(cells)}</tr>')
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    head = f'<thead><tr><th class="row"></th>{head}</tr></thead>'
    return f'<div class="scroll"><table class="heat">{head}<tbody>{"".join(lines)}</tbody></table></div>'


def memory_map(regions: Sequence[tuple[str, int, int]], words: int, word_bits: int) -> str:
    """One row a region (name, first word, words), drawn to scale on a strip of the whole memory. Regions may overlap."""
    rows = []
    for index, (name, start, size) in enumerate(regions):
        place = f"left:{100 * start / words:.3f}%;width:{100 * size / words:.3f}%;background:var(--g{min(index, 2)})"
        strip_cell = f'<td class="track"><div><i style="{place}"></i></div></td>'
        figures = f'<td class="n">{start:,}</td><td class="n">{size:,}</td><td class="n">{size * word_bits / 1000:,.1f}</td>'
        rows.append(f"<tr><td>{escape(name)}</td>{strip_cell}{figures}</tr>")
    head = '<tr><th></th><th>memory</th><th class="n">from word</th><th class="n">words</th><th class="n">kbit</th></tr>'
    return f'<div class="scroll"><table><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table></div>'


def block_cells(used: int, blocks: int) -> str:
    """Memory blocks as squares, `used` of them filled."""
    cells = '<i class="used"></i>' * used + "<i></i>" * (blocks - used)
    return f'<div class="cells">{cells}</div>\n<p class="soft">{used} used, {blocks - used} free</p>'


def strip(pictures: Sequence[tuple[str, str, str]]) -> str:
    """Pairs of pictures above a caption: (address of the upper, of the lower, caption)."""
    cells = (f'<div><img src="{a}" alt=""><img src="{b}" alt=""><span>{escape(text)}</span></div>' for a, b, text in pictures)
    return f'<div class="strip">{"".join(cells)}</div>'


def details(summary: str, text: str) -> str:
    """Text to open on a click, as it is."""
    return f"<details><summary>{escape(summary)}</summary><pre>{escape(text)}</pre></details>"
