"""Arrays of an npz archive that may be anything: known entries, sizes checked before memory is taken, nothing unpickled.

Sources: the zip format as Python's zipfile reads it; the npy format,
https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.limits import LARGEST_CONTENT

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_npz(path: Path, known: re.Pattern[str]) -> dict[str, NDArray[Any]]:
    """The arrays of the npz file `path` by name, each read whole, none writable.

    `known`: what every name must match. Raises ValueError for other entries, names that occur twice, compression other than npz
    has, more than `LARGEST_CONTENT` bytes in all, and arrays that are no plain numbers in C order of just the size that they say;
    what else zipfile raises for a damaged archive passes through.
    """
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        names = [entry.filename.removesuffix(".npy") for entry in entries]
        if len(set(names)) != len(names):
            raise ValueError("an entry occurs twice")
        if unknown := [name for name in names if not known.fullmatch(name)]:
            raise ValueError(f"an entry {unknown[0][:80]!r} that no such file has")
        total = sum(entry.file_size for entry in entries)
        if total > LARGEST_CONTENT or any(entry.compress_type not in _METHODS or entry.flag_bits & 1 for entry in entries):
            raise ValueError(f"entries of {total:,} bytes in all, or compressed in another way; up to {LARGEST_CONTENT:,} are read")
        return {name: _array(archive.read(entry), name) for name, entry in zip(names, entries, strict=True)}


def _array(content: bytes, name: str) -> NDArray[Any]:
    """The one array of an npy file."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"{name}: version {version} of the npy format")
    shape, fortran, dtype = read(stream)
    count = math.prod(shape)
    if dtype.kind not in "iuf" or dtype.itemsize > 8 or (fortran and len(shape) > 1):
        raise ValueError(f"{name}: expected numbers in C order, got {dtype}")
    if min(shape, default=0) < 0 or count * dtype.itemsize != len(content) - stream.tell():
        raise ValueError(f"{name}: expected the bytes of an array of shape {list(shape)[:8]}, got {len(content) - stream.tell()}")
    return np.frombuffer(content, dtype, count, stream.tell()).reshape(shape)
