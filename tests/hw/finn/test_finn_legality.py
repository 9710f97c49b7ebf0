"""FINN's own words about a layer are given the name that the layer has in the user's file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from owlbit.hw.finn.legality import place_in_file
from qonnx_builder import Builder


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("MVAU_hls_1: no form for bits", " (product 2 of the file: node Conv_4, Conv)"),
        ("MVAU_0 has no form", " (product 1 of the file: node Conv_0, Conv)"),
        ("MVAU_rtl_7 has no form", " (one of the file's product nodes: Conv_0, Conv_4, MatMul_8)"),
        ("FMPadding must support zero", " (one of the file's padding nodes: Pad_2)"),
        ("FMPadding_rtl_0 must support zero", " (padding 1 of the file: node Pad_2, Pad)"),
        ("something else", ""),
    ],
)
def test_the_node_of_the_file_is_named(tmp_path: Path, reason: str, expected: str) -> None:
    b = Builder()
    x = b.add("Pad", b.thermometer(), b.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64), b.constant(-1.0))
    x = b.add("BipolarQuant", b.add("Conv", x, b.weights(4, 4, 3, 3)), 1.0)
    path = b.save(tmp_path / "m.onnx", b.head(x, 192))
    assert place_in_file(path, reason) == expected
