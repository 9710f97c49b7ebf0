"""The memory of a training: what a step frees is kept for the next one, and what does not fit is said in one sentence.

glibc gives large blocks back to the system as soon as they are freed, and takes them from it again, page by page, a moment later:
each step of a network on 96x96 images cost a hundred thousand page faults, a third of its time. Results are the same.
"""

from __future__ import annotations

import ctypes
import functools
import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from owlbit.export.settings import SettingError
from owlbit.toolchain.recipes.recipe import Recipe
from owlbit.toolchain.training.distributed import accelerator

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt(3)
LARGEST_KEPT, KEPT = 1 << 30, (1 << 31) - 1  # bytes


@functools.cache
def keep_memory() -> bool:
    """Tells glibc to keep freed blocks up to 1 GiB, 2 GiB of them; False where there is another allocator. Once for a process."""
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    return bool(library.mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT) and library.mallopt(M_TRIM_THRESHOLD, KEPT))


@contextmanager
def told_when_full(recipe: Recipe) -> Iterator[None]:
    """Raises SettingError, with the batch of `recipe` and what to try, where what is done here finds no memory."""
    try:
        yield
    except RuntimeError as error:
        full = isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
        if not full:
            raise
    else:
        return
    on_gpu = accelerator() == "cuda"
    where = torch.cuda.get_device_name() if on_gpu else "this machine"
    batch = recipe.training.batch
    smaller = f"try {batch // 2}" if batch > 2 else "try a smaller network or smaller images"
    other = "" if recipe.training.precision == "bfloat16" else ', or precision = "bfloat16", whose maps take half the memory'
    wanted = f"a batch that fits the memory of {where}"
    raise SettingError(recipe.path, "training.batch", wanted, f"{batch}; {smaller}{other}; finished epochs are kept")
