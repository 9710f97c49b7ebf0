"""Folders of photographs as people have them: what is read, what is told, and that all which is wrong is told at once."""

from __future__ import annotations

import logging
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import owlbit
from owlbit.export.errors import OwlbitError
from owlbit.toolchain.data import image_files
from owlbit.toolchain.data.class_folders import read_class_folders
from owlbit.toolchain.data.image_files import open_picture, read_image, read_picture
from owlbit.toolchain.data.limits import MOST_PIXELS, REDUCE_FROM
from owlbit.toolchain.data.load_dataset import load_dataset
from owlbit.toolchain.data.user_images import load_images
from owlbit.toolchain.deploy.model_source import find_model
from owlbit.toolchain.recipes.data import Data

SIZE = (16, 16)


def picture(path: Path, value: int = 128, size: tuple[int, int] = (20, 24)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(path)
    return path


def two_classes(root: Path, count: int = 4) -> Path:
    for label, name in enumerate(("no", "yes")):
        for index in range(count):
            picture(root / name / f"{index}.png", 60 + 120 * label + index)
    return root


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def pixels_by_every_reader(file: Path) -> list[int]:
    """The mean that each reader of pictures has of `file`: training, simulate, sense."""
    from owlbit.toolchain.sensing.sources.open_source import open_source

    network = find_model("zoo:digits").load()
    assert network.input_shape == (1, *SIZE)
    source = open_source(str(file.parent), network, notify=lambda notice: None)
    shot = source.read()
    assert shot is not None
    folder = read_class_folders(file.parents[1], SIZE, "gray").parts["train"].images[0]
    return [int(pixels.mean()) for pixels in (folder, load_images(file, network)[0][0], shot.frame)]


@pytest.mark.parametrize("ending", ["png", "gif", "jfif", "jpe", "JPG", "webp", "bmp", "tif", "tiff", "ppm", "pgm"])
def test_every_reader_takes_every_kind_of_picture(tmp_path: Path, ending: str) -> None:
    file = tmp_path / "a" / f"x.{ending}"
    file.parent.mkdir()
    image = Image.fromarray(np.full((20, 20, 3), 90, np.uint8))
    image.save(file, format="JPEG" if ending in ("jfif", "jpe") else None)
    means = pixels_by_every_reader(file)
    assert len(set(means)) == 1 and abs(means[0] - 90) <= 1


@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_of_sixteen_bits_the_upper_eight_are_taken_by_every_reader(tmp_path: Path, ending: str) -> None:
    file = tmp_path / "a" / f"x.{ending}"
    file.parent.mkdir()
    values = np.arange(256, dtype=np.uint16).reshape(SIZE) * 256 + 77
    Image.fromarray(values).save(file)
    np.testing.assert_array_equal(read_image(file, SIZE, "gray")[0].reshape(-1), np.arange(256))
    assert read_picture(file, SIZE, "gray").remarks == (image_files.SIXTEEN_BITS,)
    assert pixels_by_every_reader(file) == [127] * 3


def test_float_pictures_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full(SIZE, 0.5, np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(OwlbitError, match=r"a\.tif: expected 8 or 16 bits per channel, got an image of mode F"):
        read_image(tmp_path / "a.tif", SIZE, "gray")


@pytest.mark.parametrize(("mode", "colour"), [("RGBA", (10, 20, 30, 0)), ("LA", (10, 0)), ("P", 0)])
def test_transparent_parts_are_laid_on_white_and_told(tmp_path: Path, mode: str, colour: tuple[int, ...] | int) -> None:
    image = Image.new(mode, (20, 20), colour)
    if mode == "P":
        image.save(tmp_path / "a.png", transparency=0)
    else:
        image.save(tmp_path / "a.png")
    read = read_picture(tmp_path / "a.png", SIZE, "rgb")
    assert read.remarks == (image_files.TRANSPARENT,)
    np.testing.assert_array_equal(read.pixels, np.full((3, *SIZE), 255))


def test_an_opaque_picture_with_a_channel_of_transparency_is_as_without(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(np.dstack([pixels, np.full((20, 30), 255, np.uint8)])).save(tmp_path / "b.png")
    for colour in ("gray", "rgb"):
        plain, opaque = (read_picture(tmp_path / name, SIZE, colour) for name in ("a.png", "b.png"))
        np.testing.assert_array_equal(plain.pixels, opaque.pixels)
        assert opaque.remarks == ()


def test_a_large_jpeg_is_decoded_at_a_part_of_its_size_and_a_small_one_whole(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 255, 2400).astype(np.uint8), (1800, 1))
    Image.fromarray(ramp).save(tmp_path / "large.jpg", quality=95)
    large = open_picture(tmp_path / "large.jpg", SIZE)
    assert large.size == (1800, 2400) and large.image.size == (300, 225) and REDUCE_FROM < 2400 * 1800
    with Image.open(tmp_path / "large.jpg") as whole:
        expected = image_files.fit_image(whole, SIZE, "gray").astype(int)
    assert np.abs(read_image(tmp_path / "large.jpg", SIZE, "gray").astype(int) - expected).max() <= 2
    picture(tmp_path / "small.jpg", size=(300, 400))
    assert open_picture(tmp_path / "small.jpg", SIZE).image.size == (400, 300)


def test_a_picture_of_too_many_pixels_is_refused_by_its_header(tmp_path: Path) -> None:
    for name, size in (("large.png", (13000, 13100)), ("larger.png", (40000, 40000))):
        image = Image.new("1", (8, 8))
        image.save(tmp_path / name)
        content = bytearray((tmp_path / name).read_bytes())
        content[16:24] = b"".join(side.to_bytes(4, "big") for side in size)
        content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
        (tmp_path / name).write_bytes(content)
        with pytest.raises(
            OwlbitError, match=rf"{name}: expected a picture of at most {MOST_PIXELS:,} pixels, got .*; scale it down"
        ):
            read_image(tmp_path / name, SIZE, "gray")


def test_what_programs_and_systems_leave_is_passed_over_with_a_count(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = two_classes(tmp_path / "set")
    for name in ("yes/Thumbs.db", "yes/desktop.ini", "no/.DS_Store", "no/notes.txt", "no/__MACOSX/._0.png", "readme.md"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"\x00\x05\x16\x07 no picture")
    dataset = load_dataset(Data("folder", SIZE, path="set"), tmp_path)
    assert len(dataset.train) + len(dataset.validation) == 8
    assert messages(caplog) == [
        f"{root}: passed over 6 files that are no pictures: .DS_Store, Thumbs.db, __MACOSX/, desktop.ini, ..."
    ]


def test_pictures_without_a_name_that_tells_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    root = two_classes(tmp_path / "set", 3)
    (root / "yes" / "0.png").rename(root / "yes" / "0001")
    picture(root / "yes" / "x.webp").rename(root / "yes" / "x.webp_large")
    assert len(read_class_folders(root, SIZE, "gray").parts["train"]) == 7


def test_pictures_in_sub_folders_are_taken_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = two_classes(tmp_path / "set", 2)
    picture(root / "yes" / "2024" / "may" / "a.png", 10)
    picture(root / "yes" / "album.png" / "b.png", 20)
    (root / "yes" / "round").symlink_to(root / "yes")
    picture(root / "stray.png")
    found = read_class_folders(root, SIZE, "gray")
    means = found.parts["train"].images[found.parts["train"].labels == 1].mean((1, 2, 3)).tolist()
    assert means == [180, 181, 10, 20]
    assert messages(caplog) == [
        f"{root}: 1 picture beside the class folders left out, as of no class",
        f"{root}: 2 pictures taken from sub-folders: yes/2024/may, yes/album.png",
    ]


def broken(root: Path) -> dict[str, str]:
    """Puts all kinds of bad pictures into `root`; what is to be said of each."""
    whole = (root / "no" / "0.png").read_bytes()
    (root / "no" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (root / "no" / "empty.jpg").write_bytes(b"")
    (root / "yes" / "text.jpg").write_text("not a picture")
    (root / "yes" / "phone.HEIC").write_bytes(b"\x00\x00\x00\x18ftypheic")
    (root / "yes" / "gone.png").symlink_to(root / "nowhere.png")
    os.mkfifo(root / "yes" / "pipe.png")
    return {
        "no/cut.png": "expected a picture, could not read it",
        "no/empty.jpg": "expected a picture, could not read it",
        "yes/text.jpg": "expected a picture, could not read it",
        "yes/phone.HEIC": "no picture format that is read here is called .HEIC; convert it to JPEG or PNG",
        "yes/gone.png": "a link to a file that is not there",
        "yes/pipe.png": "a named pipe, no file",
    }


def test_all_that_is_wrong_is_told_at_once_and_skip_bad_goes_on_without(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = two_classes(tmp_path / "set")
    bad = broken(root)
    picture(root / "rare" / "one.png")
    (root / "void").mkdir()
    with pytest.raises(OwlbitError) as refused:
        load_dataset(Data("folder", SIZE, path="set"), tmp_path)
    head, *lines = str(refused.value).splitlines()
    assert head == (
        f"{root}: expected pictures that can be used, found 8 problems among 15 pictures; "
        "mend them, or leave them out with --skip-bad"
    )
    for place, reason in bad.items():
        assert any(line.startswith(f"  {place}: {reason}") for line in lines), place
    assert '  rare: class "rare": expected at least 2 pictures of this class, one for each split, got 1' in "\n".join(lines)
    assert '  void: class "void"' in "\n".join(lines) and len(lines) == 8
    for name in ("rare/one.png", "rare", "void"):
        (root / name).unlink() if "." in name else (root / name).rmdir()
    dataset = load_dataset(Data("folder", SIZE, path="set", skip_bad=True), tmp_path)
    assert len(dataset.train) + len(dataset.validation) == 8
    assert {Path(line.split(": ")[0]).relative_to(root).as_posix() for line in dataset.skipped} == set(bad)
    assert f"{root}: left out 6 pictures that cannot be used, as --skip-bad says" in messages(caplog)


def test_one_bad_picture_is_one_sentence(tmp_path: Path) -> None:
    root = two_classes(tmp_path / "set")
    (root / "no" / "empty.jpg").write_bytes(b"")
    said = r"^\S*set/no/empty\.jpg: expected a picture, could not .*; mend it, or leave it out with --skip-bad$"
    with pytest.raises(OwlbitError, match=said):
        load_dataset(Data("folder", SIZE, path="set"), tmp_path)


@pytest.mark.parametrize("names", [("train", "test"), ("Training", "Validation"), ("train", "val", "test"), ("train", "valid")])
def test_folders_that_are_split_already_are_taken_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, names: tuple[str, ...]
) -> None:
    for number, name in enumerate(names):
        two_classes(tmp_path / "set" / name, 5 + number)
    dataset = load_dataset(Data("folder", SIZE, path="set", validation=0.2), tmp_path)
    assert dataset.class_names == ("no", "yes")
    of_test = {"test": len(names) + 4}.get(names[-1])
    assert (None if dataset.test is None else len(dataset.test)) == (None if of_test is None else 2 * of_test)
    assert len(dataset.validation) == (2 if names[1] == "test" else 12)
    assert len(dataset.train) == (8 if names[1] == "test" else 10)
    assert f"{tmp_path / 'set'}: taken as it is split: {names[0]}/ to train on" in messages(caplog)[0]


def test_a_test_folder_without_classes_is_told_and_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    two_classes(tmp_path / "set" / "train")
    picture(tmp_path / "set" / "test" / "1.png")
    (tmp_path / "set" / "docs").mkdir()
    assert load_dataset(Data("folder", SIZE, path="set"), tmp_path).test is None
    assert "set/test: not used: its pictures lie in no class folders" in messages(caplog)[2]
    assert messages(caplog)[1] == f"{tmp_path / 'set'}: not used beside them: docs"


def test_split_folders_of_other_classes_and_a_second_test_set_are_refused(tmp_path: Path) -> None:
    two_classes(tmp_path / "set" / "train")
    two_classes(tmp_path / "set" / "test")
    with pytest.raises(OwlbitError, match=r"data\.test_share: expected no such key beside the folder test/"):
        load_dataset(Data("folder", SIZE, path="set", test_share=0.2), tmp_path)
    (tmp_path / "set" / "test" / "no").rename(tmp_path / "set" / "test" / "other")
    with pytest.raises(OwlbitError, match="test: expected the classes no, yes, got other, yes"):
        load_dataset(Data("folder", SIZE, path="set"), tmp_path)


def simulate_folder(folder: Path, *more: str) -> tuple[int, str, str]:
    return owlbit("simulate", "zoo:digits", "--images", str(folder), *more)


def test_simulate_takes_class_folders_and_tells_all_that_is_wrong(tmp_path: Path) -> None:
    root = two_classes(tmp_path / "set")
    code, out, _ = simulate_folder(root)
    assert code == 0 and "yes/3.png" in out
    bad = broken(root)
    code, _, err = simulate_folder(root)
    assert code == 2 and all(place in err for place in bad) and "Traceback" not in err
    code, out, _ = simulate_folder(root, "--skip-bad")
    assert code == 0 and "no/3.png" in out and "cut.png" not in out


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda path: os.mkfifo(path),
            "expected images as .npy, .npz, a picture or a folder of pictures, found a named pipe, no file",
        ),
        (lambda path: path.mkdir(), "in this folder or its sub-folders, found none"),
        (lambda path: path.write_bytes(b""), "expected a picture, could not read it"),
    ],
)
def test_simulate_tells_what_is_no_picture_in_a_sentence(tmp_path: Path, make: Callable[[Path], None], said: str) -> None:
    make(tmp_path / "x.png")
    code, _, err = simulate_folder(tmp_path / "x.png")
    assert code == 2 and said in err and len(err.splitlines()) == 1


def test_a_folder_named_as_a_picture_is_a_folder(tmp_path: Path) -> None:
    picture(tmp_path / "x.png" / "a.png")
    assert simulate_folder(tmp_path / "x.png")[0] == 0
