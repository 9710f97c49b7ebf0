"""FINN and Vivado: which ones are here, what is wrong with them in one sentence, and FINN as a library without Vivado.

FINN is the package finn-plus, which `make finn` installs into the same environment. Where Vivado is found, a build goes on to its
steps.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from owlbit.export.errors import OwlbitError
from owlbit.export.files import make_folder
from owlbit.hw.external_tools import ToolMissing

PACKAGE = "finn-plus"
VERSION = "1.6.1"
PYTHON = (3, 11)  # the newest that finn-plus 1.6.1 runs on
VIVADO_VERSIONS = ("2022.2", "2024.2")  # those that finn-plus 1.6.1 is made for


@dataclass(frozen=True)
class Vivado:
    """An installation: the folder that XILINX_VIVADO names, and the version in the folder's name."""

    folder: Path
    version: str


def check_finn() -> None:
    """ToolMissing, saying what is wrong, unless finn-plus of the version that this was written for is installed."""
    if sys.version_info[:2] != PYTHON:
        here = "{}.{}".format(*sys.version_info)
        raise ToolMissing(
            f"FINN: {PACKAGE} {VERSION} needs Python {'.'.join(map(str, PYTHON))}, this is {here}; "
            f"make an environment for it, `make PYTHON=python3.11 finn` in the checkout"
        )
    try:
        found = importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        spec = importlib.util.find_spec("finn")
        other = "it" if spec is None else f"another FINN ({', '.join(spec.submodule_search_locations or [])})"
        problem = f"found {other} instead" if spec is not None else "it is not installed"
        raise ToolMissing(f"FINN: expected {PACKAGE} {VERSION}, {problem}; run `make finn` in the checkout") from None
    if found != VERSION:
        raise ToolMissing(f"FINN: expected {PACKAGE} {VERSION}, found {PACKAGE} {found}; run `make finn` in the checkout")


def find_vivado() -> Vivado | None:
    """The Vivado that XILINX_VIVADO names or whose `vivado` is on the PATH, None where there is none.

    OwlbitError where XILINX_VIVADO names no folder, where no version can be read off the folder's name, and for a version that FINN
    does not work with.
    """
    named, program = os.environ.get("XILINX_VIVADO"), shutil.which("vivado")
    if not named and not program:
        return None
    folder = Path(named) if named else Path(str(program)).resolve().parents[1]
    if not folder.is_dir():
        raise OwlbitError(f"XILINX_VIVADO: expected the folder of a Vivado installation, got {folder}, which does not exist")
    version = re.search(r"\b20\d{2}\.\d\b", str(folder))
    known = " and ".join(VIVADO_VERSIONS)
    if version is None or version[0] not in VIVADO_VERSIONS:
        found = f"Vivado {version[0]}" if version else "no version in the name"
        raise OwlbitError(
            f"Vivado: expected version {known}, got {found} of {folder}; source another settings64.sh, "
            "or unset XILINX_VIVADO to build without"
        )
    return Vivado(folder, version[0])


def sources_folder(default: Path) -> Path:
    """Where FINN generates sources: FINN_BUILD_DIR where the environment names one, else `default`.

    OwlbitError where FINN_BUILD_DIR cannot be written.
    """
    named = os.environ.get("FINN_BUILD_DIR")
    if not named:
        return default.absolute()
    folder = Path(named).absolute()
    try:
        make_folder(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, OwlbitError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise OwlbitError(
            f"FINN_BUILD_DIR: expected a folder that can be written, got {folder} ({reason}); "
            "choose another one or unset the variable"
        ) from None
    return folder


@contextmanager
def finn_environment(folder: Path, vivado: Vivado | None) -> Iterator[None]:
    """Makes `finn.builder` importable, with sources going to `folder`, while the block runs; then the environment is as before.

    Without Vivado, the import of finn.builder would insist on Vivado's simulation interface, so its names are bound to what refuses
    to run. Raises ToolMissing for no FINN or another one.
    """
    check_finn()
    settings = folder / "settings.yaml"  # does not exist: FINN's defaults hold, and no folder is made in the user's home
    workers = os.environ.get("NUM_DEFAULT_WORKERS") or str(os.cpu_count() or 1)
    variables = {"FINN_BUILD_DIR": str(folder), "FINN_SETTINGS": str(settings), "NUM_DEFAULT_WORKERS": workers}
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from finn import xsi
            from finn.util import settings as finn_settings
        finn_settings._SETTINGS = None  # what an earlier build in this process has set
        if vivado is None:
            for name in xsi._LAZY_NAMES:
                setattr(xsi, name, _no_simulation)
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _no_simulation(*_: Any, **__: Any) -> Any:
    raise ToolMissing(f"this step simulates RTL in Vivado: expected Vivado {' or '.join(VIVADO_VERSIONS)}, found none")
