"""Writing a file so that it is either whole or not there: to a temporary name beside it, then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from owlbit.export.errors import OwlbitError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path in the folder of `path`; renames it to `path` when the block ends well, deletes it otherwise.

    Missing parent folders are made. Raises OwlbitError where a parent is a file, or `path` is a folder.
    """
    if path.is_dir():
        raise OwlbitError(f"{path}: expected a file to write, found a folder; give a file name inside it")
    make_folder(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes `text` as UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: Path, data: bytes) -> None:
    """Writes `data`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def make_folder(path: Path) -> Path:
    """Makes the folder `path` and its parents; OwlbitError where a file stands in the way."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise OwlbitError(f"{path}: expected a folder, found a file there; move it or choose another output path") from None
    return path
