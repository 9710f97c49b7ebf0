"""BatchNorm over a batch that several processes share, on any device; torch's own needs a GPU."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce


def _total(values: Tensor) -> Tensor:
    """The sum over processes, which gradients pass through."""
    total: Tensor = all_reduce(values)  # type: ignore[no-untyped-call]
    return total


class SyncedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """[N, C] or [N, C, H, W]: in training mode mean and variance are those of all processes' values, and so are the gradients."""

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in (2, 4):
            raise ValueError(f"expected [N, C] or [N, C, H, W], got {list(input.shape)}")

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            unchanged: Tensor = super().forward(input)
            return unchanged
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        axes = [axis for axis in range(input.ndim) if axis != 1]
        values = input.float()
        count = values.numel() // values.shape[1] * dist.get_world_size()
        mean = _total(values.sum(axes)) / count
        shape = (1, -1, *[1] * (input.ndim - 2))
        centred = values - mean.view(shape)
        variance = _total(centred.square().sum(axes)) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * (count / max(1, count - 1)), momentum)
        normalised = centred * (variance + self.eps).rsqrt().view(shape)
        result: Tensor = (normalised * self.weight.view(shape) + self.bias.view(shape)).to(input.dtype)
        return result


def sync_norms(module: nn.Module) -> None:
    """Puts a `SyncedBatchNorm` with the same parameters in the place of every BatchNorm within `module`."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
            synced = SyncedBatchNorm(child.num_features, child.eps, child.momentum)
            synced.weight, synced.bias = child.weight, child.bias
            for buffer in ("running_mean", "running_var", "num_batches_tracked"):
                synced.register_buffer(buffer, getattr(child, buffer))
            setattr(module, name, synced.train(child.training))
        else:
            sync_norms(child)
