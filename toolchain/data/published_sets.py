"""CIFAR-10, CIFAR-100, STL-10, Visual Wake Words and ImageNet folders as uint8 arrays, read from their published files.

| source | files | record |
|---|---|---|
| cifar10 | data_batch_1.bin to data_batch_5.bin, test_batch.bin | label, then 3072 pixels [3, 32, 32] |
| cifar100 | train.bin, test.bin | coarse label, fine label (the one used), then 3072 pixels [3, 32, 32] |
| stl10 | train_X.bin, train_y.bin, test_X.bin, test_y.bin | 27648 pixels [3, column, row]; labels from 1 |
| vww | person/*, non_person/* (MLPerf Tiny), as a folder or vw_coco2014_96.tar.gz | images; no test split of its own |
| imagenet | train/CLASS/*, val/CLASS/* | images; val is the test split |

CIFAR-10 may also lie in lossless pages: train-*.webp and test-*.webp, each a grid of 32x32 tiles in rows, left to right and top to
bottom, with the labels of all pages in train-labels.npy and test-labels.npy (uint8 [N]). Nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from owlbit.toolchain.data.archives import cached, file_md5, locate, read_files, tar_files
from owlbit.toolchain.data.class_folders import read_folder
from owlbit.toolchain.data.dataset import DataError, Images, Labelled
from owlbit.toolchain.data.image_files import fit_images, read_image

LOG = logging.getLogger(__name__)

Sets = tuple[Labelled, Labelled | None, tuple[str, ...]]

# The published files of STL-10: MD5 by name.
STL10_MD5 = {
    "train_X.bin": "918c2871b30a85fa023e0c44e0bee87f",
    "train_y.bin": "5a34089d4802c674881badbb80307741",
    "test_X.bin": "7f263ba9f9e0b06b93213547f721ac82",
    "test_y.bin": "36f9794fa4beb8a2c72628de14fa638e",
}
STL10_IMAGES = {"train": 5000, "test": 8000}
CIFAR10_RECORDS = 10_000  # of each published file

CIFAR10_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
VWW_NAMES = ("non_person", "person")
TILE = 32


def read_official(source: str, given: Path | None, size: tuple[int, int], colour: str) -> Sets:
    """(training images, test images or None, class names) of `source`, images uint8 [N, C, *size], made gray and scaled as needed.

    `given`: a local archive or folder (see `locate`), or None to fetch the official archive. What comes out of an archive is kept
    in the cache folder. Raises DataError.
    """
    if source == "imagenet":
        return _read_imagenet(given, size, colour)
    if source == "cifar10" and given is not None and (given / "train-labels.npy").is_file():
        return _fitted((_read_pages(given, "train"), _read_pages(given, "test"), CIFAR10_NAMES), size, colour)
    place = locate(source, given)
    if place.is_dir():
        return _read_place(source, place, size, colour)
    key = f"{source}-{file_md5(place)}-{size[0]}x{size[1]}-{colour}"
    return cached(key, lambda: _read_place(source, place, size, colour))


def _read_place(source: str, place: Path, size: tuple[int, int], colour: str) -> Sets:
    if source == "vww":
        return _read_vww(place, size, colour)
    return _fitted({"cifar10": _read_cifar10, "cifar100": _read_cifar100, "stl10": _read_stl10}[source](place), size, colour)


def _fitted(sets: Sets, size: tuple[int, int], colour: str) -> Sets:
    train, test, names = sets
    fitted = [Labelled(fit_images(part.images, size, colour), part.labels) for part in (train, test) if part is not None]
    return fitted[0], fitted[1] if test is not None else None, names


def _read_cifar10(place: Path) -> Sets:
    batches = [f"data_batch_{number}.bin" for number in range(1, 6)]
    files = read_files(place, [*batches, "test_batch.bin"])
    for name, content in files.items():
        _tell_of_parts(place / name, len(content) // (1 + 3 * TILE * TILE), CIFAR10_RECORDS)
    parts = [_records(place / name, files[name], 1, len(CIFAR10_NAMES)) for name in batches]
    train = Labelled(np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]))
    return train, _records(place / "test_batch.bin", files["test_batch.bin"], 1, len(CIFAR10_NAMES)), CIFAR10_NAMES


def _read_cifar100(place: Path) -> Sets:
    files = read_files(place, ("train.bin", "test.bin", "fine_label_names.txt"))
    names = _names(place / "fine_label_names.txt", files["fine_label_names.txt"])
    train, test = (_records(place / name, files[name], 2, len(names)) for name in ("train.bin", "test.bin"))
    return train, test, names


def _records(path: Path, content: bytes, label_bytes: int, classes: int) -> Labelled:
    """CIFAR's binary records: `label_bytes` labels, of which the last is used, then 3072 pixels."""
    length = label_bytes + 3 * TILE * TILE
    if not content or len(content) % length:
        raise DataError(f"{path}: expected whole records of {length} bytes, got {len(content):,} bytes; fetch the data again")
    table = np.frombuffer(content, dtype=np.uint8).reshape(-1, length)
    labels = _labels(path, table[:, label_bytes - 1], classes)
    return Labelled(np.ascontiguousarray(table[:, label_bytes:]).reshape(-1, 3, TILE, TILE), labels)


def _tell_of_parts(path: Path, images: int, published: int) -> None:
    """A warning where `path` holds another number of images than was published."""
    if images != published:
        LOG.warning("%s: has %s images where %s were published; training goes on with these", path, f"{images:,}", f"{published:,}")


