"""What tests of several folders share: the wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from installing import ROOT, build


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built once."""
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel") / "out")
