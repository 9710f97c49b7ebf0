"""Keeps the memory that a training step frees within the process, for the next step.

glibc gives large blocks back to the system as soon as they are freed, and takes them from it again, page by page, a moment later:
each step of a network on 96x96 images cost a hundred thousand page faults, a third of its time. Results are the same.
"""

from __future__ import annotations

import ctypes
import functools
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt(3)
LARGEST_KEPT, KEPT = 1 << 30, (1 << 31) - 1  # bytes


@functools.cache
def keep_memory() -> bool:
    """Tells glibc to keep freed blocks up to 1 GiB, 2 GiB of them; False where there is another allocator. Once for a process."""
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    return bool(library.mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT) and library.mallopt(M_TRIM_THRESHOLD, KEPT))
