"""Pictures in folders, one folder per class, with or without train/, val/ and test/ above them: read in one pass that tells all.

What cannot be used is gathered and told together; what is passed over, changed or taken from deeper down is told with its number.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from owlbit.toolchain.data.dataset import DataError, Images, Labelled
from owlbit.toolchain.data.image_files import read_pictures, tell_remarks
from owlbit.toolchain.data.picture_files import Listing, Problem, is_hidden, list_pictures, listed, pictures

LOG = logging.getLogger(__name__)

TRAIN, VALIDATION, TEST = "train", "validation", "test"
# Names of folders above the class folders, in small letters.
SPLITS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation"), VALIDATION),
    **dict.fromkeys(("test", "testing"), TEST),
}
MOST_LINES = 60  # of problems; the rest is counted


@dataclass(frozen=True, eq=False)
class ClassFolders:
    """`parts`: images by TRAIN, VALIDATION and TEST, of which the last two may be missing; `names`: of the classes.

    `files`: of each part, the path of each image relative to the folder that was read; `skipped`: a line for each picture that was
    left out because it cannot be used.
    """

    parts: dict[str, Labelled]
    names: tuple[str, ...]
    files: dict[str, tuple[str, ...]]
    skipped: tuple[str, ...] = ()


def read_folder(
    path: Path, size: tuple[int, int], colour: str, *, least: int = 1, skip_bad: bool = False
) -> tuple[Labelled, tuple[str, ...]]:
    """(images with labels, class names) of `read_one_part`."""
    found = read_one_part(path, size, colour, least=least, skip_bad=skip_bad)
    return found.parts[TRAIN], found.names


def read_one_part(path: Path, size: tuple[int, int], colour: str, *, least: int = 1, skip_bad: bool = False) -> ClassFolders:
    """The images of a folder of class folders, whatever their names, as TRAIN; for the parameters see `read_class_folders`."""
    return _read({TRAIN: path}, path, size, colour, least, skip_bad)


def read_class_folders(path: Path, size: tuple[int, int], colour: str, *, least: int = 1, skip_bad: bool = False) -> ClassFolders:
    """Images uint8 [N, C, *size] of a folder of class folders, or of one with train/, and test/ or val/, above these.

    A class has the pictures of its folder and of all sub-folders, in the order of their paths; see `read_picture` for what is done
    to each. `least`: how many a class of the training images needs; `skip_bad`: go on without those that cannot be used. Raises
    DataError with all of what is wrong: each picture that cannot be used, each class with too few, classes that parts do not share.
    """
    return _read(split_folders(path) or {TRAIN: path}, path, size, colour, least, skip_bad)


def split_folders(path: Path) -> dict[str, Path]:
    """The folders train/, val/ and test/ of `path`, by TRAIN, VALIDATION and TEST; none unless there are class folders below
    train/ and another one of them."""
    found: dict[str, Path] = {}
    for folder in class_folders(path) if path.is_dir() else ():
        if folder.name.lower() in SPLITS:
            found.setdefault(SPLITS[folder.name.lower()], folder)
    if TRAIN not in found or len(found) < 2 or not class_folders(found[TRAIN]):
        return {}
    return {part: found[part] for part in (TRAIN, VALIDATION, TEST) if part in found}


def class_folders(path: Path) -> list[Path]:
    """The folders in `path` that are no program's or system's own, by name."""
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not is_hidden(entry))


def _read(folders: dict[str, Path], root: Path, size: tuple[int, int], colour: str, least: int, skip_bad: bool) -> ClassFolders:
    _check_folder(root)
    names = tuple(folder.name for folder in class_folders(folders[TRAIN]))
    if not names:
        raise DataError(f"{root}: expected a folder for each class, found none")
    _tell_splits(folders, root)
    reading = _Reading(root, size, colour)
    parts: dict[str, Labelled] = {}
    files: dict[str, tuple[str, ...]] = {}
    for part, folder in folders.items():
        if part is not TRAIN and not class_folders(folder):
            LOG.warning("%s: not used: its pictures lie in no class folders, so nothing tells their classes", folder)
            continue
        found = tuple(each.name for each in class_folders(folder))
        if found != names:
            reading.wrong.append(Problem(folder.name, f"expected the classes {listed(names, 8)}, got {listed(found, 8)}", False))
        parts[part], files[part] = reading.labelled(folder, names, least if part is TRAIN else 1)
    reading.tell()
    if reading.wrong or (reading.unusable and not skip_bad):
        raise refusal(root, [*reading.wrong, *([] if skip_bad else reading.unusable)], reading.pictures)
    return ClassFolders(parts, names, files, skipped_lines(root, reading.unusable))


class _Reading:
    """What one pass over the class folders of `root` has found so far."""

    def __init__(self, root: Path, size: tuple[int, int], colour: str) -> None:
        self.root, self.size, self.colour = root, size, colour
        self.unusable: list[Problem] = []  # pictures
        self.wrong: list[Problem] = []  # what no leaving out mends
        self.pictures = 0
        self.remarks: Counter[str] = Counter()
        self.listings: list[Listing] = []

    def labelled(self, folder: Path, names: Sequence[str], least: int) -> tuple[Labelled, tuple[str, ...]]:
        """The pictures of the class folders `names` in `folder`, and their paths."""
        images: list[Images] = []
        files: list[str] = []
        labels: list[int] = []
        self.listings.append(list_pictures(folder, deep=False))
        stray = self.listings[-1].files
        if stray:
            LOG.warning("%s: %s beside the class folders left out, as of no class", folder, pictures(len(stray)))
        for label, name in enumerate(names):
            if not (folder / name).is_dir():
                continue  # told as another class
            found = self._class(folder / name)
            images += [image for image, _ in found]
            files += [file.relative_to(self.root).as_posix() for _, file in found]
            labels += [label] * len(found)
            if len(found) < least:
                place = (folder / name).relative_to(self.root).as_posix()
                self.wrong.append(Problem(place, _too_few(name, len(found), least), False))
        stacked = np.stack(images) if images else np.empty((0, 3 if self.colour == "rgb" else 1, *self.size), np.uint8)
        return Labelled(stacked, np.array(labels, dtype=np.int64)), tuple(files)

    def _class(self, folder: Path) -> list[tuple[Images, Path]]:
        listing = list_pictures(folder)
        self.listings.append(listing)
        LOG.info("reading %d images in %s", len(listing.files), folder)
        read, problems, remarks = read_pictures(listing.files, self.size, self.colour, self.root)
        place = folder.relative_to(self.root)
        self.unusable += [Problem((place / each.place).as_posix(), each.reason) for each in listing.problems]
        self.unusable += problems
        self.pictures += len(listing.files) + len(listing.problems)
        self.remarks += remarks
        return [(image, file) for image, file in zip(read, listing.files, strict=True) if image is not None]

    def tell(self) -> None:
        """Tells what was passed over, found deeper down or changed."""
        deeper = [file for listing in self.listings for file in listing.deeper]
        tell_listing(self.root, [name for listing in self.listings for name in listing.passed_over], deeper)
        tell_remarks(self.root, self.remarks.items())


def tell_listing(root: Path, passed_over: Sequence[str], deeper: Sequence[Path]) -> None:
    """Tells how many files were passed over, and how many pictures are in sub-folders of a class or of the folder."""
    if passed_over:
        files = "file that is no picture" if len(passed_over) == 1 else "files that are no pictures"
        LOG.warning("%s: passed over %s %s: %s", root, f"{len(passed_over):,}", files, listed(sorted(set(passed_over))))
        for name in passed_over:
            LOG.debug("passed over in %s: %s", root, name)
    if deeper:
        folders = sorted({file.parent.relative_to(root).as_posix() for file in deeper})
        LOG.warning("%s: %s taken from sub-folders: %s", root, pictures(len(deeper)), listed(folders))


def _tell_splits(folders: dict[str, Path], root: Path) -> None:
    if len(folders) < 2:
        return
    uses = {TRAIN: "to train on", VALIDATION: "to choose the epoch", TEST: "to test"}
    LOG.warning("%s: taken as it is split: %s", root, ", ".join(f"{folder.name}/ {uses[part]}" for part, folder in folders.items()))
    if others := [each.name for each in class_folders(root) if each not in folders.values()]:
        LOG.warning("%s: not used beside them: %s", root, listed(others))


def _too_few(name: str, count: int, least: int) -> str:
    wanted = "a picture of this class" if least == 1 else f"at least {least} pictures of this class, one for each split"
    return f'class "{name}": expected {wanted}, got {count or "none"}; add some, or remove the folder'


def _check_folder(path: Path) -> None:
    if not path.is_dir():
        raise DataError(f"{path}: expected a folder of class folders, found {'a file' if path.exists() else 'no such folder'}")


def refusal(root: Path, problems: Sequence[Problem], count: int) -> DataError:
    """The error that tells all of `problems`, found among `count` pictures below `root`: a sentence, or a line for each."""
    leave_out = (
        f", or leave {'them' if len(problems) > 1 else 'it'} out with --skip-bad" if any(each.picture for each in problems) else ""
    )
    if len(problems) == 1:
        advice = f"; mend it{leave_out}" if leave_out else ""
        return DataError(f"{root / problems[0].place}: {problems[0].reason}{advice}")
    for each in problems[MOST_LINES:]:
        LOG.info("%s: %s", root / each.place, each.reason)
    lines = [f"  {each.place}: {each.reason}" for each in problems[:MOST_LINES]]
    if len(problems) > MOST_LINES:
        lines.append(f"  and {len(problems) - MOST_LINES:,} more, which -v lists")
    bad = f"{len(problems):,} problems among {pictures(count)}"
    return DataError("\n".join([f"{root}: expected pictures that can be used, found {bad}; mend them{leave_out}", *lines]))


def skipped_lines(root: Path, problems: Sequence[Problem]) -> tuple[str, ...]:
    """A line for each picture that was left out, told by their number."""
    if problems:
        LOG.warning("%s: left out %s that cannot be used, as --skip-bad says", root, pictures(len(problems)))
    return tuple(f"{root / each.place}: {each.reason}" for each in problems)
