"""search.html: one self-contained page about a search."""

from __future__ import annotations

PAGE = "search.html"
