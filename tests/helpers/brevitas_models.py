"""Architectures that Brevitas comes with, their weights and normalisation random."""

from __future__ import annotations

import torch
from brevitas_examples.bnn_pynq.models import model_with_cfg  # type: ignore[import-untyped]
from torch import nn


def random_model(name: str) -> nn.Module:
    """The architecture with random weights and random normalisation of both signs; nothing is downloaded."""
    torch.manual_seed(0)
    module: nn.Module = model_with_cfg(name, False)[0]
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, -1, 1)
            nn.init.normal_(layer.bias)
            assert layer.running_mean is not None and layer.running_var is not None
            layer.running_mean.normal_(std=5)
            layer.running_var.uniform_(0.5, 50)
        if type(layer).__name__ == "TensorNorm":
            for tensor, value in ((layer.weight, 0.7), (layer.bias, 0.2), (layer.running_mean, 1.3), (layer.running_var, 3.7)):
                assert isinstance(tensor, torch.Tensor)
                tensor.data.fill_(value)
    return module.eval()
