"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.markup import escape
from rich.table import Table

from owlbit.export.network import Network
from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ
from owlbit.hw.verification import Outcome, Row, as_cells
from owlbit.toolchain.zoo.card import Card

_COLOURS = {"reference": "cyan", "exact": "green", "differs": "bold red", "failed": "bold red", "not run": "yellow"}
_MOST_ROWS = 20


def verification_table(rows: Sequence[Row]) -> Table:
    """One row per backend; notes under it."""
    notes = escape("\n".join(f"{row.backend}: {row.note}" for row in rows if row.note))
    table = Table(caption=notes or None, caption_justify="left")
    headings, *lines = as_cells(rows)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("backend", "verdict") else "right")
    for row, (backend, images, _, *rest) in zip(rows, lines, strict=True):
        table.add_row(backend, images, f"[{_COLOURS[row.status]}]{row.status}[/]", *rest)
    return table


def scores_table(network: Network, names: Sequence[str], outcome: Outcome) -> Table:
    """One row per image: its class, that class's score, and the runner-up; the first rows only where there are many images.

    `outcome.scores`: what ranks.
    """
    cycles = outcome.cycles_per_frame
    rate = f"{cycles:,} cycles from frame to frame, simulated, {CLOCK_HZ / cycles:.1f} frames/s at 24 MHz" if cycles else None
    table = Table("image", "class", "score", "runner-up", "its score", caption=rate, caption_justify="left")
    for name, scores in list(zip(names, outcome.scores, strict=True))[:_MOST_ROWS]:
        # A stable sort of the negated scores: the first index of the largest score is the class.
        order = (-scores).argsort(kind="stable")
        best = [value for label in order[:2] for value in (escape(network.class_names[label]), str(scores[label]))]
        table.add_row(escape(name), *best)
    if len(names) > _MOST_ROWS:
        table.add_row(f"... {len(names) - _MOST_ROWS} more")
    return table


def zoo_table(cards: Sequence[Card]) -> Table:
    """One row a network of the zoo."""
    caption = "accuracy on test images; cycles of the UP5K by its cost model; a card: owlbit zoo show NAME"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, caption=caption, caption_justify="left")
    table.add_column("name", no_wrap=True)
    table.add_column("data", no_wrap=True)
    for heading in ("accuracy", "kbit", "MBOP", "cycles", "frames/s", "QONNX"):
        table.add_column(heading, justify="right", no_wrap=True)
    for card in cards:
        rate = card.frames_per_second
        table.add_row(
            escape(card.name),
            escape(card.data),
            f"{card.test_accuracy:.2%}",
            f"{card.weight_bits / 1000:,.0f}",
            f"{card.macs / 1e6:,.1f}",
            f"{card.cycles:,}" if card.cycles else "too large",
            f"{rate:,.1f}" if rate else "-",
            f"{card.onnx_bytes / 1000:,.0f} kB",
        )
    return table
