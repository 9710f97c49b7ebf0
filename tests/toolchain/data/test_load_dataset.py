"""A user's images: what is read, how it is split, and the sentence for each thing that is wrong with them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.data.class_folders import read_folder
from owlbit.toolchain.data.dataset import stratified_split
from owlbit.toolchain.data.illumination import under_light
from owlbit.toolchain.data.image_files import read_image
from owlbit.toolchain.data.load_dataset import load_dataset, read_npz
from owlbit.toolchain.recipes.data import Data


def folder_of_classes(root: Path, counts: dict[str, int], size: tuple[int, int] = (20, 30)) -> Path:
    generator = np.random.default_rng(0)
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for index in range(count):
            pixels = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{index}.{'png' if index % 2 else 'jpg'}")
    return root


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def some_images(count: int = 20) -> dict[str, Any]:
    generator = np.random.default_rng(1)
    return {"images": generator.integers(0, 256, (count, 1, 6, 5), dtype=np.uint8), "labels": np.arange(count) % 2}


def test_folder_becomes_arrays_of_the_wanted_size(tmp_path: Path) -> None:
    root = folder_of_classes(tmp_path / "set", {"owl": 6, "mouse": 8})
    (root / "owl" / ".hidden").write_text("not an image")
    dataset = load_dataset(Data("folder", (12, 10), path="set", colour="rgb", test_share=0.25), tmp_path)
    assert dataset.class_names == ("mouse", "owl")
    assert dataset.test is not None
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (8, 2, 4)
    assert dataset.train.images.shape == (8, 3, 12, 10)


def test_gray_png_of_the_right_size_is_read_as_it_is(tmp_path: Path) -> None:
    pixels = np.arange(80, dtype=np.uint8).reshape(8, 10)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", (8, 10), "gray"), pixels[None])


def test_image_of_another_shape_is_cropped_at_its_middle(tmp_path: Path) -> None:
    pixels = np.zeros((8, 24), dtype=np.uint8)
    pixels[:, 8:16] = 200
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", (8, 8), "gray"), np.full((1, 8, 8), 200))


def test_npz_with_its_own_test_file(tmp_path: Path) -> None:
    arrays = some_images()
    npz(tmp_path / "a.npz", **arrays, class_names=np.array(["no", "yes"]))
    npz(tmp_path / "b.npz", **some_images(4), class_names=np.array(["no", "yes"]))
    dataset = load_dataset(Data("npz", (6, 5), path="a.npz", test="b.npz", validation=0.2), tmp_path)
    assert dataset.class_names == ("no", "yes")
    assert dataset.test is not None
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (16, 4, 4)
    joined = np.concatenate([dataset.train.images, dataset.validation.images])
    np.testing.assert_array_equal(np.sort(joined, axis=None), np.sort(arrays["images"], axis=None))
    np.testing.assert_array_equal(dataset.epoch(np.random.default_rng(0)).images, dataset.train.images)  # nothing is varied unasked


def test_an_npz_in_colour_is_made_gray_as_pictures_are(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (8, 12, 10, 3), dtype=np.uint8)
    for index, each in enumerate(pixels):
        (tmp_path / "set" / str(index % 2)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(each).save(tmp_path / "set" / str(index % 2) / f"{index}.png")
    npz(tmp_path / "a.npz", images=pixels.transpose(0, 3, 1, 2), labels=np.arange(8) % 2)
    for size in ((12, 10), (6, 5)):
        found, names = read_npz(tmp_path / "a.npz", size, "gray")
        of_folder, _ = read_folder(tmp_path / "set", size, "gray")
        assert names == ("0", "1")
        for label in (0, 1):
            np.testing.assert_array_equal(found.images[found.labels == label], of_folder.images[of_folder.labels == label])
    assert "a.npz: images of [3, 12, 10] are made into [1, 6, 5]" in caplog.text


def test_groups_of_classes_are_new_classes_and_the_rest_is_left_out(tmp_path: Path) -> None:
    root = folder_of_classes(tmp_path / "set", {"cat": 4, "dog": 6, "owl": 5, "van": 8})
    plain = read_folder(root, (8, 8), "gray")[0]
    groups = (("flies", ("owl",)), ("walks", ("dog", "cat")))
    dataset = load_dataset(Data("folder", (8, 8), path="set", test_share=0.2, groups=groups), tmp_path)
    assert dataset.class_names == ("flies", "walks") and dataset.test is not None
    parts = (dataset.train, dataset.validation, dataset.test)
    assert [sum(int((part.labels == label).sum()) for part in parts) for label in (0, 1)] == [5, 10]
    wanted = {0: {picture.tobytes() for picture in plain.images[10:15]}, 1: {picture.tobytes() for picture in plain.images[:10]}}
    for part in parts:
        for picture, label in zip(part.images, part.labels.tolist(), strict=True):
            assert picture.tobytes() in wanted[label]
    with pytest.raises(OwlbitError, match=r'set: data\.groups\.flies: expected classes of cat, dog, owl, van, got "bat"'):
        load_dataset(Data("folder", (8, 8), path="set", groups=(("flies", ("bat",)), groups[1])), tmp_path)


def test_groups_hold_for_a_test_set_of_its_own(tmp_path: Path) -> None:
    names = np.array(["a", "b", "c"])
    for name in ("a.npz", "b.npz"):
        npz(tmp_path / name, images=some_images()["images"], labels=np.arange(20) % 3, class_names=names)
    data = Data("npz", (6, 5), path="a.npz", test="b.npz", groups=(("yes", ("c",)), ("no", ("a",))))
    dataset = load_dataset(data, tmp_path)
    assert dataset.test is not None and dataset.class_names == ("yes", "no")
    np.testing.assert_array_equal(np.bincount(dataset.test.labels), [6, 7])


def test_dark_is_the_formula_plus_a_little_noise() -> None:
    images = np.tile(np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16), (1500, 1, 1, 1))
    dark = under_light(images, "dark", np.random.default_rng(0))
    assert dark.dtype == np.uint8 and dark.shape == images.shape
    curve = 255 * 0.4 * (np.arange(256).reshape(16, 16) / 255) ** 3
    bright = curve > 10  # below, clipping at 0 moves the mean
    np.testing.assert_allclose(dark.mean(0)[0][bright], curve[bright], atol=0.25)
    assert abs(dark.astype(float).std(0)[0][bright].mean() - 2.02) < 0.05  # the noise, and its rounding
    assert (dark[0] != dark[1]).any()
    assert under_light(images, "day", np.random.default_rng(0)) is images


def test_mixed_light_is_drawn_for_each_image() -> None:
    images = np.full((2000, 1, 4, 4), 200, dtype=np.uint8)
    means = under_light(images, "mixed", np.random.default_rng(0)).mean((1, 2, 3))
    lowest, highest = 255 * 0.4 * (200 / 255) ** 3, 200
    assert means.min() < lowest + 3 and means.max() > highest - 3
    assert np.histogram(means, 6, (lowest, highest))[0].min() > 100


@pytest.mark.parametrize("light", ["dark", "mixed"])
def test_light_falls_on_every_part_and_is_drawn_once(tmp_path: Path, light: str) -> None:
    npz(tmp_path / "a.npz", **some_images())
    npz(tmp_path / "b.npz", **some_images(4))
    data = Data("npz", (6, 5), path="a.npz", test="b.npz", validation=0.2)
    day = load_dataset(data, tmp_path)
    first, second = (load_dataset(replace(data, light=light), tmp_path) for _ in range(2))
    assert day.test is not None and first.test is not None and second.test is not None
    for part, same, bright in [
        (first.train, second.train, day.train),
        (first.validation, second.validation, day.validation),
        (first.test, second.test, day.test),
    ]:
        np.testing.assert_array_equal(part.images, same.images)
        np.testing.assert_array_equal(part.labels, bright.labels)
        assert part.images.mean() < bright.images.mean() - 20
    np.testing.assert_array_equal(first.epoch(np.random.default_rng(0)).images, day.train.images)  # what variations begin with
    assert first.variations.light == light


def test_split_is_stratified_disjoint_and_repeatable() -> None:
    labels = np.repeat(np.arange(3), [40, 10, 2]).astype(np.int64)
    kept, off = stratified_split(labels, 0.2, 1)
    np.testing.assert_array_equal(np.bincount(labels[off]), [8, 2, 1])
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, off])), np.arange(52))
    np.testing.assert_array_equal(off, stratified_split(labels, 0.2, 1)[1])
    assert (off[:8] != stratified_split(labels, 0.2, 2)[1][:8]).any()


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"a": 3, "b": 0}, 'set/b: class "b": expected at least 2 pictures of this class, one for each split, got none'),
        ({"a": 3, "b": 1}, 'class "b": expected at least 2 pictures of this class, one for each split, got 1'),
        ({"a": 3}, "expected at least 2 classes, got 1"),
        ({}, "set: expected a folder of class folders, found no such folder"),
    ],
)
def test_a_class_with_too_little_is_named(tmp_path: Path, counts: dict[str, int], message: str) -> None:
    folder_of_classes(tmp_path / "set", counts)
    with pytest.raises(OwlbitError, match=message):
        load_dataset(Data("folder", (8, 8), path="set"), tmp_path)


def test_a_split_without_a_class_is_named(tmp_path: Path) -> None:
    npz(tmp_path / "a.npz", **some_images(6))
    with pytest.raises(OwlbitError, match=r'class "0": expected at least 2 images, beside the 60% for testing, got 1'):
        load_dataset(Data("npz", (6, 5), path="a.npz", test_share=0.6), tmp_path)
    one_class = {**some_images(6), "labels": np.ones(6, int)}
    npz(tmp_path / "b.npz", **one_class)
    with pytest.raises(OwlbitError, match=r'b\.npz: class "0": expected at least 1 image, for testing, got 0'):
        load_dataset(Data("npz", (6, 5), path="a.npz", test="b.npz"), tmp_path)


def test_a_file_where_a_folder_should_be_and_a_folder_without_classes(tmp_path: Path) -> None:
    (tmp_path / "set").write_text("")
    with pytest.raises(OwlbitError, match="expected a folder of class folders, found a file"):
        read_folder(tmp_path / "set", (8, 8), "gray")
    with pytest.raises(OwlbitError, match="expected a folder for each class, found none"):
        read_folder(folder_of_classes(tmp_path / "x", {"y": 1}) / "y", (8, 8), "gray")


def changed(**arrays: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {**some_images(), **arrays}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            changed(images=np.zeros((20, 1, 6, 5))),
            r"expected uint8 \[N, 1, 6, 5\] or \[N, 3, 6, 5\], got float64 \[20, 1, 6, 5\]",
        ),
        (changed(images=np.zeros((20, 6, 5), np.uint8)), r"images: expected uint8 \[N, 1, 6, 5\] or .*, got uint8 \[20, 6, 5\]"),
        (
            changed(images=np.zeros((20, 6, 5, 3), np.uint8)),
            r"images: expected uint8 \[N, 1, 6, 5\] or .*, got uint8 \[20, 6",
        ),
        (changed(labels=np.zeros(20)), "labels: expected 20 integers, got float64"),
        (changed(labels=np.zeros(19, int)), r"labels: expected 20 integers, got int64 \[19\]"),
        (changed(labels=np.arange(20) % 2 - 1), "labels: expected 0 to 0, got -1 to 0"),
        (changed(labels=np.arange(20) % 2 * 5, class_names=np.array(["a", "b"])), "labels: expected 0 to 1, got 0 to 5"),
        (changed(labels=np.arange(20) % 2 * 2), 'class "1": expected at least 2 images, one for each split, got 0'),
        (changed(class_names=np.array([1, 2])), "class_names: expected a list of texts"),
        (changed(class_names=np.array(["a", "a"])), "class_names: expected different names, got a, a"),
        (changed(images=np.array([None] * 20)), "expected an npz of plain arrays"),
        (lambda: {"images": some_images()["images"]}, 'expected an array "labels", found images'),
    ],
)
def test_wrong_arrays_are_named(tmp_path: Path, arrays: Callable[[], dict[str, Any]], message: str) -> None:
    npz(tmp_path / "a.npz", **arrays())
    with pytest.raises(OwlbitError, match=message):
        load_dataset(Data("npz", (6, 5), path="a.npz"), tmp_path)


def test_files_that_are_no_npz(tmp_path: Path) -> None:
    data = Data("npz", (6, 5), path="a.npz")
    with pytest.raises(OwlbitError, match="found no such file"):
        load_dataset(data, tmp_path)
    whole = npz(tmp_path / "a.npz", **some_images()).read_bytes()
    for content in (b"", b"hello", whole[:200], whole[: len(whole) // 2]):
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(OwlbitError, match=r"a\.npz: expected an npz"):
            load_dataset(data, tmp_path)
    with (tmp_path / "a.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(OwlbitError, match="got a single array"):
        load_dataset(data, tmp_path)


def test_classes_of_the_test_images_must_be_the_same(tmp_path: Path) -> None:
    folder_of_classes(tmp_path / "set", {"a": 2, "b": 2})
    folder_of_classes(tmp_path / "test", {"a": 2, "c": 2})
    with pytest.raises(OwlbitError, match="test: expected the classes a, b, got a, c"):
        load_dataset(Data("folder", (8, 8), path="set", test="test"), tmp_path)


def test_a_recipe_without_images_cannot_be_trained(tmp_path: Path) -> None:
    with pytest.raises(OwlbitError, match="it is for random weights, not for training"):
        load_dataset(Data("none", (8, 8), classes=2), tmp_path)
