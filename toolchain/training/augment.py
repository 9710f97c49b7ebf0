"""Augmentation: training images varied batch by batch, as uint8 tensors on the device that trains.

In this order: mirrored, moved and enlarged or reduced; exposure and tint; a gray square that hides a part; under another light.
What is drawn for an image depends on the epoch's generator alone; the noise of dark pixels also on where they are computed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from owlbit.toolchain.data.dataset import Variations
from owlbit.toolchain.data.illumination import NOISE, darkness, tone_curves

HIDDEN = 128  # the gray of a square that hides a part


@dataclass(frozen=True, eq=False)
class Draws:
    """Of N images. `mirrored`: bool [N]; `moves`: int64 [2, N], rows and columns; None where the recipe has no such variation:
    `dark`: float32 [N]; `windows`: float32 [N], sides of the window that is seen over those of the image; `gains`: float32 [N, C];
    `holes`: float32 [2, N], centre of the hidden square as a share of rows and columns, whose side is `hole` pixels."""

    mirrored: Tensor
    moves: Tensor
    dark: Tensor | None = None
    windows: Tensor | None = None
    gains: Tensor | None = None
    holes: Tensor | None = None
    hole: int = 0

    def of(self, rows: Tensor) -> Draws:
        """Those of the images `rows`, int64 [M]."""

        def part(drawn: Tensor | None) -> Tensor | None:
            return None if drawn is None else drawn[rows]

        holes = None if self.holes is None else self.holes[:, rows]
        moved = self.moves[:, rows]
        dark = None if self.dark is None else self.dark[rows.to(self.dark.device)]
        return Draws(self.mirrored[rows], moved, dark, part(self.windows), part(self.gains), holes, self.hole)

    def to(self, device: torch.device) -> Draws:
        """The same on `device`, from where `vary` copies nothing but `dark`, which stays: its tone curves are computed by numpy."""

        def there(drawn: Tensor | None) -> Tensor | None:
            return None if drawn is None else drawn.to(device)

        mirrored, moves = self.mirrored.to(device), self.moves.to(device)
        return Draws(mirrored, moves, self.dark, there(self.windows), there(self.gains), there(self.holes), self.hole)


def draw(variations: Variations, count: int, generator: np.random.Generator, colours: int = 3) -> Draws:
    """Draws for `count` images of C = `colours`: mirrored with probability 1/2, everything else evenly within its range."""
    mirrored = generator.integers(0, 2, count).astype(bool) if variations.flip else np.zeros(count, bool)
    moves = generator.integers(-variations.shift, variations.shift + 1, size=(2, count))
    dark = None if variations.light == "day" else torch.from_numpy(darkness(variations.light, count, generator))
    windows = gains = holes = None
    if variations.zoom != (1.0, 1.0):
        windows = torch.from_numpy(generator.uniform(*variations.zoom, count).astype(np.float32))
    if variations.exposure or variations.tint:
        logarithms = generator.uniform(-variations.exposure, variations.exposure, (count, 1))
        logarithms = logarithms + generator.uniform(-variations.tint, variations.tint, (count, colours))
        gains = torch.from_numpy(np.exp(logarithms).astype(np.float32))
    if variations.cutout:
        holes = torch.from_numpy(generator.uniform(0, 1, (2, count)).astype(np.float32))
    return Draws(torch.from_numpy(mirrored), torch.from_numpy(moves), dark, windows, gains, holes, variations.cutout)


def vary(images: Tensor, draws: Draws, noise_seed: int) -> Tensor:
    """`images`, uint8 [N, C, H, W] on any device, each as `draws` says.

    Pixels at the edge are repeated beyond it; with a window they are mirrored there. `noise_seed`: of the noise of dark pixels.
    """
    images = _moved(images, draws) if draws.windows is None else _seen_through(images, draws, draws.windows)
    if draws.gains is not None:
        images = (images * draws.gains.to(images.device)[:, :, None, None]).round_().clamp_(0, 255).to(torch.uint8)
    if draws.holes is not None:
        images = _hidden(images, draws.holes, draws.hole)
    return images if draws.dark is None else _darkened(images, draws.dark, noise_seed)


def _moved(images: Tensor, draws: Draws) -> Tensor:
    asking_is_free = draws.moves.device.type == "cpu"  # of a GPU's values the host would have to wait for
    if asking_is_free and not (bool(draws.mirrored.any()) or bool(draws.moves.any())):
        return images
    device, (count, colours, height, width) = images.device, images.shape
    moves, mirrored = draws.moves.to(device), draws.mirrored.to(device)[:, None]
    rows = (torch.arange(height, device=device) + moves[0][:, None]).clamp(0, height - 1)
    columns = (torch.arange(width, device=device) + moves[1][:, None]).clamp(0, width - 1)
    columns = torch.where(mirrored, width - 1 - columns, columns)
    picture = torch.arange(count, device=device)[:, None, None, None]
    colour = torch.arange(colours, device=device)[None, :, None, None]
    return images[picture, colour, rows[:, None, :, None], columns[:, None, None, :]]


def _seen_through(images: Tensor, draws: Draws, windows: Tensor) -> Tensor:
    """The window, moved and mirrored, drawn at the image's own size with bilinear interpolation."""
    height, width = images.shape[2:]
    zeros = torch.zeros_like(windows)
    down, right = draws.moves[0] * (2 / height), draws.moves[1] * (2 / width)
    sides, right = torch.where(draws.mirrored, -windows, windows), torch.where(draws.mirrored, -right, right)
    places = torch.stack([torch.stack([sides, zeros, right], 1), torch.stack([zeros, windows, down], 1)], 1).float()
    grid = F.affine_grid(places.to(images.device), list(images.shape), align_corners=False)
    seen = F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return seen.round_().clamp_(0, 255).to(torch.uint8)


def _hidden(images: Tensor, centres: Tensor, side: int) -> Tensor:
    inside = []
    for centre, size in zip(centres.to(images.device), images.shape[2:], strict=True):
        first = (centre * size).long()[:, None] - side // 2
        places = torch.arange(size, device=images.device)
        inside.append((places >= first) & (places < first + side))
    square = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return images.masked_fill(square, HIDDEN)


def _darkened(images: Tensor, dark: Tensor, noise_seed: int) -> Tensor:
    device = images.device
    curves = torch.from_numpy(tone_curves(dark.numpy())).to(device)
    values = curves.gather(1, images.reshape(len(images), -1).long()).reshape(images.shape)
    generator = torch.Generator(device).manual_seed(noise_seed)
    noise = torch.randn(images.shape, generator=generator, device=device)
    values += NOISE * dark.to(device)[:, None, None, None] * noise
    return values.round_().clamp_(0, 255).to(torch.uint8)
