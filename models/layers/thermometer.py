"""The learned input encoding (Generic Learned Thermometer): pixels to bits by comparing them with thresholds that training moves.

The idea (thresholds per colour learned jointly with a fully-binarised network, in place of a natural-binary converter) is that of
Nguyen and Guicquero, "End-to-end fully-binarized network design: from Generic Learned Thermometer to Block Pruning", arXiv
2505.13462. The parametrisation and the gradient below are our own reconstruction.

Parametrisation. With T thresholds per colour and T + 1 latents z, c_t = softmax(z)_0 + ... + softmax(z)_t rises from 0 to 1 and

    threshold_t = (t + 1) + (255 - T) * c_t,          t = 0 .. T - 1.

Two thresholds are therefore at least one grey level apart whatever the latents are. Rounding only the second term keeps that: the
integers (t + 1) + round((255 - T) * c_t) rise strictly and lie in 1..255, so no two collide and none is out of a pixel's range.

Forward, in training and in eval mode alike, is the hardware's comparison: pixel >= integer threshold. Backward, the step is
replaced by a triangle of unit area around the threshold whose half width is the mean distance to its two neighbours, or several
times that at first (`window`), falling to it as training goes on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from owlbit.models.layers.encodings import Encoding

SMALLEST_SHARE = 1e-4  # of the range, between two thresholds at the start: a share of zero would be a latent of minus infinity
SMALLEST_HALF_WIDTH = 2.0  # grey levels: below that hardly any pixel would move the threshold


class LearnedThermometer(Encoding):
    """uint8 or float images [N, C, H, W] of values 0..255 to signs [N, C*T, H, W], laid out channels last in training.

    Channel c*T + t is threshold t of colour c. `colours`: C; `levels`: T in 1..128; `thresholds`: float [C, T] in 0..255, rising,
    where to start (uniformly spaced when None); `shared`: one set of thresholds for all colours. Raises ValueError on another shape
    or range. `window`: how many times as wide as at the end the window of the gradient is at first.
    """

    def __init__(self, colours: int, levels: int, thresholds: Tensor | None = None, *, shared: bool = False) -> None:
        super().__init__(colours, levels)
        if not 1 <= levels <= 128:
            raise ValueError(f"expected 1 to 128 thresholds per colour, got {levels}")
        self.shared = shared
        self.window = 1.0
        self.set_progress(0.0)
        self.latents = nn.Parameter(torch.zeros(1 if shared else colours, levels + 1))
        if thresholds is not None:
            self.start_at(thresholds)

    @torch.no_grad()
    def start_at(self, thresholds: Tensor) -> None:
        """Moves the thresholds to `thresholds`, float [C, T], as nearly as one grey level of distance allows.

        Where they are shared, to their mean over the colours.
        """
        if thresholds.shape != (self.colours, self.levels):
            raise ValueError(f"expected thresholds [{self.colours}, {self.levels}], got {list(thresholds.shape)}")
        if self.shared:
            thresholds = thresholds.mean(0, keepdim=True)
        steps = torch.arange(1, self.levels + 1)
        shares = ((thresholds.double() - steps) / (255 - self.levels)).clamp(0, 1).cummax(1).values
        edges = torch.cat([torch.zeros_like(shares[:, :1]), shares, torch.ones_like(shares[:, :1])], 1)
        increments = edges.diff(dim=1).clamp(min=SMALLEST_SHARE)
        self.latents.copy_((increments / increments.sum(1, keepdim=True)).log())

    def set_progress(self, progress: float) -> None:
        """How much of training is over, 0..1: the window is `window` to the power of 1 - `progress` times as wide as at the end."""
        self.progress = progress

    def _shares(self) -> Tensor:
        # float64: the integers must not hang on how a processor rounds a float32 sum
        return self.latents.double().softmax(1).cumsum(1)[:, :-1].clamp(max=1).expand(self.colours, -1)

    def thresholds(self) -> Tensor:
        """float32 [C, T]: the thresholds before rounding, differentiable."""
        steps = torch.arange(1, self.levels + 1, device=self.latents.device)
        return (steps + (255 - self.levels) * self._shares()).float()

    @torch.no_grad()
    def integer_thresholds(self) -> Tensor:
        """int64 [C, T] in 1..255, strictly rising along T: what both modes, and the hardware, compare with."""
        steps = torch.arange(1, self.levels + 1, device=self.latents.device)
        return steps + ((255 - self.levels) * self._shares() + 0.5).floor().long()

    @torch.no_grad()
    def _half_widths(self, integers: Tensor) -> Tensor:
        low, high = torch.zeros_like(integers[:, :1]), torch.full_like(integers[:, :1], 256)
        edges = torch.cat([low, integers, high], 1)
        spacing = ((edges[:, 2:] - edges[:, :-2]) / 2).clamp(min=SMALLEST_HALF_WIDTH)
        return spacing * float(self.window ** (1 - self.progress))

    @torch.no_grad()
    def codes(self) -> Tensor:
        """float32 [C, 256, T]: the sign of each threshold at each value of a pixel."""
        return (self._distances() >= 0).float().mul_(2).sub_(1)

    @torch.no_grad()
    def slopes(self) -> Tensor:
        """float32 [C, 256, T]: the derivatives of those signs by the thresholds before rounding."""
        half_widths = self._half_widths(self.integer_thresholds()).unsqueeze(1)
        # The output steps by 2 at the threshold, so minus twice a window of unit area is its derivative.
        return -2 * (1 - (self._distances() / half_widths).abs()).clamp(min=0) / half_widths

    def _distances(self) -> Tensor:
        values = torch.arange(256, device=self.latents.device).view(1, 256, 1)
        return values - self.integer_thresholds().unsqueeze(1)

    def learned(self) -> tuple[Tensor, Tensor] | None:
        return (self.thresholds(), self.slopes()) if self.latents.requires_grad else None


def quantile_thresholds(images: Tensor, levels: int, *, shared: bool = False) -> Tensor:
    """Where to start: float32 [C, T], the levels between which equally many pixels of `images`, uint8 [N, C, H, W], lie.

    `shared`: the quantiles of all colours together, the same in every row.
    """
    if images.dtype != torch.uint8 or images.ndim != 4:
        raise ValueError(f"expected uint8 images [N, C, H, W], got {images.dtype} {list(images.shape)}")
    shares = torch.arange(1, levels + 1) / (levels + 1)
    if shared:
        pooled = quantile_thresholds(images.reshape(1, 1, 1, -1), levels)
        return pooled.expand(images.shape[1], -1)
    rows = []
    for pixels in images.transpose(0, 1).flatten(1):
        counts = torch.bincount(pixels.long(), minlength=256)
        rows.append(torch.searchsorted(counts.cumsum(0) / counts.sum(), shares).float() + 0.5)
    return torch.stack(rows)