def _labels(path: Path, labels: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    if labels.max() >= classes:
        raise DataError(f"{path}: expected labels of {classes} classes, got label {labels.max()}; fetch the data again")
    return labels.astype(np.int64)


def _names(path: Path, content: bytes) -> tuple[str, ...]:
    try:
        names = tuple(content.decode("utf-8").split())
    except UnicodeDecodeError:
        names = ()
    if not names:
        raise DataError(f"{path}: expected one class name a line, got none; fetch the data again")
    return names


def _read_stl10(place: Path) -> Sets:
    files = read_files(place, ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin", "class_names.txt"))
    names = _names(place / "class_names.txt", files["class_names.txt"])

    def part(split: str) -> Labelled:
        pixels, marks = place / f"{split}_X.bin", place / f"{split}_y.bin"
        content, length = files[pixels.name], 3 * 96 * 96
        if not content or len(content) % length:
            raise DataError(f"{pixels}: expected whole images of {length} bytes, got {len(content):,} bytes; fetch the data again")
        if len(content) == length * STL10_IMAGES[split]:
            for name in (pixels.name, marks.name):
                if hashlib.md5(files[name]).hexdigest() != STL10_MD5[name]:
                    raise DataError(
                        f"{place / name}: expected the published file with MD5 {STL10_MD5[name]}, got another of its size; it is "
                        "damaged, fetch the data again"
                    )
        # Stored column by column: the row index runs fastest.
        images = np.frombuffer(content, dtype=np.uint8).reshape(-1, 3, 96, 96).transpose(0, 1, 3, 2)
        labels = np.frombuffer(files[marks.name], dtype=np.uint8)
        if len(labels) != len(images):
            raise DataError(f"{marks}: expected {len(images)} labels, one for each image, got {len(labels)}; fetch the data again")
        wrong = labels[(labels < 1) | (labels > len(names))]
        if len(wrong):
            raise DataError(f"{marks}: expected labels 1 to {len(names)}, got {wrong[0]}; fetch the data again")
        _tell_of_parts(pixels, len(images), STL10_IMAGES[split])
        return Labelled(np.ascontiguousarray(images), labels.astype(np.int64) - 1)

    return part("train"), part("test"), names


def _read_pages(folder: Path, split: str) -> Labelled:
    path = folder / f"{split}-labels.npy"
    try:
        labels = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: expected labels uint8 [N], could not read them ({error})") from None
    pages = sorted(folder.glob(f"{split}-*.webp"))
    images = np.concatenate([_tiles(page) for page in pages]) if pages else np.empty((0, 3, TILE, TILE), np.uint8)
    if labels.dtype != np.uint8 or labels.shape != (len(images),) or len(images) == 0:
        found = f"{labels.dtype} {list(labels.shape)}"
        raise DataError(f"{path}: expected labels uint8 [{len(images)}], one for each tile of the {len(pages)} pages, got {found}")
    return Labelled(images, _labels(path, labels, len(CIFAR10_NAMES)))


def _tiles(page: Path) -> Images:
    try:
        with Image.open(page, formats=("WEBP",)) as opened:
            pixels = np.asarray(opened.convert("RGB"), dtype=np.uint8)
    except Exception as error:  # as of every picture: Pillow may raise anything
        raise DataError(f"{page}: expected a page of tiles, could not read it ({error})") from None
    height, width, _ = pixels.shape
    if height % TILE or width % TILE:
        raise DataError(f"{page}: expected a page of whole {TILE}x{TILE} tiles, got {width}x{height} pixels")
    grid = pixels.reshape(height // TILE, TILE, width // TILE, TILE, 3).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(grid).reshape(-1, 3, TILE, TILE)


def _read_vww(place: Path, size: tuple[int, int], colour: str) -> Sets:
    if place.is_dir():
        labelled, names = read_folder(place, size, colour)
        if names != VWW_NAMES:
            raise DataError(f"{place}: expected the folders non_person and person, got {', '.join(names[:8])}")
        return labelled, None, names
    found = [
        (VWW_NAMES.index(_vww_class(name)), name, read_image(place / name, size, colour, content))
        for name, content in tar_files(place, lambda name: _vww_class(name) in VWW_NAMES)
    ]
    found.sort(key=lambda entry: entry[:2])  # the order of the unpacked folder, so that splits are the same
    labels = np.array([label for label, _, _ in found], dtype=np.int64)
    if set(labels.tolist()) != {0, 1}:
        raise DataError(f"{place}: expected images in non_person and in person, got {len(found)} in one of them; fetch it again")
    return Labelled(np.stack([image for _, _, image in found]), labels), None, VWW_NAMES


def _vww_class(name: str) -> str:
    """The folder that a file of the archive lies in; "" for a hidden file."""
    return "" if Path(name).name.startswith(".") else Path(name).parent.name


def _read_imagenet(given: Path | None, size: tuple[int, int], colour: str) -> Sets:
    if given is None:
        raise DataError("data.path: expected a folder with train and val, since ImageNet cannot be fetched freely; give --data DIR")
    for part in ("train", "val"):
        if not (given / part).is_dir():
            raise DataError(f"{given}: expected the folders train and val, each with one folder per class, found no {part}")
    train, names = read_folder(given / "train", size, colour)
    test, test_names = read_folder(given / "val", size, colour)
    if test_names != names:
        raise DataError(f"{given / 'val'}: expected the {len(names)} classes of train, got {len(test_names)}, or others")
    return train, test, names
