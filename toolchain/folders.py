"""Output folders that are either whole or not there, and never somebody else's.

A folder is filled under a temporary name beside its place and renamed when all of it is written. What stood there before is
replaced only when it carries the marker file that the same command left in it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from owlbit.export.atomic import make_folder
from owlbit.export.errors import OwlbitError


@contextmanager
def filling(path: Path, marker: str) -> Iterator[Path]:
    """Yields a temporary folder; renames it to `path` when the block ends well, deletes it otherwise.

    Raises OwlbitError, before anything is written, where `path` is a file or a folder that `check_replaceable` refuses.
    """
    check_replaceable(path, marker)
    make_folder(path.parent)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield temporary
        temporary.chmod(0o755)
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_replaceable(path: Path, marker: str) -> None:
    """OwlbitError unless `path` does not exist, is an empty folder, or is a folder that holds the file `marker`."""
    if path.exists() and not path.is_dir():
        raise OwlbitError(f"{path}: expected a folder to write, found a file; move it or choose another output path")
    if path.is_dir() and any(path.iterdir()) and not (path / marker).is_file():
        raise OwlbitError(
            f"{path}: this folder holds other files (no {marker} in it) and is left alone; choose another output path"
        )
