"""Copies of published sets that are damaged or not whole, and machines without network: what is told."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.data import archives, published_sets
from owlbit.toolchain.data.archives import ARCHIVES, locate
from owlbit.toolchain.data.published_sets import read_official
from published_files import cifar10_files, folder_of, stl10_files

RGB32, RGB96 = ((32, 32), "rgb"), ((96, 96), "rgb")


def test_a_file_of_the_published_size_with_another_checksum_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_sets, "STL10_IMAGES", {"train": 3, "test": 2})
    files = stl10_files()
    known = {name: hashlib.md5(files[name]).hexdigest() for name in published_sets.STL10_MD5}
    monkeypatch.setattr(published_sets, "STL10_MD5", known)
    read_official("stl10", folder_of(tmp_path / "a", files), *RGB96)
    for name in known:
        damaged = bytearray(files[name])
        damaged[-1] ^= 3
        with pytest.raises(
            OwlbitError, match=rf"{name}: expected the published file with MD5 {known[name]}, got another of its size"
        ):
            read_official("stl10", folder_of(tmp_path / name, {**files, name: bytes(damaged)}), *RGB96)


def test_a_part_of_the_published_images_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read_official("stl10", folder_of(tmp_path / "a", stl10_files()), *RGB96)
    assert "train_X.bin: has 3 images where 5,000 were published; training goes on with these" in caplog.text
    read_official("cifar10", folder_of(tmp_path / "b", cifar10_files()), *RGB32)
    assert "test_batch.bin: has 3 images where 10,000 were published" in caplog.text


def test_without_a_network_one_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWLBIT_CACHE", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    nowhere = replace(ARCHIVES["stl10"], url="http://127.0.0.1:9/stl10_binary.tar.gz")  # the port that nothing answers at
    monkeypatch.setitem(archives.ARCHIVES, "stl10", nowhere)
    with pytest.raises(OwlbitError, match=r"\(no connection from this machine\); fetch it yourself and give --data DIR"):
        locate("stl10", None)
    assert not list(tmp_path.glob("*.tar.gz"))
