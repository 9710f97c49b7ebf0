"""Memory that a step frees is there for the next one, without page faults; what finds no memory is told with the batch."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.training.batches import Batch
from owlbit.toolchain.training.memory import told_when_full
from owlbit.toolchain.training.module import PhaseModule
from owlbit.toolchain.training.train import train
from tiny_recipe import quiet, recipe_for

CODE = """
import resource, sys
import torch
from owlbit.toolchain.training.memory import keep_memory

if sys.argv[1] == "keep":
    assert keep_memory()
faults = []
for _ in range(30):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(10_000_000)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(min(faults))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator than glibc's")
def test_blocks_are_kept() -> None:
    faults = {
        how: int(subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True).stdout)
        for how in ("keep", "give back")
    }
    assert faults["keep"] < 100 < faults["give back"]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to"),
    ],
    ids=["gpu", "processor"],
)
def test_a_batch_that_does_not_fit_is_named_and_epochs_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    recipe = recipe_for(tmp_path)
    train(recipe, tmp_path / "run", console=quiet(), stop_after=1)
    before = (tmp_path / "run" / "last.ckpt").read_bytes()

    def full(self: PhaseModule, batch: Batch, index: int) -> torch.Tensor:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(PhaseModule, "training_step", full)
        with pytest.raises(OwlbitError) as told:
            train(recipe, tmp_path / "run", console=quiet(), resume=True)
    wanted = "training.batch: expected a batch that fits the memory of this machine, got 16; try 8, or precision"
    assert wanted in str(told.value) and "finished epochs are kept" in str(told.value) and "\n" not in str(told.value)
    assert (tmp_path / "run" / "last.ckpt").read_bytes() == before
    assert train(recipe, tmp_path / "run", console=quiet(), resume=True) is not None


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="another"), told_when_full(recipe_for(tmp_path)):
        raise RuntimeError("another")
