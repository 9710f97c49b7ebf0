"""The report of a run: one page that needs nothing from outside, of what `findings` gathered. Its text is in run_report.html."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from owlbit.export.files import write_text
from owlbit.export.network import Thermometer
from owlbit.export.network_cost import layer_costs, total_cost
from owlbit.hw.up5k.bitstream.plan import ENGINE_JSON
from owlbit.hw.up5k.build import flash_content, network_image
from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ
from owlbit.hw.up5k.compiler.legality import MEMORY_WORDS
from owlbit.hw.verification import any_wrong, as_cells, notes_of
from owlbit.toolchain.deploy.evaluate import wilson_interval
from owlbit.toolchain.deploy.model_source import ModelSource
from owlbit.toolchain.drawing.html import render_page
from owlbit.toolchain.drawing.svg import DATA, SOFT, picture, svg
from owlbit.toolchain.reports.figures import WIDTH, coded, tone_curve
from owlbit.toolchain.reports.findings import Findings, gather_findings
from owlbit.toolchain.runs.run_folder import REPORT
from owlbit.toolchain.training.learning_curve import plot_learning_curve

TEMPLATE = Path(__file__).with_suffix(".html")
MOST_WRONG = 24  # of the images that are wrong


def write_report(source: ModelSource) -> Path:
    """Writes report.html into the folder of a run and returns its path. Raises OwlbitError where `gather_findings` does."""
    path = source.run_folder() / REPORT
    write_text(path, render_report(gather_findings(source)))
    return path


def render_report(found: Findings) -> str:
    """The page as HTML text."""
    network = found.network
    channels, height, width = network.input_shape
    headings, *cells = as_cells(found.verification)
    return render_page(
        TEMPLATE,
        title=f"{network.name}: a fully-binarised network, measured",
        channels=channels,
        height=height,
        width=width,
        classes=network.classes,
        class_names=network.class_names,
        facts=_facts(found),
        **_thermometer(found),
        **_layers(found),
        **_memory(found),
        held_out=found.held_out,
        confusion=_confusion(found),
        interval=[f"{100 * end:.2f} %" for end in wilson_interval(found.right, len(found.test_labels))],
        wrong=[(picture(found.test_images[index]), _caption(found, index)) for index in found.wrong[:MOST_WRONG].tolist()],
        wrong_count=len(found.wrong),
        skipped=found.skipped,
        steps=next_steps(found),
        best_epoch=found.best_epoch,
        learning_curve=svg(
            WIDTH, 4.2, lambda figure: plot_learning_curve(figure, found.history, found.best_epoch, (*DATA[:2], SOFT))
        ),
        headings=headings,
        verification=cells,
        notes=notes_of(found.verification),
        recipe=found.recipe,
    )


def _facts(found: Findings) -> list[tuple[str, str]]:
    """The large figures: (value, what it is)."""
    total = total_cost(layer_costs(found.network))
    split = "test" if found.held_out else "validation"
    facts = [
        (f"{100 * found.right / len(found.test_labels):.2f} %", f"{split} accuracy, {found.right:,} of {len(found.test_labels):,}"),
        (f"{total.weight_bits / 1000:,.1f} kbit", "binary weights"),
        (f"{total.macs / 1e6:,.2f} M" if total.macs >= 1e5 else f"{total.macs:,}", "binary MACs per frame"),
    ]
    if found.program:
        cycles = found.measured_cycles or found.program.cycles_per_frame
        source = "measured in RTL" if found.measured_cycles else "predicted"
        facts.append((f"{CLOCK_HZ / cycles:,.0f} /s", f"frames at 24 MHz, {source}"))
        size = len(flash_content(network_image(found.network, found.program)))
        facts.append((f"{size / 1024:,.0f} KB", "flash image, bitstream included"))
    if found.verification:
        statuses = [row.status for row in found.verification if row.status != "reference"]
        verdict = "wrong" if any_wrong(found.verification) else f"{statuses.count('exact')} of {len(statuses)}"
        facts.append((verdict, "backends exact"))
    return facts


def _thermometer(found: Findings) -> dict[str, Any]:
    thermometer = found.network.layers[0]
    assert isinstance(thermometer, Thermometer)
    # The first image of each class, up to ten of them.
    firsts = [int(np.flatnonzero(found.test_labels == label)[0]) for label in np.unique(found.test_labels)][:10]
    pictures = [
        (picture(found.test_images[index]), picture(coded(thermometer, found.test_images[index])), _caption(found, index))
        for index in firsts
    ]
    levels = thermometer.thresholds.shape[1]
    return {"levels": levels, "tone_curve": tone_curve(thermometer, found.histogram), "pictures": pictures}


def _caption(found: Findings, index: int) -> str:
    names = found.network.class_names
    label, said = names[int(found.test_labels[index])], names[int(found.predicted[index])]
    return label if label == said else f"{label}, taken for {said}"


def _layers(found: Findings) -> dict[str, Any]:
    costs = layer_costs(found.network)
    # Pools, shuffles and the thermometer cost no cycles of their own.
    cycles = {stage.name: stage.cycles for stage in found.program.layers} if found.program else {}

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
    return {"layers": rows, "layers_total": foot, "refusal": found.refusal}


def _memory(found: Findings) -> dict[str, Any]:
    """Regions of the device's memory, (name, first word, words); they may overlap. None where the network does not fit."""
    stages = {stage.name for stage in found.program.layers} if found.program else set()
    regions = found.program.regions if found.program else ()
    engine = json.loads(ENGINE_JSON.read_text(encoding="utf-8"))
    return {
        "memory_words": MEMORY_WORDS,
        "regions": [
            (f"map of {region.name}" if region.name in stages else region.name, region.start, region.words) for region in regions
        ],
        "ebr_used": int(engine["used"]["EBR"]),
        "ebr_there": int(engine["available"]["EBR"]),
    }


def _confusion(found: Findings) -> list[list[tuple[int, float]]]:
    """A row per true class: (images, share of the row 0..1, which is the shade of the cell, whether right or wrong)."""
    classes = found.network.classes
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (found.test_labels, found.predicted), 1)
    totals = np.maximum(1, counts.sum(axis=1))
    return [[(int(count), float(count / total)) for count in row] for row, total in zip(counts, totals, strict=True)]


def next_steps(found: Findings) -> list[tuple[str, str]]:
    """(command, what it does) of what can be done with the run now, the most useful first."""
    given = found.given or "RUN"
    steps = []
    if found.program is None:
        steps.append((f"owlbit check {given}/recipe.toml", "tells which changes to the recipe would make it fit"))
    elif not found.flash:
        steps.append((f"owlbit build {given}", "compiles the flash image"))
    if not found.verification:
        steps.append((f"owlbit verify {given}", "compares every backend with the reference, integer for integer"))
    if found.program is not None and found.flash:
        steps.append((f"iceprog {found.flash}", "flashes it: writes the image to a board with an iCE40 UP5K, from address 0"))
    steps.append((f"owlbit evaluate {given} --images FOLDER", "measures it on new photographs, one folder per class"))
    steps.append((f"owlbit sense {given}", "shows it at work behind a simulated sensor, in the browser"))
    return steps
