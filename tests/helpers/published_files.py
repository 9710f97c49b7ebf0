"""Small files in the forms that CIFAR-10, CIFAR-100 and STL-10 are published in."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


def pixels(count: int, side: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, side, side), dtype=np.uint8)


def records(images: Pixels, *labels: list[int]) -> bytes:
    return b"".join(bytes(marks) + image.tobytes() for image, *marks in zip(images, *labels, strict=True))


def cifar10_files() -> dict[str, bytes]:
    files = {f"data_batch_{number}.bin": records(pixels(4, 32, number), [number, 0, 9, 1]) for number in range(1, 6)}
    return files | {"test_batch.bin": records(pixels(3, 32, 9), [2, 1, 0])}


def cifar100_files() -> dict[str, bytes]:
    return {
        "train.bin": records(pixels(4, 32, 1), [7, 7, 7, 7], [2, 1, 2, 0]),
        "test.bin": records(pixels(2, 32, 2), [7, 7], [0, 2]),
        "fine_label_names.txt": b"apple\naquarium_fish\nbaby\n\n",
    }


def stl10_files() -> dict[str, bytes]:
    def columns(images: Pixels) -> bytes:
        """Each plane column after column, as the data set's description says."""
        return b"".join(plane[:, column].tobytes() for image in images for plane in image for column in range(96))

    return {
        "train_X.bin": columns(pixels(3, 96, 1)),
        "train_y.bin": bytes([1, 2, 1]),
        "test_X.bin": columns(pixels(2, 96, 2)),
        "test_y.bin": bytes([2, 1]),
        "class_names.txt": b"airplane\nbird\n",
        "unlabeled_X.bin": b"never looked at",
    }


def folder_of(path: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def archive_of(path: Path, folder: str, files: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path
