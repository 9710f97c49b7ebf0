"""Durations in words, for estimates of how long a training takes."""

from __future__ import annotations


def in_words(seconds: float) -> str:
    """A duration of about so many seconds: "12 s", "3 min", "5 h"."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"
