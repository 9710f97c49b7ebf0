"""Only one training at a time in a run folder: a lock file that names its process, and what a killed one left is cleared.

The system lets go of the lock of a process that ends, however it ends: a lock file that nobody holds is of one that was killed.
"""

from __future__ import annotations

import logging
import os
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.export.guard import one_line

LOG = logging.getLogger(__name__)
LOCK = ".training.lock"
# Where the system has them: Windows has no named pipes in folders, and its links need rights of their own.
NO_FOLLOW, NO_WAIT = getattr(os, "O_NOFOLLOW", 0), getattr(os, "O_NONBLOCK", 0)

_held: dict[Path, int] = {}  # descriptors by folder, of this process


class LockedRunError(OwlbitError):
    """A run folder in which another process trains."""


def lock_run(folder: Path) -> None:
    """Takes the lock of the run folder `folder`, until the `run_locks` around it ends, or else this process.

    Raises LockedRunError where another process holds it, and OwlbitError where the lock file is a link or no plain file, since
    writing it would change another file. Tells by the log of one that was killed.
    """
    place = folder.resolve()
    if place in _held:
        return
    path = place / LOCK
    while True:
        there = path.exists()
        descriptor = _open(path)
        try:
            _lock(descriptor)
        except OSError:
            owner = _owner(descriptor)
            os.close(descriptor)
            raise LockedRunError(
                f"{folder}: expected a folder in which no training runs, found that of {owner}; wait for it, or end it first"
            ) from None
        if _is_file(descriptor, path):
            break
        os.close(descriptor)  # its owner removed it in between
    if there:
        LOG.warning("%s: the training of %s was killed; its lock is taken over", folder, _owner(descriptor))
    os.ftruncate(descriptor, 0)
    os.pwrite(
        descriptor, f"process {os.getpid()} on {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%d %H:%M} UTC".encode(), 0
    )
    _held[place] = descriptor


@contextmanager
def run_locks() -> Iterator[None]:
    """Lets go at its end of the locks that were taken inside."""
    before = set(_held)
    try:
        yield
    finally:
        for place in set(_held) - before:
            (place / LOCK).unlink(missing_ok=True)
            os.close(_held.pop(place))


def clear_unfinished(folder: Path, names: tuple[str, ...]) -> None:
    """Removes what a killed training was writing of the files `names`: see `owlbit.export.files.replacing`. The lock is held."""
    for name in names:
        for path in folder.glob(f".{name}.*"):
            if path.is_file():
                path.unlink()
                LOG.info("removed %s, which a killed training left", path)


def _open(path: Path) -> int:
    """A descriptor of the lock file, made if missing. Raises OwlbitError for a link, a folder, a pipe or a file with two names."""
    try:  # a link is refused by the system; a named pipe does not wait for its other end
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | NO_FOLLOW | NO_WAIT, 0o644)
    except OSError as error:
        raise OwlbitError(
            f"{path}: expected the lock file of a training, could not open it ({error.strerror}); remove it"
        ) from None
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:
        return descriptor
    os.close(descriptor)
    raise OwlbitError(f"{path}: expected the lock file of a training, found a file of another kind; remove it")


def _is_file(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    own = os.fstat(descriptor)
    return (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino)


def _lock(descriptor: int) -> None:
    """Locks the open file for this process, until it is closed. Raises OSError where another process has locked it."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _owner(descriptor: int) -> str:
    text = one_line(os.pread(descriptor, 200, 0).decode(errors="replace"), 100)
    return text if text.startswith("process ") else "another process"
