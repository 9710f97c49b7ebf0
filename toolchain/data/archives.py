"""Official data archives: where they come from, their checksums, and reading files out of them without unpacking to disk.

An archive is fetched once into the cache folder (`OWLBIT_CACHE`, or ~/.cache/owlbit), or taken from where the user says.
"""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from owlbit.export.files import cache_folder, replacing
from owlbit.toolchain.data.dataset import DataError, Labelled


@dataclass(frozen=True)
class Archive:
    """`file`: its name; `folder`: the one folder in it; `url`, `md5`: where it is published and its MD5, or "" where not known."""

    file: str
    folder: str
    url: str = ""
    md5: str = ""


ARCHIVES = {
    "cifar10": Archive(
        "cifar-10-binary.tar.gz",
        "cifar-10-batches-bin",
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "c32a1d4ab5d03f1284b67883e8d87530",
    ),
    "cifar100": Archive(
        "cifar-100-binary.tar.gz",
        "cifar-100-binary",
        "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
        "03b5dce01913d631647c71ecec9e9cb8",
    ),
    "stl10": Archive(
        "stl10_binary.tar.gz",
        "stl10_binary",
        "https://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
        "91f7769df0f17e558f3565bffb0c7dfb",
    ),
    # No published checksum is known to us: only a local copy is taken, unchecked.
    "vww": Archive("vw_coco2014_96.tar.gz", "vw_coco2014_96"),
}


def locate(source: str, given: Path | None) -> Path:
    """The archive file, or the unpacked folder, of `source`; an archive with a known checksum has passed it.

    `given`: an archive, a folder that holds it or its unpacked folder, or that folder itself; None: fetch it. Raises DataError.
    """
    archive = ARCHIVES[source]
    if given is None:
        return _fetch(source, archive)
    if not given.exists():
        raise DataError(f"{given}: expected {archive.file} or its unpacked folder, found nothing there; give another folder")
    if given.is_dir():
        for inside in (given / archive.folder, given / archive.file):
            if inside.exists():
                given = inside
                break
    if given.is_file():
        _check(given, archive)
    return given


def _fetch(source: str, archive: Archive) -> Path:
    import pooch

    if not archive.url:
        raise DataError(f"data.path: expected a local copy of {archive.file}, which cannot be fetched by checksum; give --data DIR")
    folder = cache_folder()
    if (folder / archive.file).is_file():
        _check(folder / archive.file, archive)
        return folder / archive.file
    try:
        pooch.get_logger().setLevel("WARNING")
        return Path(pooch.retrieve(archive.url, f"md5:{archive.md5}", fname=archive.file, path=folder))
    except (OSError, ValueError) as error:
        reason = "its content is not the published one" if isinstance(error, ValueError) else type(error).__name__
        if reason.endswith(("ConnectionError", "Timeout", "ProxyError")):
            reason = "no connection from this machine"
        raise DataError(f"{source}: could not fetch {archive.url} ({reason}); fetch it yourself and give --data DIR") from None


def _check(path: Path, archive: Archive) -> None:
    if archive.md5 and (found := file_md5(path)) != archive.md5:
        raise DataError(f"{path}: expected the archive {archive.file} with MD5 {archive.md5}, got {found}; fetch it again")


def file_md5(path: Path) -> str:
    """The MD5 of a file, as hexadecimal digits."""
    import pooch

    return str(pooch.file_hash(str(path), alg="md5"))


def read_files(place: Path, names: Sequence[str]) -> dict[str, bytes]:
    """The bytes of the files `names` in `place`, a folder or a tar archive (there found by their last name). Raises DataError."""
    if place.is_dir():
        found = {name: (place / name).read_bytes() for name in names if (place / name).is_file()}
    else:
        found = {Path(name).name: content for name, content in tar_files(place, lambda name: Path(name).name in names)}
    for name in names:
        if name not in found:
            raise DataError(f"{place}: expected the file {name}, found none; the copy is not complete or of another data set")
    return found


def tar_files(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """(name, content) of every plain file in a tar archive whose name is `wanted`. Raises DataError where it is damaged."""
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and wanted(member.name):
                    opened = archive.extractfile(member)
                    assert opened is not None  # of a plain file
                    yield member.name, opened.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        reason = " ".join(str(error).split())  # tarfile has a line for each kind of compression
        raise DataError(f"{path}: expected a tar archive, could not read it ({reason}); fetch it again") from None


def cached(
    key: str, make: Callable[[], tuple[Labelled, Labelled | None, tuple[str, ...]]]
) -> tuple[Labelled, Labelled | None, tuple[str, ...]]:
    """What `make` returns (training and test images, class names), kept as an npz under `key` in the cache folder.

    A cache file that cannot be read is made anew.
    """
    path = cache_folder() / f"{key}.npz"
    if path.is_file():
        try:
            with np.load(path, allow_pickle=False) as kept:
                train = Labelled(kept["train_images"], kept["train_labels"])
                test = Labelled(kept["test_images"], kept["test_labels"]) if "test_images" in kept else None
                return train, test, tuple(str(name) for name in kept["class_names"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            path.unlink()
    train, test, class_names = make()
    arrays: dict[str, Any] = {"train_images": train.images, "train_labels": train.labels, "class_names": np.array(class_names)}
    if test is not None:
        arrays |= {"test_images": test.images, "test_labels": test.labels}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    return train, test, class_names
