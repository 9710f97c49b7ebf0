"""Two processes with half a batch each: normalisation and averaged gradients are those of one process with the whole batch."""

from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F

from owlbit.models.layer_table import Conv, Linear
from owlbit.models.layers.synced_norm import sync_norms
from owlbit.models.networks.binary_net import BinaryNet

LAYERS = (Conv(32, pool=2), Conv(32, groups=2, shuffle=True), Linear(24))
PROCESSES = 2


def gradients(fast: torch.dtype | None, part: slice, synced: bool) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Of a loss over the images of `part`, and the running statistics after it."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (32, 3, 12, 12), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 5, (32,), generator=generator)
    torch.manual_seed(0)
    net = BinaryNet((3, 12, 12), 4, LAYERS, 5, activation="triangular").train()
    if synced:
        sync_norms(net)
    net.fast = fast
    torch.autograd.backward(F.cross_entropy(net.logits(images[part]), labels[part]))
    found = {name: parameter.grad for name, parameter in net.named_parameters()}
    found |= {name: buffer for name, buffer in net.named_buffers() if "running" in name}
    for tensor in found.values():
        assert tensor is not None
        if synced:
            dist.all_reduce(tensor)
            tensor /= PROCESSES
    return {name: tensor.numpy() for name, tensor in found.items() if tensor is not None}


def work(rank: int, folder: str, fast: torch.dtype | None) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=PROCESSES)
    share = 32 // PROCESSES
    found = gradients(fast, slice(rank * share, (rank + 1) * share), synced=True)
    if rank == 0:
        np.savez(Path(folder) / "found.npz", allow_pickle=False, **found)
    dist.destroy_process_group()


@pytest.mark.parametrize("fast", [None, torch.float32, torch.bfloat16])
def test_gradients_and_statistics_are_those_of_the_whole_batch(tmp_path: Path, fast: torch.dtype | None) -> None:
    context = get_context("spawn")
    processes = [context.Process(target=work, args=(rank, str(tmp_path), fast)) for rank in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    whole = gradients(fast, slice(None), synced=False)
    with np.load(tmp_path / "found.npz") as found:
        assert set(found) == set(whole)
        for name, expected in whole.items():
            scale = float(abs(expected).max())
            np.testing.assert_allclose(
                found[name], expected, rtol=1e-3, atol=(2e-2 if fast == torch.bfloat16 else 1e-4) * scale, err_msg=name
            )
