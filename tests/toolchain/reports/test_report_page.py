"""The report: one page that needs nothing from outside, is well-formed, and shows the numbers it was given."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from owlbit.export.network import Network, Thermometer
from owlbit.export.network_cost import layer_costs
from owlbit.hw.reference import simulate
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.hw.verification import Row
from owlbit.toolchain.reports.figures import coded
from owlbit.toolchain.reports.findings import Findings
from owlbit.toolchain.reports.run_report import render_report
from owlbit.toolchain.runs.history import EpochRecord
from random_networks import random_fitting_network, random_images

VOID = {"meta", "img", "br", "link"}
VERIFICATION = (
    Row("reference", "reference", 24, 0.5),
    Row("rtl", "exact", 24, 2.0, 48_000),
    Row("bitstream", "not run", 0, 0.0, note="icebox_vlog is missing"),
)


class Balance(HTMLParser):
    """Fails on a tag that is closed out of order or never; collects addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href", "xlink:href", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href", "xlink:href", "data")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def find(network: Network) -> Findings:
    draw = np.random.default_rng(3)
    images = random_images(draw, network, 24)
    labels = np.arange(24) % network.classes
    return Findings(
        network=network,
        recipe='name = "doors"  # <b>mine</b>\n',
        histogram=draw.integers(0, 1000, (network.input_shape[0], 256)),
        test_images=images,
        test_labels=labels,
        scores=simulate(network, images),
        held_out=True,
        history=tuple(
            EpochRecord(epoch, 1 + epoch // 4, 1.0, 0.5 + epoch / 20, 1.0, 0.4 + epoch / 20, 0.1 / (epoch + 1), [[1]], 1.0)
            for epoch in range(8)
        ),
        best_epoch=6,
        program=compile_network(network),
        refusal="",
        verification=VERIFICATION,
    )


@pytest.fixture(params=[1, 3], ids=["gray", "colour"])
def found(request: pytest.FixtureRequest) -> Findings:
    draw = np.random.default_rng(11)
    while True:
        network = random_fitting_network(draw, max_size=12)
        if network.input_shape[0] == request.param and len(network.layers) > 3:
            names = tuple(f"<{index}>" for index in range(network.classes))
            return find(replace_names(network, names))


def replace_names(network: Network, names: tuple[str, ...]) -> Network:
    return Network(network.input_shape, network.layers, class_names=names, name="doors & windows")


def test_page_is_well_formed_and_stands_alone(found: Findings) -> None:
    page = render_report(found)
    balance = Balance()
    balance.feed(page)
    assert balance.open == []
    assert [address for address in balance.addresses if not address.startswith(("data:image/png;base64,", "#"))] == []
    assert not re.search(r"@import|url\((?!#)", page)
    assert "<script" not in page
    assert "prefers-color-scheme: dark" in page
    assert '<meta name="viewport"' in page


def test_figures_are_well_formed_and_take_the_pages_colours(found: Findings) -> None:
    figures = re.findall(r"<svg.*?</svg>", render_report(found), flags=re.DOTALL)
    assert len(figures) == 2
    for figure in figures:
        ElementTree.fromstring(figure)
        assert "var(--data" in figure
        assert "#0" not in figure.replace("url(#", "").replace('"#', "")


def test_names_are_escaped(found: Findings) -> None:
    page = render_report(found)
    assert "&lt;0&gt;" in page
    assert "<0>" not in page
    assert "doors &amp; windows" in page
    assert "&lt;b&gt;mine&lt;/b&gt;" in page


def test_numbers_are_those_found(found: Findings) -> None:
    page = render_report(found)
    right = int((found.predicted == found.test_labels).sum())
    assert f"{100 * right / 24:.2f} %" in page
    assert ">500 /s<" in page
    assert "1 of 2" in page
    assert "icebox_vlog is missing" in page
    assert found.program is not None
    assert f">{found.program.cycles_per_frame:,}<" in page
    for cost in layer_costs(found.network):
        assert f">{cost.name}<" in page
    counts = [int(text or 0) for text in re.findall(r"<td[^>]*>(\d*)</td>", page.split('class="heat"')[1].split("</table>")[0])]
    assert len(counts) == found.network.classes**2
    assert sum(counts) == 24


def test_validation_images_are_not_called_test_images(found: Findings) -> None:
    page = render_report(replace(found, held_out=False))
    assert "validation accuracy" in page
    assert "test accuracy" not in page
    assert "keeps none back for testing" in page


def test_a_network_that_does_not_fit_and_a_verification_not_run(found: Findings) -> None:
    page = render_report(replace(found, program=None, refusal="up5k: 12 words too many", verification=()))
    assert "up5k: 12 words too many" in page
    assert "Memory on the device" not in page
    assert "Not run yet" in page


def shades(page: str) -> list[tuple[int, float]]:
    """(images, opacity) of each cell of the confusion matrix that holds any."""
    heat = page.split('class="heat"')[1].split("</table>")[0]
    return [(int(count), float(shade)) for shade, count in re.findall(r"var\(--heat\) / ([\d.]+)\)\">(\d+)</td>", heat)]


def test_the_shade_of_the_confusion_matrix_is_the_share_of_the_row_right_or_wrong(found: Findings) -> None:
    classes = found.network.classes
    labels, said = np.zeros(49, np.int64), np.where(np.arange(49) < 39, 0, 1)
    scores = np.eye(classes, dtype=np.int64)[said]
    page = render_report(replace(found, test_images=found.test_images[np.arange(49) % 24], test_labels=labels, scores=scores))
    cells = dict(shades(page))
    assert set(cells) == {39, 10} and cells[39] > cells[10]
    rate = re.search(r"lies between ([\d.]+) % and ([\d.]+) %", page.replace("\n", " "))
    assert rate is not None and float(rate[1]) < 100 * 39 / 49 < float(rate[2])


def test_wrong_images_are_shown_the_most_wrong_first(found: Findings) -> None:
    page = render_report(found)
    wrong = found.wrong
    assert len(wrong) == 24 - found.right
    margins = [int(found.scores[i].max() - found.scores[i, found.test_labels[i]]) for i in wrong]
    assert margins == sorted(margins, reverse=True)
    strip = page.split('class="strip wrong"')[1].split("</section>")[0]
    captions = [html.unescape(text) for text in re.findall(r"<span>(.*?)</span>", strip)]
    names = found.network.class_names
    assert captions == [f"{names[found.test_labels[i]]}, taken for {names[found.predicted[i]]}" for i in wrong]
    perfect = np.eye(found.network.classes, dtype=np.int64)[found.test_labels]
    assert "What it gets wrong" not in render_report(replace(found, scores=perfect))


def test_next_steps_are_those_that_are_left(found: Findings) -> None:
    def commands(**changes: Any) -> list[str]:
        page = render_report(replace(found, given="runs/doors", **changes))
        return re.findall(r"<code>(.*?)</code>", page)

    after = ["owlbit evaluate runs/doors --images FOLDER", "owlbit sense runs/doors"]
    assert commands() == ["owlbit build runs/doors", *after]
    assert commands(flash="runs/doors/up5k/flash.bin") == ["iceprog runs/doors/up5k/flash.bin", *after]
    assert commands(verification=())[1] == "owlbit verify runs/doors"
    assert commands(program=None, refusal="too large")[0] == "owlbit check runs/doors/recipe.toml"


def test_each_notice_is_there_once(found: Findings) -> None:
    rows = (*VERIFICATION[:1], *(Row(name, "not run", 0, 0.0, note="Verilator is missing") for name in ("rtl", "bitstream")))
    page = render_report(replace(found, verification=rows, skipped=2))
    assert page.count("Verilator is missing") == 1 and "rtl, bitstream: Verilator is missing" in page
    assert page.count("2 pictures could not be read and were left out") == 1


def test_the_thermometer_as_a_picture() -> None:
    thermometer = Thermometer(np.array([[10, 100, 200]], dtype=np.int32))
    pixels = np.array([[[0, 9, 10, 99, 100, 199, 200, 255]]], dtype=np.uint8)
    assert coded(thermometer, pixels).tolist() == [[[0, 0, 85, 85, 170, 170, 255, 255]]]
