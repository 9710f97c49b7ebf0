"""Torch networks with random weights, for tests: balanced activations, and BatchNorm slopes of both signs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from owlbit.models.layers.thermometer import LearnedThermometer, quantile_thresholds
from owlbit.models.networks.binary_net import BinaryNet


def smooth_images(count: int, shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
    """uint8 [N, C, H, W]: blurred noise of random brightness and contrast with a little grain, more like scenes than noise is."""
    colours, height, width = shape
    coarse = torch.rand(count, colours, height // 8 + 2, width // 8 + 2, generator=generator)
    blurred = F.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)
    contrast = 0.4 + 0.6 * torch.rand(count, 1, 1, 1, generator=generator)
    offset = (1 - contrast) * torch.rand(count, 1, 1, 1, generator=generator)
    grain = 0.03 * torch.randn(blurred.shape, generator=generator)
    return ((offset + contrast * blurred + grain) * 255).round().clamp(0, 255).to(torch.uint8)


@torch.no_grad()
def random_weights(net: BinaryNet, seed: int) -> BinaryNet:
    """Fills `net` in place with random numbers that depend on `seed` alone, and returns it in eval mode.

    Weights are fair coins; slopes lie in +-[0.5, 1.5], a quarter of them negative; BatchNorm statistics are measured on random
    smooth images layer by layer, so that about half of the activations are +1; thresholds start at those images' quantiles.
    """
    generator = torch.Generator().manual_seed(seed)
    images = smooth_images(4, net.input_shape, generator)
    if isinstance(net.thermometer, LearnedThermometer):
        net.thermometer.start_at(quantile_thresholds(images, net.thermometer.levels, shared=net.thermometer.shared))
    for weight in net.binary_weights():
        weight.copy_(torch.rand(weight.shape, generator=generator) - 0.5)
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        slopes = 0.5 + torch.rand(norm.weight.shape, generator=generator)
        flips = torch.rand(norm.weight.shape, generator=generator) < 0.25
        norm.weight.copy_(torch.where(flips, -slopes, slopes))
        norm.bias.copy_(0.3 * torch.randn(norm.bias.shape, generator=generator))
        norm.reset_running_stats()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0  # the statistics become those of the one batch that follows
    net.train()
    net(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return net.eval()
