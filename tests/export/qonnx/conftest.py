"""What the tests of reading QONNX share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test writes the file that it has read."""
    return tmp_path / "wild.onnx"
