"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

from owlbit.export.network import Network
from owlbit.hw.ecp5.boards.board import Ecp5Board
from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ
from owlbit.hw.verification import Outcome, Row, as_cells, notes_of
from owlbit.toolchain.boards.any_board import AnyBoard
from owlbit.toolchain.boards.describe import clock_text, host_text
from owlbit.toolchain.zoo.card import Card

if TYPE_CHECKING:
    from owlbit.toolchain.checks.check_recipe import RecipeCheck
    from owlbit.toolchain.deploy.evaluate import Evaluation, Wrong

_COLOURS = {"reference": "cyan", "exact": "green", "differs": "bold red", "failed": "bold red", "not run": "yellow"}
_MOST_ROWS = 20


def verification_table(rows: Sequence[Row]) -> Table:
    """One row per backend; notes under it."""
    notes = escape("\n".join(notes_of(rows)))
    table = Table(caption=notes or None, caption_justify="left")
    headings, *lines = as_cells(rows)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("backend", "verdict") else "right")
    for row, (backend, images, _, *rest) in zip(rows, lines, strict=True):
        table.add_row(backend, images, f"[{_COLOURS[row.status]}]{row.status}[/]", *rest)
    return table


def frame_rate(cycles: int) -> str:
    """Cycles per frame, and what they are in frames per second."""
    return f"{cycles:,} cycles per frame, {CLOCK_HZ / cycles:.1f} frames/s at 24 MHz"


def scores_table(network: Network, names: Sequence[str], outcome: Outcome) -> Table:
    """One row per image: its class, that class's score, and the runner-up; the first rows only where there are many images.

    `outcome.scores`: what ranks.
    """
    rate = frame_rate(outcome.cycles_per_frame) if outcome.cycles_per_frame else None
    table = Table("image", "class", "score", "runner-up", "its score", caption=rate, caption_justify="left")
    for name, scores in list(zip(names, outcome.scores, strict=True))[:_MOST_ROWS]:
        # A stable sort of the negated scores: the first index of the largest score is the class.
        order = (-scores).argsort(kind="stable")
        best = [value for label in order[:2] for value in (escape(network.class_names[label]), str(scores[label]))]
        table.add_row(escape(name), *best)
    if len(names) > _MOST_ROWS:
        table.add_row(f"... {len(names) - _MOST_ROWS} more")
    return table


def boards_table(boards: Sequence[AnyBoard]) -> Table:
    """One row a board."""
    caption = "no board has run owlbit yet; one in full: owlbit boards show NAME"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, caption=caption, caption_justify="left")
    for heading in ("name", "board", "clock", "host", "bitstream"):
        table.add_column(heading, no_wrap=heading == "name")
    for board in boards:
        made = "of each network" if isinstance(board, Ecp5Board) else "yes" if board.bitstream.is_file() else "not made"
        table.add_row(escape(board.name), escape(board.title), clock_text(board), host_text(board), made)
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


def check_tables(found: RecipeCheck) -> list[Table]:
    """What `owlbit check` found: the layers, the memory of the up5k where the network fits, the images by class."""
    tables = []
    program = next((row.program for row in found.targets if row.program is not None), None)
    if found.layers:
        cycles = {stage.name: stage.cycles for stage in program.layers} if program else {}
        layers = _plain_table("layer", "output", "weights, bit", "MACs", "map, bit", "cycles")
        for cost in found.layers:
            whole = cost.kind == "total"
            spent = program.cycles_per_frame if whole and program else cycles.get(cost.name, 0)
            figures = (cost.weight_bits, cost.macs, 0 if whole else cost.feature_bits, spent)
            shape = "" if whole else "x".join(map(str, cost.output_shape))
            layers.add_row(cost.name, shape, *(f"{figure:,}" if figure else "" for figure in figures))
        tables.append(layers)
    if program:
        memory = _plain_table("memory of the up5k", "from word", "words", "kbit")
        for region in program.regions:
            memory.add_row(region.name, f"{region.start:,}", f"{region.words:,}", f"{region.words * 64 / 1000:,.1f}")
        tables.append(memory)
    if found.images:
        sized = any(row.sizes for row in found.images)
        images = _plain_table("class", "training", "validation", "test", *(["pictures, width x height"] if sized else []))
        for row in found.images:
            counts = (f"{count:,}" for count in (row.train, row.validation, row.test))
            images.add_row(escape(row.name), *counts, *([row.sizes] if sized else []))
        tables.append(images)
    return tables


def confusion_table(found: Evaluation) -> Table:
    """A row per true class, a column per class that the network says; the share of each class that it gets right behind."""
    table = _plain_table("true class", *map(escape, found.class_names), "right")
    for name, counts, right in zip(found.class_names, found.confusion.tolist(), found.confusion.diagonal().tolist(), strict=True):
        cells = [str(count) if count else "" for count in counts]
        table.add_row(escape(name), *cells, f"{right / sum(counts):.1%}" if sum(counts) else "no images")
    return table


def wrong_table(worst: Sequence[Wrong], count: int) -> Table:
    """The images that the network gets most wrong, of `count` in all."""
    table = _plain_table("most wrong", "class", "said", "by")
    for each in worst:
        table.add_row(escape(each.name), escape(each.label), escape(each.said), f"{each.margin:g}")
    if count > len(worst):
        table.add_row(f"... {count - len(worst)} more")
    return table


def _plain_table(first: str, *others: str) -> Table:
    """A table without lines around it, its first column set to the left."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column(first, no_wrap=True)
    for heading in others:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
