"""The trained network's way out: Brevitas module, QONNX executor and lowered network give the same integers for odd shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from owlbit.export.from_torch import export_module
from owlbit.export.network import BinaryLinear, LogicSkip, Thermometer
from owlbit.export.qonnx.execute import execute_qonnx
from owlbit.export.qonnx.read import read_qonnx
from owlbit.hw import fast
from owlbit.hw.reference import simulate
from owlbit.models.layer_table import Conv, Layer, Linear
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.networks.brevitas_twin import brevitas_twin
from random_nets import random_weights

torch.set_num_threads(1)

CASES: dict[str, tuple[tuple[int, int, int], int, tuple[Layer, ...]]] = {
    "gray, one threshold": ((1, 8, 8), 1, (Conv(8, pool=2),)),
    "gray, sixteen thresholds, not square": ((1, 8, 12), 16, (Conv(16, groups=4, pool=2), Conv(24, groups=8, shuffle=True))),
    "colour, strided, linear": (
        (3, 11, 9),
        5,
        (Conv(6, stride=2, groups=3), Conv(12, kernel=1, groups=6, shuffle=True), Linear(7)),
    ),
    "unpadded": ((3, 9, 8), 3, (Conv(8, padding=False), Conv(8, stride=2, groups=2, padding=False), Linear(6))),
    "logic skips": (
        (1, 8, 6),
        8,
        (Conv(8, skip="or"), Conv(8, groups=2, shuffle=True, skip="mux"), Conv(8, groups=4, shuffle=True, skip="xor"), Linear(9)),
    ),
    "depthwise": ((1, 7, 10), 4, (Conv(4, groups=4), Conv(8, kernel=1), Conv(8, groups=8, pool=2, shuffle=True))),
}


@pytest.mark.parametrize(("case", "pool_first"), [(case, index % 2 == 0) for index, case in enumerate(CASES)])
def test_three_rungs(case: str, pool_first: bool, tmp_path: Path) -> None:
    shape, levels, layers = CASES[case]
    net = random_weights(BinaryNet(shape, levels, layers, 4), seed=len(case))
    module = brevitas_twin(net, pool_first=pool_first).eval()
    path = tmp_path / "model.onnx"
    export_module(module, path, input_shape=shape, class_names=("a", "b", "c", "d"), name=case)
    network = read_qonnx(path)
    images = np.random.default_rng(0).integers(0, 256, (4, *shape), dtype=np.uint8)
    with torch.no_grad():
        scores = module(torch.from_numpy(images).float()).numpy()
    np.testing.assert_array_equal(simulate(network, images), scores)
    np.testing.assert_array_equal(fast.simulate(network, images), scores)
    gates = [layer.skip for layer in layers if isinstance(layer, Conv) and layer.skip]
    assert [layer.gate for layer in network.layers if isinstance(layer, LogicSkip)] == gates
    np.testing.assert_array_equal(execute_qonnx(path, images), scores)
    assert len(np.unique(scores)) > 1
    assert (network.name, network.class_names, network.score_factors) == (case, ("a", "b", "c", "d"), None)
    first = network.layers[0]
    assert isinstance(first, Thermometer)
    np.testing.assert_array_equal(first.thresholds, net.thermometer.integer_thresholds().numpy())
    assert any(isinstance(layer, BinaryLinear) for layer in network.layers) == ("Linear" in str(layers))
    onnx.checker.check_model(onnx.load(path))
