"""What only Linux has is asked for only where Linux is needed; the rest works where it is hidden, as on macOS or Windows."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tiny_recipe import recipe_for

ROOT = Path(__file__).resolve().parents[1]
# Functions of `os` that Python documents as Linux's, or Unix', alone; the first can be hidden from what owlbit imports too.
HIDDEN = ("sched_getaffinity", "sched_setaffinity", "memfd_create", "eventfd", "pidfd_open", "splice", "copy_file_range")
LINUX_ONLY = (
    *HIDDEN,
    *("posix_fadvise", "fork", "forkpty", "setsid", "getuid", "geteuid", "mkfifo", "sysconf", "getloadavg", "uname"),
)
MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "pty")
# Where they are, and why that is no harm.
ALLOWED = {
    "export/machine.py": "asks whether there is such a call",
    "toolchain/runs/processor.py": "reads /proc/cpuinfo where there is one",
    "toolchain/benchmarks/simulators.py": "measures memory, of Linux alone",
    "toolchain/runs/run_lock.py": "locks by each system's own call",
    "toolchain/sensing/server/connections.py": "asks for a limit that Windows does not have, elsewhere alone",
}
HIDING = f"""
import os, sys
for name in {HIDDEN!r}:
    if hasattr(os, name):
        delattr(os, name)
from pathlib import Path
from owlbit.toolchain.runs import processor
processor.CPUINFO = Path("nowhere")
from owlbit.toolchain.cli.app import main
main()
"""


def linux_calls(path: Path) -> list[str]:
    """What a module says that only Linux, or only Unix, has."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
            and node.attr in LINUX_ONLY
        ):
            found.append(f"os.{node.attr}")
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name in MODULES]
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "/proc/" in node.value:
            found.append("/proc")
    return found


@pytest.mark.parametrize("folder", ["export", "hw", "models", "toolchain", "owlbit"])
def test_no_module_calls_what_linux_alone_has(folder: str) -> None:
    paths = [ROOT / "owlbit" / "__init__.py"] if folder == "owlbit" else sorted((ROOT / folder).rglob("*.py"))
    found = {path.relative_to(ROOT).as_posix(): linux_calls(path) for path in paths}
    assert {name: calls for name, calls in found.items() if calls and name not in ALLOWED} == {}
    assert all(found[name] for name in ALLOWED if name.startswith(f"{folder}/"))


def test_the_calls_are_found(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import os, fcntl\nos.sched_getaffinity(0)\nopen('/proc/self/status')\n")
    assert linux_calls(tmp_path / "bad.py") == ["fcntl", "os.sched_getaffinity", "/proc"]


@pytest.mark.parametrize(
    "words",
    [
        ["build", "zoo:digits", "--out", "build"],
        ["simulate", "zoo:digits", "--images", "pictures"],
        ["evaluate", "zoo:digits", "--images", "classes", "--quiet"],
        ["check", "recipe.toml"],
        ["sense", "--headless", "--frames", "5", "--full-speed"],
    ],
    ids=lambda words: words[0],
)
def test_commands_work_without_what_linux_alone_has(tmp_path: Path, words: list[str]) -> None:
    recipe_for(tmp_path)
    for folder in ("pictures", "classes/3"):
        (tmp_path / folder).mkdir(parents=True)
        Image.fromarray(np.full((16, 16), 100, np.uint8)).save(tmp_path / folder / "a.png")
    done = subprocess.run([sys.executable, "-c", HIDING, *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
