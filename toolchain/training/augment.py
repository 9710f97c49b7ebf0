"""Training images varied batch by batch, as uint8 tensors on the device that trains: mirrored, moved, under another light.

What is drawn for an image depends on the epoch's generator alone; the noise of dark pixels also on where they are computed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from owlbit.toolchain.data.dataset import Variations
from owlbit.toolchain.data.illumination import NOISE, darkness, tone_curves


@dataclass(frozen=True, eq=False)
class Draws:
    """Of N images. `mirrored`: bool [N]; `moves`: int64 [2, N], rows and columns; `dark`: float32 [N], None by day."""

    mirrored: Tensor
    moves: Tensor
    dark: Tensor | None

    def of(self, rows: Tensor) -> Draws:
        """Those of the images `rows`, int64 [M]."""
        return Draws(self.mirrored[rows], self.moves[:, rows], None if self.dark is None else self.dark[rows])


def draw(variations: Variations, count: int, generator: np.random.Generator) -> Draws:
    """Draws for `count` images: mirrored with probability 1/2, moved evenly within the shift."""
    mirrored = generator.integers(0, 2, count).astype(bool) if variations.flip else np.zeros(count, bool)
    moves = generator.integers(-variations.shift, variations.shift + 1, size=(2, count))
    dark = None if variations.light == "day" else torch.from_numpy(darkness(variations.light, count, generator))
    return Draws(torch.from_numpy(mirrored), torch.from_numpy(moves), dark)


def vary(images: Tensor, draws: Draws, noise_seed: int) -> Tensor:
    """`images`, uint8 [N, C, H, W] on any device, each as `draws` says; pixels at the edge are repeated beyond it.

    `noise_seed`: of the noise of dark pixels.
    """
    device, (count, colours, height, width) = images.device, images.shape
    if bool(draws.mirrored.any()) or bool(draws.moves.any()):
        moves, mirrored = draws.moves.to(device), draws.mirrored.to(device)[:, None]
        rows = (torch.arange(height, device=device) + moves[0][:, None]).clamp(0, height - 1)
        columns = (torch.arange(width, device=device) + moves[1][:, None]).clamp(0, width - 1)
        columns = torch.where(mirrored, width - 1 - columns, columns)
        picture = torch.arange(count, device=device)[:, None, None, None]
        colour = torch.arange(colours, device=device)[None, :, None, None]
        images = images[picture, colour, rows[:, None, :, None], columns[:, None, None, :]]
    if draws.dark is None:
        return images
    curves = torch.from_numpy(tone_curves(draws.dark.numpy())).to(device)
    values = curves.gather(1, images.reshape(count, -1).long()).reshape(images.shape)
    generator = torch.Generator(device).manual_seed(noise_seed)
    noise = torch.randn(images.shape, generator=generator, device=device)
    values += NOISE * draws.dark.to(device)[:, None, None, None] * noise
    return values.round_().clamp_(0, 255).to(torch.uint8)
