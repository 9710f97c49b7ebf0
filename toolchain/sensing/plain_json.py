"""JSON that every reader takes, for the page, the events and the webhook."""

from __future__ import annotations

import json
import math
from typing import Any


def to_json(content: Any, spaced: bool = False) -> str:
    """`content` as JSON, which knows neither NaN nor infinity: a number that is none of JSON's is null."""
    separators = (", ", ": ") if spaced else (",", ":")
    try:
        return json.dumps(content, separators=separators, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return json.dumps(_with_nulls(content), separators=separators, ensure_ascii=False, allow_nan=False)


def _with_nulls(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: _with_nulls(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_with_nulls(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
