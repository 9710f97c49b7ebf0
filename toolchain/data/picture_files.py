"""Which files of a folder are pictures, found below it at any depth, and what else lies there. Opens nothing but unnamed files."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PICTURES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".avif"),
    *(".pgm", ".ppm", ".pbm", ".pnm", ".jp2", ".tga"),
)
# Pictures to those who put them there, but none that Pillow reads as one: these are told and not passed over.
OTHER_PICTURES = (
    *(".heic", ".heif", ".jxl", ".svg", ".psd", ".xcf", ".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"),
    *(".exr", ".hdr"),
)
# How files of the usual formats begin, for those whose name does not tell, as "0001" or "cat.jpg_large".
_BEGINNINGS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*")
_NO_CLASSES = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information")  # what archives and file servers leave


@dataclass(frozen=True)
class Problem:
    """Something that cannot be used: `place`, a file or class relative to the folder that was read, and `reason`.

    `picture`: whether it is a picture, which can be left out.
    """

    place: str
    reason: str
    picture: bool = True


@dataclass(frozen=True)
class Listing:
    """`files`: the pictures below `folder`, in order; `problems`: what has a picture's name and is none; `passed_over`: all else.

    Paths of `problems` and `passed_over` are relative to `folder`.
    """

    folder: Path
    files: tuple[Path, ...]
    problems: tuple[Problem, ...]
    passed_over: tuple[str, ...]

    @property
    def deeper(self) -> tuple[Path, ...]:
        """Those of `files` that lie in sub-folders."""
        return tuple(file for file in self.files if file.parent != self.folder)


def list_pictures(folder: Path, *, deep: bool = True) -> Listing:
    """The pictures in `folder`, and with `deep` in its sub-folders, by name. Raises OSError where it cannot be listed."""
    files: list[Path] = []
    problems, passed_over = [], []
    for entry in sorted(_entries(folder, deep)):
        name = entry.relative_to(folder).as_posix()
        if is_hidden(entry):
            passed_over.append(name + "/" if entry.is_dir() else name)
        elif entry.suffix.lower() in OTHER_PICTURES:
            problems.append(
                Problem(name, f"no picture format that is read here is called {entry.suffix}; convert it to JPEG or PNG")
            )
        elif reason := why_no_file(entry):
            if is_named_picture(entry):
                problems.append(Problem(name, reason))
            else:
                passed_over.append(name)
        elif is_named_picture(entry) or _begins_as_picture(entry):
            files.append(entry)
        else:
            passed_over.append(name)
    return Listing(folder, tuple(files), tuple(problems), tuple(passed_over))


def is_named_picture(path: Path) -> bool:
    """Whether the name ends as that of a picture which is read here."""
    return path.suffix.lower() in PICTURES


def is_hidden(path: Path) -> bool:
    """Whether `path` is kept by a system or a program, as .DS_Store, ._cat.jpg or __MACOSX are."""
    return path.name.startswith(".") or path.name in _NO_CLASSES


def why_no_file(path: Path) -> str:
    """Why `path` is no file to read: "" where it is one. Opens nothing: opening a named pipe would wait for its writer."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "a link to a file that is not there" if path.is_symlink() else "no such file"
    except OSError as error:
        return str(error.strerror or error)
    if stat.S_ISREG(mode):
        return ""
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"))
    return next((kind for check, kind in kinds if check(mode)), "a device") + ", no file"


def listed(names: Sequence[str], most: int = 4) -> str:
    """The first names of many, for a message."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def pictures(count: int) -> str:
    """`count` with its noun."""
    return f"{count:,} picture" + ("" if count == 1 else "s")


def _entries(folder: Path, deep: bool) -> Iterator[Path]:
    """All that is no folder to go into; links to folders are followed, each folder is entered once."""
    seen = {folder.resolve()}
    stack = [folder]
    while stack:
        for entry in stack.pop().iterdir():
            if is_hidden(entry) or not entry.is_dir():
                yield entry
            elif deep and (place := entry.resolve()) not in seen:
                seen.add(place)
                stack.append(entry)


def _begins_as_picture(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            start = opened.read(12)
    except OSError:
        return False
    return start.startswith(_BEGINNINGS) or (start[:4] == b"RIFF" and start[8:] == b"WEBP")
