"""Damage to a network file (npz): its header's JSON, its arrays, its archive."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from typing import Any

import numpy as np

from fuzz_bytes import Draw, mutate_bytes

VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2, 3, 255, 65536, 2**31, 2**63, 10**400, 1.5, float("nan"), float("inf"), 1e-320, 1e308),
    *(
        "",
        "a",
        "\ud800",
        "x" * 10_000,
        [],
        {},
        [[]],
        [1, 2],
        [-1, -1],
        [0, 0, 0],
        [2**40, 2**40, 2**40],
        [1.5, 2.5],
        ["a"],
        {"a": 1},
    ),
)
DTYPES = ("u1", "i1", ">i4", "f2", "f8", "c16", "U3", "M8[s]", "O", "V5", "u8", "?")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def mutate_npz(data: bytes, draw: Draw) -> bytes:
    """The archive `data`, damaged in its bytes, or taken apart, damaged in its parts, and put together again."""
    if draw.random() < 0.25:
        return mutate_bytes(data, draw)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    method = METHODS[int(draw.choice(4, p=[0.6, 0.2, 0.1, 0.1]))]
    for _ in range(int(draw.integers(1, 4))):
        at = int(draw.integers(len(entries)))
        name, content = entries[at]
        what = int(draw.integers(10))
        if what <= 3:
            entries = [(n, _header(c, draw) if n == "header.npy" else c) for n, c in entries]
        elif what == 4:
            entries[at] = (name, mutate_bytes(content, draw))
        elif what == 5:
            entries[at] = (name, _array(content, draw))
        elif what == 6:
            del entries[at]
        elif what == 7:
            entries.append((name, content))
        elif what == 8:
            entries[at] = (
                str(draw.choice(["99.weights.npy", "../x.npy", "header", "a/", "0.weights", "a" * 300 + ".npy"])),
                content,
            )
        else:
            entries.append(("extra.npy", np.zeros(1).tobytes()))
        entries = entries or [("a", b"")]
    made = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w", method) as archive:
        warnings.simplefilter("ignore")  # of names that occur twice, as they shall
        for name, content in entries:
            archive.writestr(name, content)
    return mutate_bytes(made.getvalue(), draw, 1) if draw.random() < 0.1 else made.getvalue()


def _npy(array: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def _header(content: bytes, draw: Draw) -> bytes:
    try:
        header = json.loads(np.load(io.BytesIO(content)).tobytes())
    except Exception:  # damaged already
        return content
    tables: list[Any] = [header, *header["layers"]] if isinstance(header.get("layers"), list) else [header]
    table = tables[int(draw.integers(len(tables)))]
    if not isinstance(table, dict) or not table:
        return content
    key = str(draw.choice([*table, "kind", "weights_shape", "unknown"]))
    what = int(draw.integers(4))
    if what == 0:
        table.pop(key, None)
    elif what == 1 and isinstance(table.get(key), list) and table[key]:
        table[key][int(draw.integers(len(table[key])))] = VALUES[int(draw.integers(len(VALUES)))]
    else:
        table[key] = VALUES[int(draw.integers(len(VALUES)))]
    text = json.dumps(header)
    if draw.random() < 0.1:
        text = text.replace("1", "[" * int(draw.integers(1, 3000)), 1)
    return _npy(np.frombuffer(text.encode(), np.uint8))


def _array(content: bytes, draw: Draw) -> bytes:
    what = int(draw.integers(4))
    if what == 0:  # a shape that the bytes do not have
        shape = ["(9999999999,)", "(-1,)", "(1, 2, 3)", "(0,)", "()", "(" * 40, "(4611686018427387904, 4)"][int(draw.integers(7))]
        return content.replace(content[content.find(b"'shape': ") + 9 : content.find(b"}")], shape.encode() + b", ", 1)
    try:
        array = np.load(io.BytesIO(content))
    except Exception:  # damaged already
        return content
    if what == 1:
        return _npy(array.astype(DTYPES[int(draw.integers(len(DTYPES)))]) if array.dtype.kind in "iu" else array)
    if what == 2:
        return _npy(np.resize(array, int(draw.integers(0, 2000))))
    values = array.copy().reshape(-1)
    if values.size:
        values[int(draw.integers(values.size))] = draw.choice([0, 1, 255])
    return _npy(values.reshape(array.shape))
