"""Files and folders that are either whole or not there, and the folder for results that can be made again.

Each is written under a temporary name beside its place and renamed when all of it is there. A folder that stood there before is
replaced only when it carries the marker file that the same command left in it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from owlbit.export.errors import OwlbitError

LOG = logging.getLogger(__name__)


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
        # In a folder that is being filled, whose name begins with a dot, the folder is what counts.
        LOG.log(logging.DEBUG if path.parent.name.startswith(".") else logging.INFO, "wrote %s", path)
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


def read_limited(path: Path, most: int) -> bytes:
    """The content of the file `path`. Raises OwlbitError where it has more than `most` bytes, OSError as always."""
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OwlbitError(f"{path}: expected at most {most:,} bytes, found more")
    return content


def make_folder(path: Path) -> Path:
    """Makes the folder `path` and its parents; OwlbitError where a file stands in the way."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise OwlbitError(f"{path}: expected a folder, found a file there; move it or choose another output path") from None
    return path


def cache_folder(cache: Path | None = None) -> Path:
    """The folder for results that can always be made again: `cache`, else $OWLBIT_CACHE, else ~/.cache/owlbit. Made if missing.

    Raises OwlbitError where it cannot be written.
    """
    chosen = (cache or Path(os.environ.get("OWLBIT_CACHE") or Path.home() / ".cache" / "owlbit")).expanduser().resolve()
    with contextlib.suppress(PermissionError):  # said below
        make_folder(chosen)
    if not os.access(chosen, os.W_OK):
        raise OwlbitError(f"{chosen}: expected a folder for results to keep, it cannot be written; set OWLBIT_CACHE to another")
    return chosen


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
        LOG.info("wrote the folder %s", path)
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


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Returns `folder`, first filled by `make(temporary folder)` and renamed where it does not exist.

    So a folder that exists is complete, whatever was killed before. Of two processes that make the same folder, one's is kept.
    """
    if folder.exists():
        LOG.debug("found in the cache: %s", folder)
    else:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as name:
            work = Path(name) / folder.name
            work.mkdir()
            make(work)
            try:
                work.rename(folder)
            except OSError:  # another process was first
                if not folder.exists():
                    raise
        LOG.debug("made for the cache: %s", folder)
    return folder
