"""The report of a run: one self-contained page, rendered from what `report_findings` gathered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from owlbit.export.files import write_text
from owlbit.export.network import Thermometer
from owlbit.export.network_cost import layer_costs, total_cost
from owlbit.hw.up5k.bitstream.plan import ENGINE_JSON
from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ
from owlbit.hw.up5k.compiler.flash_format import FLASH_OFFSET
from owlbit.hw.up5k.compiler.legality import MEMORY_WORDS
from owlbit.hw.verification import HEADINGS, any_wrong, as_cells
from owlbit.toolchain.deploy.model_source import ModelSource
from owlbit.toolchain.drawing import html
from owlbit.toolchain.drawing.svg import coded, learning_curve, picture, tone_curve
from owlbit.toolchain.reports.findings import Findings, gather_findings
from owlbit.toolchain.runs.run_folder import REPORT


def write_report(source: ModelSource) -> Path:
    """Writes report.html into the folder of a run and returns its path. Raises OwlbitError where `gather_findings` does."""
    path = source.run_folder() / REPORT
    write_text(path, render_report(gather_findings(source)))
    return path


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
        _verification(found),
        html.section("Recipe", html.details("recipe.toml, everything needed to train this again", found.recipe)),
    ]
    return html.page(title, [text for text in sections if text])


def _summary(found: Findings) -> str:
    total = total_cost(layer_costs(found.network))
    split = "test" if found.held_out else "validation"
    facts = [
        (f"{100 * found.right / len(found.test_labels):.2f} %", f"{split} accuracy, {found.right:,} of {len(found.test_labels):,}"),
        (f"{total.weight_bits / 1000:,.1f} kbit", "binary weights"),
        (f"{total.macs / 1e6:,.2f} M" if total.macs >= 1e5 else f"{total.macs:,}", "binary MACs a frame"),
    ]
    if found.program:
        cycles = found.measured_cycles or found.program.cycles_per_frame
        source = "measured in RTL" if found.measured_cycles else "predicted"
        facts.append((f"{CLOCK_HZ / cycles:,.0f} /s", f"frames at 24 MHz, {source}"))
        size = FLASH_OFFSET + len(found.program.flash)
        facts.append((f"{size / 1024:,.0f} KB", "flash image, bitstream included"))
    if found.verification:
        statuses = [row.status for row in found.verification if row.status != "reference"]
        verdict = "wrong" if any_wrong(found.verification) else f"{statuses.count('exact')} of {len(statuses)}"
        facts.append((verdict, "backends exact"))
    return html.tiles(facts)


def _sensor(found: Findings) -> str:
    thermometer = found.network.layers[0]
    assert isinstance(thermometer, Thermometer)
    levels = thermometer.thresholds.shape[1]
    text = (
        f"Each pixel is compared with {levels} thresholds instead of being digitised to 8 bits. Marks under the curve are "
        "the thresholds, the shaded histogram the training images (its tallest bars leave the figure). Where the curve is steep "
        "the network looks closely."
    )
    figure = f"<figure>{tone_curve(thermometer, found.histogram)}</figure>"
    shown = _sample(found)
    pictures = [
        (picture(found.test_images[index]), picture(coded(thermometer, found.test_images[index])), _caption(found, index))
        for index in shown
    ]
    below = html.paragraph("Images as the sensor has them, and below as the thermometer passes them on.")
    return html.section("The thermometer", html.paragraph(text), figure, below, html.strip(pictures))


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
    # Pools, shuffles and the thermometer cost no cycles of their own.
    cycles = {stage.name: stage.cycles for stage in found.program.layers} if found.program else {}
    headings = ["layer", "output", "weights, bit", "MACs", "map, bit", "cycles"]

    def cells(name: str, shape: str, figures: Sequence[int]) -> list[str]:
        return [name, shape, *(f"{figure:,}" if figure else "" for figure in figures)]

    rows = [
        cells(
            cost.name,
            "x".join(map(str, cost.output_shape)),
            (cost.weight_bits, cost.macs, cost.feature_bits, cycles.get(cost.name, 0)),
        )
        for cost in costs
    ]
    total = total_cost(costs)
    foot = cells("total", "", (total.weight_bits, total.macs, 0, found.program.cycles_per_frame if found.program else 0))
    note = (
        "Cycles are the compiler's prediction for the iCE40 UP5K engine; the total includes taking in the next frame."
        if found.program
        else found.refusal
    )
    return html.section("Layers", html.table(headings, rows, range(2, 6), foot), f'<p class="soft">{escape(note)}</p>')


def _memory(found: Findings) -> str:
    if found.program is None:
        return ""
    text = (
        f"Program and feature maps share the four SPRAM blocks: {MEMORY_WORDS:,} words of 64 bits, drawn from left to right. The "
        "program (descriptors, thresholds, weights) stays; maps take turns at both ends, each alive from the layer that writes it "
        "to the layer that reads it."
    )
    stages = {stage.name for stage in found.program.layers}
    regions = [
        (f"map of {region.name}" if region.name in stages else region.name, region.start, region.words)
        for region in found.program.regions
    ]
    engine = json.loads(ENGINE_JSON.read_text(encoding="utf-8"))
    used, blocks = int(engine["used"]["EBR"]), int(engine["available"]["EBR"])
    about = (
        f"The 4 kbit block RAMs (EBR) belong to the fixed bitstream, the same for every network: {used} of {blocks} hold what the "
        "engine is working on at the moment."
    )
    parts = [
        html.paragraph(text),
        html.memory_map(regions, MEMORY_WORDS, 64),
        html.paragraph(about),
        html.block_cells(used, blocks),
    ]
    return html.section("Memory on the device", *parts)


def _accuracy(found: Findings) -> str:
    classes = found.network.classes
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (found.test_labels, found.predicted), 1)
    seen = (
        "test images, which training never saw"
        if found.held_out
        else "validation images, which chose the epoch: the recipe keeps none back for testing"
    )
    about = html.paragraph(f"Rows are the true class, columns what the network answers on the {seen}.")
    parts = [about, html.confusion(counts, found.network.class_names)]
    epochs = [entry["epoch"] + 1 for entry in found.history]
    curves = {
        "training, varied images": [entry["accuracy"] for entry in found.history],
        "validation": [entry["validation_accuracy"] for entry in found.history],
    }
    best = found.best_epoch + 1
    parts.append(
        html.paragraph(f"Accuracy while training. The weights of epoch {best} were kept, the best on the validation images.")
    )
    parts.append(f"<figure>{learning_curve(epochs, curves, best)}</figure>")
    return html.section("Accuracy", *parts)


def _verification(found: Findings) -> str:
    if not found.verification:
        return html.section("Verification", html.paragraph("Not run yet: `owlbit verify` fills this in."))
    text = (
        "Every row computes the same images in another way and must give the same integers as the reference simulator: equality, "
        "no tolerance. A backend that could not be run says so."
    )
    rows = [as_cells(row) for row in found.verification]
    return html.section(
        "Verification", html.paragraph(text), html.verification(HEADINGS, rows, [row.note for row in found.verification])
    )
