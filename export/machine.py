"""What this machine has, asked in a way that every operating system answers."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """How many cores this process may use: of Linux those that it is confined to, elsewhere all."""
    if hasattr(os, "sched_getaffinity"):  # Linux alone
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
