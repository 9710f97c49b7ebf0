"""The report of a run: gathers what is known about it and renders one self-contained page. Imports neither torch nor brevitas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from export.cost import layer_costs, total_cost
from export.network import Network, Thermometer
from hw.ladder import CLOCK_HZ, HEADINGS, Images, Row, as_cells
from toolchain import report_page as html
from toolchain.report_figures import coded, learning_curve, picture, tone_curve


@dataclass(frozen=True, eq=False)
class Device:
    """What the compiler says about the network on the up5k engine. `cycles`: layer name -> clock cycles a frame, predicted."""

    cycles: dict[str, int]
    cycles_per_frame: int
    regions: tuple[html.Span, ...]
    words: int
    word_bits: int
    blocks: tuple[tuple[str, int], ...]
    block_count: int
    flash_bytes: int


@dataclass(frozen=True, eq=False)
class Findings:
    """Everything the page shows.

    `histogram`: int64 [C, 256] of the training images; `test_images`: uint8 [N, C, H, W], `test_labels`: int64 [N], `predicted`:
    int64 [N] by the reference simulator; `curves`: name -> share in 0..1, one an epoch; `device` is None, and `refusal` says why,
    where the network does not fit; `ladder` is empty where `owlbit verify` has not run.
    """

    network: Network
    recipe: str
    histogram: NDArray[np.int64]
    test_images: Images
    test_labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    epochs: tuple[int, ...]
    curves: dict[str, tuple[float, ...]]
    best_epoch: int | None
    device: Device | None
    refusal: str
    ladder: tuple[Row, ...]


def render_report(found: Findings) -> str:
    """The page as HTML text."""
    network = found.network
    channels, height, width = network.input_shape
    title = f"{network.name}: a fully-binarised network, measured"
    intro = (
        f"{width}x{height} {'gray' if channels == 1 else f'{channels}-channel'} images, {network.classes} classes, "
        f"every weight and every activation one bit. Each number below was computed from this run's files."
    )
    sections = [
        f"<header><h1>{escape(title)}</h1>{html.paragraph(intro)}{_summary(found)}</header>",
        _sensor(found),
        _layers(found),
        _memory(found),
        _accuracy(found),
        _ladder(found),
        html.section("Recipe", html.details("recipe.toml, everything needed to train this again", found.recipe)),
    ]
    return html.page(title, [text for text in sections if text])


def _summary(found: Findings) -> str:
    total = total_cost(layer_costs(found.network))
    right = int((found.predicted == found.test_labels).sum())
    facts = [
        (f"{100 * right / len(found.test_labels):.2f} %", f"test accuracy, {right} of {len(found.test_labels)}"),
        (f"{total.weight_bits / 1000:,.1f} kbit", "binary weights"),
        (f"{total.macs / 1e6:,.2f} M", "binary MACs a frame"),
    ]
    if found.device:
        measured = [row.cycles_per_frame for row in found.ladder if row.rung == "rtl" and row.cycles_per_frame]
        cycles = measured[0] if measured else found.device.cycles_per_frame
        facts.append((f"{CLOCK_HZ / cycles:,.0f} /s", f"frames at 24 MHz, {'measured in RTL' if measured else 'predicted'}"))
        facts.append((f"{found.device.flash_bytes / 1024:,.0f} KB", "flash image, bitstream included"))
    if found.ladder:
        statuses = [row.status for row in found.ladder if row.status != "golden"]
        verdict = "differs" if "differs" in statuses else f"{statuses.count('exact')} of {len(statuses)}"
        facts.append((verdict, "rungs of the ladder exact"))
    return html.tiles(facts)


def _sensor(found: Findings) -> str:
    thermometer = found.network.layers[0]
    assert isinstance(thermometer, Thermometer)
    levels = thermometer.thresholds.shape[1]
    text = (
        f"Each pixel is compared with {levels} learned thresholds instead of being digitised to 8 bits. Marks under the curve are "
        "the thresholds, the shaded histogram the training images (its tallest bars leave the figure). Where the curve is steep "
        "the network looks closely."
    )
    figure = f"<figure>{tone_curve(thermometer, found.histogram)}</figure>"
    shown = _sample(found)
    pictures = [
        (picture(found.test_images[index]), picture(coded(thermometer, found.test_images[index])), _caption(found, index))
        for index in shown
    ]
    below = html.paragraph("Test images as the sensor has them, and below as the learned thermometer passes them on.")
    return html.section("The learned thermometer", html.paragraph(text), figure, below, html.strip(pictures))


def _sample(found: Findings) -> Sequence[int]:
    """The first image of each class, up to ten of them."""
    firsts = [int(np.flatnonzero(found.test_labels == label)[0]) for label in np.unique(found.test_labels)]
    return firsts[:10]


def _caption(found: Findings, index: int) -> str:
    names = found.network.class_names
    label, said = names[int(found.test_labels[index])], names[int(found.predicted[index])]
    return label if label == said else f"{label}, taken for {said}"


def _layers(found: Findings) -> str:
    costs = layer_costs(found.network)
    cycles = found.device.cycles if found.device else {}
    headings = ["layer", "output", "weights, bit", "MACs", "map, bit", "cycles"]

    def cells(name: str, shape: str, figures: Sequence[int]) -> list[str]:
        return [name, shape, *(f"{figure:,}" if figure else "" for figure in figures)]

    rows = []
    for cost in costs:
        figures = (cost.weight_bits, cost.macs, cost.feature_bits, cycles.get(cost.name, 0))
        rows.append(cells(cost.name, "x".join(map(str, cost.output_shape)), figures))
    total = total_cost(costs)
    cycles_total = found.device.cycles_per_frame if found.device else 0
    foot = cells("total", "", (total.weight_bits, total.macs, 0, cycles_total))
    note = "Cycles are the compiler's prediction for the iCE40 UP5K engine." if found.device else found.refusal
    return html.section("Layers", html.table(headings, rows, range(2, 6), foot), f'<p class="soft">{escape(note)}</p>')


def _memory(found: Findings) -> str:
    device = found.device
    if device is None:
        return ""
    groups = list(dict.fromkeys(span.group for span in device.regions))
    bar = html.memory_bar(device.regions, device.words, groups, device.word_bits)
    used = sum(span.size for span in device.regions)
    text = (
        f"Features, weights and descriptors share the four SPRAM blocks, {device.words:,} words of {device.word_bits} bits; "
        f"{used:,} are in use, {100 * used / device.words:.0f} %."
    )
    parts = [html.paragraph(text), bar]
    if device.blocks:
        blocks = [name for name, _ in device.blocks]
        parts.append(html.paragraph("Block RAM (EBR) is part of the fixed bitstream, the same for every network: 4 kbit a square."))
        parts.append(html.block_cells(device.blocks, device.block_count, blocks))
    return html.section("Memory on the device", *parts)


def _accuracy(found: Findings) -> str:
    classes = found.network.classes
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (found.test_labels, found.predicted), 1)
    parts = [
        html.paragraph("Rows are the true class, columns what the network answers on the test split, which training never saw.")
    ]
    parts.append(html.confusion(counts, found.network.class_names))
    if found.curves:
        best = f" The dot marks epoch {found.best_epoch}, whose weights were kept." if found.best_epoch is not None else ""
        parts.append(html.paragraph(f"Accuracy while training.{best}"))
        parts.append(f"<figure>{learning_curve(found.epochs, found.curves, found.best_epoch)}</figure>")
    return html.section("Accuracy", *parts)


def _ladder(found: Findings) -> str:
    if not found.ladder:
        return html.section("Verification ladder", html.paragraph("Not run yet: `owlbit verify` fills this in."))
    text = (
        "Every row computes the same images in another way and must give the same integers as the reference simulator: equality, "
        "no tolerance. A rung that could not be run says so."
    )
    rows = [as_cells(row) for row in found.ladder]
    return html.section(
        "Verification ladder", html.paragraph(text), html.ladder(HEADINGS, rows, [row.note for row in found.ladder])
    )
