"""What training needs of a network, whatever it is made of: the base of `BinaryNet`, `ResNet18` and `XnorNet`."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from owlbit.models.layer_table import Shape
from owlbit.models.layers.binary import ACTIVATIONS, BinaryConv2d, BinaryLinear
from owlbit.models.layers.encodings import Encoding
from owlbit.models.layers.recu import centre

# `Trainable.fast` by the name of an arithmetic.
FAST: dict[str, torch.dtype | None] = {"float32": None, "float32-fast": torch.float32, "bfloat16": torch.bfloat16}


class Activated(nn.Module):
    """A part of a network with an activation that can be switched: `activation` is the function, `activation_name` its name."""

    def __init__(self, activation: str) -> None:
        super().__init__()
        self.set_activation(activation)

    def set_activation(self, name: str) -> None:
        """Switches to the activation `name` of `ACTIVATIONS`. Raises ValueError where there is none of that name."""
        if name not in ACTIVATIONS:
            raise ValueError(f"expected an activation out of {', '.join(ACTIVATIONS)}, got {name}")
        self.activation = ACTIVATIONS[name]
        self.activation_name = name


class Trainable(nn.Module, ABC):
    """Images [N, C, H, W] of values 0..255 to scores float32 [N, classes].

    `input_shape`: (C, H, W) of the image; `thermometer`: what turns pixels into the first layer's input; `fast`: the type of
    numbers of the fast form, for networks that have one (see `owlbit.models.layers.fused`), or None for the plain form.
    """

    input_shape: Shape
    thermometer: Encoding
    fast: torch.dtype | None = None

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Scores float32 [N, classes]; their largest is the class."""

    @abstractmethod
    def logits_and_points(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(logits, transfer points) of one pass, for a loss on both; see `logits` and `transfer_points`. Never `fast`."""

    @property
    @abstractmethod
    def undeployable(self) -> str:
        """One sentence that names the part which keeps the network from the hardware; "" where it deploys."""

    def logits(self, images: Tensor) -> Tensor:
        """What the loss is taken on: the scores, float32 [N, classes], or a positive multiple of them."""
        logits: Tensor = self(images)
        return logits

    def transfer_points(self, images: Tensor) -> list[Tensor]:
        """The feature maps real [N, C', H', W'] at the end of each block, first to last, for `owlbit.models.attention`."""
        return self.logits_and_points(images)[1]

    def binary_weights(self) -> list[nn.Parameter]:
        """The latent weights of every binary layer, in order; none in a float network."""
        return [module.weight for module in self.modules() if isinstance(module, BinaryConv2d | BinaryLinear)]

    def use_real_weights(self, real: bool) -> None:
        """Whether the binary layers multiply with real weights, not their signs: the first of two stages, and float networks."""
        for module in self.modules():
            if isinstance(module, BinaryConv2d | BinaryLinear):
                module.real = real

    def set_activation(self, name: str) -> None:
        """What follows the normalisations: a sign, "clipped" or "triangular" by its gradient, or in its place "tanh", "hardtanh" or
        "relu". Raises ValueError on another name."""
        for module in self.modules():
            if isinstance(module, Activated):
                module.set_activation(name)

    def set_tau(self, tau: float | None) -> None:
        """tau of ReCU's treatment of latent weights in all binary layers; None for none."""
        for module in self.modules():
            if isinstance(module, BinaryConv2d | BinaryLinear):
                module.tau = tau

    @torch.no_grad()
    def limit_latents(self) -> None:
        """Clips the latent weights to [-1, 1], or centres those of a layer with `tau`, filter by filter.

        To be called after each optimiser step with binary weights.
        """
        treated = {id(each.weight) for each in self.modules() if isinstance(each, BinaryConv2d | BinaryLinear) and each.tau}
        for weight in self.binary_weights():
            if id(weight) in treated:
                centre(weight)
            else:
                weight.clamp_(-1, 1)


def real_valued(kind: str, why: str) -> str:
    """`undeployable` of a network of `kind`; `why`: a clause, "whose ... are real-valued"."""
    return (
        f'network.kind: expected a network of binary layers alone, which is what the hardware computes, got "{kind}", {why}; such '
        "a network can be trained and measured but not exported: describe one with [input] and [[layers]]"
    )
