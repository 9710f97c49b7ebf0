"""The wrappers give no warning in `verilator --lint-only -Wall`; one module per file, each with its licence; so does the driver."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from owlbit.hw.soc.design import AXIS, RTL, WISHBONE, C, wrapper_sources
from owlbit.hw.verilator import lint, missing_tools

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror", f"-I{C}"]
FILES = sorted(RTL.rglob("*.v"))


@pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}")
@pytest.mark.parametrize("top", [AXIS, WISHBONE])
@pytest.mark.parametrize("defines", [(), ("OWL_MEMORY_BITS=10",)])
def test_no_warning(top: str, defines: tuple[str, ...]) -> None:
    assert lint(wrapper_sources(top), top, defines=defines) == []


def test_a_file_holds_one_module_of_its_name_and_names_its_licence() -> None:
    assert len(FILES) > 8
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert [line.split()[1] for line in text.splitlines() if line.startswith("module ")] == [path.stem]
        assert text.startswith("// SPDX-License-Identifier: Apache-2.0\n")


@pytest.mark.skipif(shutil.which("gcc") is None, reason="not run: no gcc on the path")
@pytest.mark.parametrize("compiler", ["-std=c99", "-std=c++11"])
def test_the_driver_compiles_without_a_warning(tmp_path: Path, compiler: str) -> None:
    language = "c" if compiler == "-std=c99" else "c++"
    uses = tmp_path / "uses.c"
    uses.write_text(
        '#include "owlbit_soc.h"\n'
        "int test(uintptr_t base, const uint8_t *image, uint32_t bytes, int16_t *scores);\n"
        "int test(uintptr_t base, const uint8_t *image, uint32_t bytes, int16_t *scores) {\n"
        "  owlbit_soc_shape shape;\n"
        "  return owlbit_soc_boot(base, image, bytes, &shape) || owlbit_soc_send(base, image, bytes) ||\n"
        "         owlbit_soc_scores(base, scores, shape.classes);\n"
        "}\n"
    )
    command = ["gcc", compiler, "-x", language, *STRICT, "-Os", "-c", str(uses), "-o", str(tmp_path / "uses.o")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
