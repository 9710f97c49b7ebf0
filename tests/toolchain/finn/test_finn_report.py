"""The page about a network on AMD parts: self-contained, every layer and what is left out in it, parts with their bitstreams."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from owlbit.hw.finn.folding.choices import Choice, Layer
from owlbit.hw.finn.folding.compare_parts import COMPARED, compare_parts
from owlbit.hw.finn.folding.estimates import Estimates, LayerEstimate, LeftOut
from owlbit.hw.finn.folding.search import frontier
from owlbit.toolchain.finn.published import MVAUS, published_folding, rounded_bram18
from owlbit.toolchain.finn.report import render_report, write_report

LAYERS = [
    Layer(("MVAU_hls_0",), (Choice(({"PE": 8},), 1_000, 4_000, 2, 0, 8), Choice(({"PE": 1},), 8_000, 700, 1, 0, 1))),
    Layer(("Pool_hls_0",), (Choice(({"PE": 1},), 500, 0, 0, 0, 1),)),
]


@pytest.fixture
def estimates() -> Estimates:
    layers = (
        LayerEstimate("MVAU_hls_0", "72 to 16, 64 pixels, 1x1 bit", "PE 8, SIMD 9", 1_000, 4_000, 2, 0, 0, False),
        LayerEstimate("Pool_hls_0", "output <4x4>", "PE 1", 500, 0, 0, 0, 0, True),
    )
    left_out = (LeftOut("Pool layers, which FINN has no formula for", 1, None), LeftOut("FIFOs", 3, 120))
    return Estimates(100e6, layers, left_out)


def test_sums_and_the_bottleneck(estimates: Estimates) -> None:
    assert (estimates.cycles, estimates.bottleneck.name, estimates.frames_per_second) == (1_000, "MVAU_hls_0", 100_000)
    assert (estimates.luts, estimates.luts_with_left_out, estimates.bram18) == (4_000, 4_120, 2)


def test_the_page_has_everything_and_needs_nothing(estimates: Estimates) -> None:
    page = render_report("a <network>", "xc7s15ftgb196-1", estimates, compare_parts(estimates, LAYERS), frontier(LAYERS))
    assert not re.search(r'(src|href)="(?!data:)(?!#)', page) and "http" not in page.replace("http://www.w3.org", "")
    assert "a &lt;network&gt; on AMD parts" in page and "output &lt;4x4&gt;" in page
    for text in ("<b>MVAU_hls_0</b>", "no price", "100,000 /s", "539 kB", "bitstream of an xc7s15", "4,120", "DS180 Table 2"):
        assert text in page, text
    assert all(device in page for device in COMPARED)


def test_a_part_of_unknown_size_is_left_without_its_use(estimates: Estimates) -> None:
    page = render_report("net", "xc7z045ffg900-2", estimates, compare_parts(estimates, LAYERS), frontier(LAYERS))
    assert "Use of" not in page and "Other parts" in page


def test_the_json_says_the_same(estimates: Estimates, tmp_path: Path) -> None:
    write_report(tmp_path, "net", "xc7s15", estimates, compare_parts(estimates, LAYERS), frontier(LAYERS))
    found = json.loads((tmp_path / "finn.json").read_text(encoding="utf-8"))
    assert found["estimates"]["cycles"] == 1_000 and found["estimates"]["layers"][1]["unpriced"]
    smallest = next(one for one in found["parts"] if one["part"]["device"] == "xc7s15")
    assert smallest["part"]["bitstream_bytes"] == 538_844 and smallest["this_folding_fits"]
    assert smallest["best"]["folding"] == {"MVAU_hls_0": {"PE": 8}, "Pool_hls_0": {"PE": 1}}


@pytest.mark.parametrize(
    ("width", "depth", "halves"),
    [(36, 512, 1), (37, 512, 2), (18, 1024, 1), (1, 16384, 1), (1, 16385, 2), (128, 2304, 30), (32, 18432, 64), (4, 32768, 8)],
)
def test_memories_are_rounded_up_to_powers_of_two(width: int, depth: int, halves: int) -> None:
    assert rounded_bram18(width, depth) == halves


def test_the_published_folding_is_legal_for_cnv() -> None:
    shapes = ((27, 64), (576, 64), (576, 128), (1152, 128), (1152, 256), (2304, 256), (256, 512), (512, 512), (512, 10))
    assert all(mw % simd == 0 and mh % pe == 0 for (mw, mh), (pe, simd) in zip(shapes, MVAUS, strict=True))
    assert published_folding()["MVAU_hls_1"] == {"PE": 32, "SIMD": 32, "ram_style": "auto"}
