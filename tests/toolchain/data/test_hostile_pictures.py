"""Pictures that are made to hurt: files that another program would run, and small ones that take minutes to decode."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from owlbit.toolchain.checks.image_counts import picture_sizes
from owlbit.toolchain.data.dataset import DataError
from owlbit.toolchain.data.image_files import FORMATS, open_picture, read_image
from owlbit.toolchain.data.limits import MOST_SCANS
from owlbit.toolchain.data.picture_files import PICTURES
from owlbit.toolchain.sensing.server.uploads import UploadError, read_upload
from sensing_tools import demo_network

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n%%EndComments\nshowpage\n"


def scans(count: int, side: int) -> bytes:
    """A gray progressive JPEG of `side` x `side` pixels: one scan for the means of all blocks, and `count` - 1 that add nothing.

    By ITU T.81, annex G: each of the latter is some runs of 32,767 blocks that end at once.
    """

    def segment(marker: int, body: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body

    blocks = (-(-side // 8)) ** 2
    runs = ("0" + "1" * 14) * -(-blocks // 32767)
    bits = runs + "1" * (-len(runs) % 8)
    empty = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    one_code = bytes([1] + [0] * 15)
    head = segment(0xDB, b"\x00" + bytes([1] * 64)) + segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\x01\x11\x00")
    head += segment(0xC4, b"\x00" + one_code + b"\x00") + segment(0xC4, b"\x10" + one_code + b"\xe0")
    means = segment(0xDA, b"\x01\x01\x00\x00\x00\x00") + bytes(-(-blocks // 8))
    return b"\xff\xd8" + head + means + (segment(0xDA, b"\x01\x01\x00\x01\x3f\x00") + empty) * (count - 1) + b"\xff\xd9"


def test_as_many_scans_as_the_limit_are_read_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(scans(MOST_SCANS, 64))
    assert read_image(tmp_path / "a.jpg", (8, 8), "gray").shape == (1, 8, 8)
    (tmp_path / "b.jpg").write_bytes(scans(MOST_SCANS + 1, 64))
    with pytest.raises(DataError, match=r"b.jpg: expected a JPEG of at most 500 scans, got 501; save it again"):
        read_image(tmp_path / "b.jpg", (8, 8), "gray")


def test_a_small_file_that_would_take_minutes_is_refused_at_once() -> None:
    bomb = scans(25_000, 5000)
    assert len(bomb) < 2_000_000
    started = time.process_time()
    with pytest.raises(UploadError, match="of at most 500 scans, got 25,000"):
        read_upload(bomb, demo_network())
    assert time.process_time() - started < 2
    assert read_upload(scans(10, 5000), demo_network())[1] == (5000, 5000)


def test_a_marker_across_two_parts_of_a_file_is_counted(tmp_path: Path) -> None:
    whole = scans(MOST_SCANS + 1, 64)
    first = whole.index(b"\xff\xda")
    comment = struct.pack(">BBH", 0xFF, 0xFE, 60_002) + bytes(60_000)
    padded = whole[:2] + comment * 17
    rest = (1 << 20) - len(padded) - first + 2 - 4 - 1
    padded += struct.pack(">BBH", 0xFF, 0xFE, rest + 2) + bytes(rest) + whole[2:]
    assert padded[(1 << 20) - 1 : (1 << 20) + 1] == b"\xff\xda"
    (tmp_path / "a.jpg").write_bytes(padded)
    with pytest.raises(DataError, match="got 501"):
        read_image(tmp_path / "a.jpg", (8, 8), "gray")


def test_an_eps_file_runs_no_ghostscript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its name is. The program that stands for Ghostscript would leave a file."""
    tool, trace = tmp_path / "bin" / "gs", tmp_path / "it_ran"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\ntouch {trace}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    (tmp_path / "cat").mkdir()
    for name in ("x.png", "x.jpg", "x.eps", "x"):
        (tmp_path / "cat" / name).write_bytes(EPS)
        with pytest.raises(DataError, match="expected a picture, could not read it"):
            read_image(tmp_path / "cat" / name, (8, 8), "gray")
    assert picture_sizes(tmp_path, ("cat",)) == [""]
    with pytest.raises(UploadError):
        read_upload(EPS, demo_network())
    assert not trace.exists()
    with Image.open(tmp_path / "cat" / "x.png") as opened, pytest.raises(OSError):  # what is refused above
        opened.load()
    assert trace.exists()


@pytest.mark.parametrize("suffix", PICTURES)
def test_every_name_of_a_picture_has_its_format(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"a{suffix}"
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).convert("1" if suffix == ".pbm" else "RGB").save(file)
    assert open_picture(file, (8, 8)).size == (8, 8)
    Image.init()
    assert Image.registered_extensions()[suffix] in (*FORMATS, "MPO")
