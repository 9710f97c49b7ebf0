"""Draws the pictures of the engine's pages: `make pictures` writes docs/engine_blocks.svg and docs/*_waveform.svg."""

from __future__ import annotations

import json
from pathlib import Path

import wavedrom
from soc_waveforms import waveforms

DOCS = Path(__file__).resolve().parents[1]
# name, what it does, column, row
BLOCKS = [
    ("boot", "owl_boot", "copies the network\nfrom the flash", 0, 0),
    ("encoder", "owl_encoder", "pixels to bits:\nthe learned thermometer", 0, 1),
    ("port", "owl_port", "one access per cycle", 1, 0),
    ("memory", "owl_memory", "4 SPRAM: 16,384 words\nof 64 bits", 1, 1),
    ("sequencer", "owl_sequencer", "walks the tiles\nof every layer", 2, 0),
    ("window", "owl_window", "walks the positions\nof a map", 2, 1),
    ("stores", "owl_weights", "16 EBR: the weights\nof the current tile", 3, 0),
    ("lanes", "owl_lanes", "XNOR, popcount, sums\nagainst thresholds", 3, 1),
    ("post", "owl_post", "OR-pools,\nwrites the next map", 3, 2),
    ("sender", "owl_sender", "scores of the\nlast layer", 2, 2),
]
# from, to, label
ARROWS = [
    ("boot", "port", ""),
    ("encoder", "port", "bits"),
    ("port", "memory", ""),
    ("sequencer", "port", "reads"),
    ("window", "memory", "reads"),
    ("sequencer", "stores", "loads"),
    ("stores", "lanes", "weights"),
    ("window", "lanes", ""),
    ("lanes", "post", "bits"),
    ("lanes", "sender", "sums"),
    ("post", "memory", "bits of the next map"),
]
WIDTH, HEIGHT, STEP_X, STEP_Y, LEFT, TOP = 190, 84, 240, 150, 24, 24
WAVEFORMS = {
    "pixel": {
        "signal": [
            {"name": "clk", "wave": "p........"},
            {"name": "px_valid", "wave": "01...0.10"},
            {"name": "px_data", "wave": "x34.5x.6x", "data": ["p0", "p1", "p2", "p3"]},
            {"name": "px_ready", "wave": "1.01.0.1."},
            {"name": "taken", "wave": "x3x45x.6x", "data": ["p0", "p1", "p2", "p3"]},
        ],
        "config": {"hscale": 2},
    },
    "score": {
        "signal": [
            {"name": "clk", "wave": "p........"},
            {"name": "score_valid", "wave": "01.01..01"},
            {"name": "score_ready", "wave": "1.....01."},
            {"name": "score_data", "wave": "x3.x4..x5", "data": ["class 0, low", "class 0, high", "class 1"]},
        ],
        "config": {"hscale": 2},
    },
    "flash": {
        "signal": [
            {"name": "flash_cs_n", "wave": "10.......|......1"},
            {"name": "flash_sck", "wave": "0.lhlhlhl|lhlhlh0"},
            {"name": "flash_mosi", "wave": "x.3.4.5.6|x......", "data": ["0x03", "23:16", "15:8", "7:0"]},
            {"name": "flash_miso", "wave": "x........|7.8.9.x", "data": ["'O'", "'W'", "..."]},
        ],
        "config": {"hscale": 2},
    },
}


def place(name: str) -> tuple[float, float]:
    """The upper left corner of a block."""
    column, row = next((block[3], block[4]) for block in BLOCKS if block[0] == name)
    return LEFT + STEP_X * column, TOP + STEP_Y * row


def arrow(start: str, end: str, label: str) -> str:
    """A straight line between the nearest sides of two blocks, with its label in the middle."""
    (x0, y0), (x1, y1) = place(start), place(end)
    column, row = round((x1 - x0) / STEP_X), round((y1 - y0) / STEP_Y)
    sign_x, sign_y = (column > 0) - (column < 0), (row > 0) - (row < 0)
    if sign_x:
        a, b = (x0 + WIDTH * (sign_x > 0), y0 + HEIGHT / 2), (x1 + WIDTH * (sign_x < 0), y1 + HEIGHT / 2)
    else:
        a, b = (x0 + WIDTH / 2, y0 + HEIGHT * (sign_y > 0)), (x1 + WIDTH / 2, y1 + HEIGHT * (sign_y < 0))
    if sign_x and sign_y:  # diagonal: leave from the lower or upper side, so that no block is crossed
        a = (x0 + WIDTH / 4, y0 + HEIGHT * (sign_y > 0))
        b = (x1 + WIDTH / 2, y1 + HEIGHT * (sign_y < 0)) if abs(column) == 1 else (x1 + WIDTH, y1 + HEIGHT * 0.8)
    line = f'<line class="arrow" x1="{a[0]}" y1="{a[1]}" x2="{b[0]}" y2="{b[1]}"/>'
    x, y = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2 - 6
    return line + (f'<text class="on" x="{x}" y="{y}">{label}</text>' if label else "")


def blocks_svg() -> str:
    """The block diagram as SVG text."""
    parts = []
    for name, title, says, _, _ in BLOCKS:
        x, y = place(name)
        parts.append(f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="10"/>')
        parts.append(f'<text class="name" x="{x + WIDTH / 2}" y="{y + 26}">{title}</text>')
        for number, line in enumerate(says.split("\n")):
            parts.append(f'<text class="say" x="{x + WIDTH / 2}" y="{y + 48 + 16 * number}">{line}</text>')
    parts += [arrow(*each) for each in ARROWS]
    width, height = 2 * LEFT + 3 * STEP_X + WIDTH, 2 * TOP + 2 * STEP_Y + HEIGHT
    style = (
        "rect{fill:#eef4ef;stroke:#21754a;stroke-width:1.5}text{text-anchor:middle}.name{font-size:13px;font-weight:650;fill:#1d2126}"
        ".say{font-size:12px;fill:#5d6670}.on{font-size:12px;fill:#8a5200;paint-order:stroke;stroke:#fbfaf7;stroke-width:4px}"
        ".arrow{stroke:#b86e00;stroke-width:1.8;marker-end:url(#head)}"
    )
    head = '<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif">'
        f'<style>{style}</style><defs>{head}<path d="M0 0 10 5 0 10z" fill="#b86e00"/></marker></defs>'
        f'<rect x="0" y="0" width="{width}" height="{height}" rx="14" style="fill:#fbfaf7;stroke:#e6e2d8"/>'
        + "\n".join(parts)
        + "</svg>\n"
    )


if __name__ == "__main__":
    (DOCS / "engine_blocks.svg").write_text(blocks_svg(), encoding="utf-8")
    engine = {f"engine_{name}": wave for name, wave in WAVEFORMS.items()}
    for name, wave in {**engine, **{f"soc_{name}": wave for name, wave in waveforms().items()}}.items():
        text = wavedrom.render(json.dumps(wave)).tostring()
        (DOCS / f"{name}_waveform.svg").write_text(
            text.replace("<svg ", '<svg style="background:white" ', 1) + "\n", encoding="utf-8"
        )
