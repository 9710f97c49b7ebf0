"""The comparison of simulators: its float equivalents compute the same network, and its tables say what was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from owlbit.export.network import Network, OrPool
from owlbit.export.network_cost import layer_costs, total_cost
from owlbit.hw import reference
from owlbit.hw.fast.kernels import LANES
from owlbit.toolchain.benchmarks import roofline
from owlbit.toolchain.benchmarks import simulators as bench_simulators
from owlbit.toolchain.benchmarks.simulator_networks import cifar_sized, reference96, torch_equivalent, write_float_onnx
from random_networks import random_images, random_network


def plain_network(seed: int) -> Network:
    """Small, and padded alike on opposite sides, as torch pads."""
    return random_network(np.random.default_rng(seed), plain=True, max_size=8, min_size=3, max_channels=20, skip=False)


@pytest.mark.parametrize("seed", range(12))
def test_float_equivalents_give_the_references_integers(seed: int, tmp_path: Path) -> None:
    import onnxruntime  # type: ignore[import-untyped]

    network = plain_network(seed)
    images = random_images(np.random.default_rng(seed), network, 3)
    expected = reference.simulate(network, images)
    floats = images.astype(np.float32)
    np.testing.assert_array_equal(torch_equivalent(network, "float32")(floats), expected)
    write_float_onnx(network, tmp_path / "float.onnx", len(images))
    session = onnxruntime.InferenceSession(str(tmp_path / "float.onnx"), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(None, {"image": floats})[0], expected)


def test_networks_have_the_sizes_that_the_table_names() -> None:
    large, small = total_cost(layer_costs(reference96())), total_cost(layer_costs(cifar_sized()))
    assert (large.weight_bits, large.macs) == (589_824, 201_765_888)
    assert (small.weight_bits, small.macs) == (943_616, 75_579_392)
    assert sum(isinstance(layer, OrPool) for layer in reference96().layers) == 5


def test_compares_everything_that_is_installed() -> None:
    table, figures = bench_simulators.compare(plain_network(3), 64, 1)
    names = [row[0] for row in table.rows]
    assert names[:3] == ["fast", "reference", "QONNX executor"]
    assert sum(name.startswith(("torch eval", "onnxruntime")) for name in names) == 3
    integers = {row[0]: row[3] for row in table.rows}
    assert all(verdict == "same" for name, verdict in integers.items() if name in ("fast", "reference", "QONNX executor"))
    assert figures["fast"] == 1 and figures["QONNX executor"] > 0 and 0 < figures["share"] < 1


def test_a_missed_target_is_called_missed() -> None:
    figures = {"onnxruntime": 2.9, "QONNX executor": 500.0, "share": 0.39}
    verdicts = [row[-1] for row in bench_simulators.targets(figures, first=0.99, peak=500).rows]
    assert verdicts == ["missed", "reached", "missed", "missed", "reached"]


def test_tables_are_markdown() -> None:
    text = bench_simulators.Table("title", ("a", "bb"), [("1", "2"), ("333", "4")]).markdown()
    assert text == "**title**\n\n| a   | bb |\n|-----|----|\n| 1   | 2  |\n| 333 | 4  |"


def test_a_fresh_process_streams_images() -> None:
    first, peak = bench_simulators.fresh_process(plain_network(4))
    assert 0 < first < 60 and 50 < peak < 500


def test_the_roofline_loops_do_not_lose_their_counts() -> None:
    """Nothing is optimised away: every accumulator is stored, with the popcount that numpy finds."""
    for loop, _ in roofline.LOOPS:
        x, w = roofline.operands()
        vectors, words = x.reshape(-1, LANES).copy(), w.copy()
        loop(x, w, 1)
        counts = np.zeros((8, LANES), np.int64)
        if loop is roofline.tile:
            for i in range(roofline.STEPS):
                for k in range(8):
                    counts[k] += np.bitwise_count(vectors[2 * i + k % 2] ^ words[4 * i + k // 2])
        else:
            for i in range(2 * roofline.STEPS):
                counts[i % 8] += np.bitwise_count(vectors[i] ^ words[0])
        np.testing.assert_array_equal(x.reshape(-1, LANES)[:8], counts)
