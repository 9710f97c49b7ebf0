"""[data.extra]: images of another set to train on, where they are read and where not, and what is refused."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from command_line import owlbit
from owlbit.export.settings import SettingError
from owlbit.toolchain.data.dataset import DataError, Dataset
from owlbit.toolchain.data.load_dataset import load_dataset
from owlbit.toolchain.recipes.recipe import Recipe, load_recipe, with_extra_data
from owlbit.toolchain.training.batches import EpochBatches, steps_per_epoch
from owlbit.toolchain.training.timed.batches import ResidentImages

RECIPE = """
[data]
source = "npz"
path = "own.npz"
size = [8, 8]
validation = 0.25
[data.extra]
source = "npz"
path = "other.npz"
share = {share}
rename = {{ automobile = "car" }}
[input]
thresholds = 2
[[layers]]
kind = "conv"
filters = 8
pool = 2
[training]
batch = 8
"""
OWN, OTHER = ("bird", "car"), ("automobile", "bird", "frog")


def recipe(folder: Path, share: float = 0.5, more: str = "") -> Recipe:
    """Own images of 8x8 with pixels below 100, others of 4x4 with pixels of 100 and more, whose value tells the class."""
    own, other = np.arange(40) % 2, np.arange(60) % 3
    np.savez(
        folder / "own.npz", images=np.tile(own[:, None, None, None], (1, 1, 8, 8)).astype(np.uint8), labels=own, class_names=OWN
    )
    pixels = np.tile(100 + other[:, None, None, None], (1, 1, 4, 4)).astype(np.uint8)
    np.savez(folder / "other.npz", images=pixels, labels=other, class_names=OTHER)
    (folder / "recipe.toml").write_text(RECIPE.format(share=share) + more)
    return load_recipe(folder / "recipe.toml")


def loaded(folder: Path, share: float = 0.5) -> Dataset:
    return load_dataset(recipe(folder, share).data, folder, extra=True)


# Of an extra image: its class there is its pixels - 100; here automobile, 0, is car, 1, and bird, 1, is bird, 0.
def right_labels(images: np.ndarray, labels: np.ndarray) -> None:
    value = images[:, 0, 0, 0].astype(np.int64)
    np.testing.assert_array_equal(labels, np.where(value >= 100, 101 - value, value))


def test_classes_that_both_have_are_enlarged_and_renamed_and_the_rest_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        dataset = loaded(tmp_path)
    assert dataset.extra is not None and dataset.extra.images.shape == (40, 1, 8, 8)
    right_labels(dataset.extra.images, dataset.extra.labels)
    assert "40 images to train on beside the others; left out: those of frog" in caplog.text
    assert (len(dataset.train), dataset.extra_per_epoch, dataset.images_per_epoch) == (30, 30, 60)


def test_they_are_read_for_training_alone(tmp_path: Path) -> None:
    given = recipe(tmp_path)
    (tmp_path / "other.npz").unlink()
    assert load_dataset(given.data, tmp_path).extra is None
    with pytest.raises(DataError, match=r"other\.npz: expected an npz, found no such file"):
        load_dataset(given.data, tmp_path, extra=True)


@pytest.mark.parametrize(("share", "count"), [(0.25, 10), (0.5, 30), (0.75, 90)])
def test_an_epoch_has_all_own_images_and_their_share_of_others(tmp_path: Path, share: float, count: int) -> None:
    dataset = loaded(tmp_path, share)
    given = load_recipe(tmp_path / "recipe.toml").training
    first, second = (dataset.epoch(np.random.default_rng(seed)) for seed in (0, 1))
    for epoch in (first, second):
        right_labels(epoch.images, epoch.labels)
        assert (epoch.images[:, 0, 0, 0] >= 100).sum() == count == dataset.extra_per_epoch
        np.testing.assert_array_equal(epoch.images[:30], dataset.train.images)
    assert not np.array_equal(first.images, second.images)
    if count <= 40:  # all different
        np.testing.assert_array_equal(
            np.sort(dataset.draw_extra(np.random.default_rng(0))), np.unique(dataset.draw_extra(np.random.default_rng(0)))
        )
    batches = EpochBatches(dataset, given, 0)
    seen = np.concatenate([batch.images.numpy() for batch in batches])
    assert len(batches) == steps_per_epoch(dataset, given) == (30 + count) // 8 and (seen >= 100).any() and (seen < 100).any()


def test_batches_on_a_device_have_the_labels_of_their_images(tmp_path: Path) -> None:
    dataset = loaded(tmp_path)
    feed = ResidentImages(dataset, torch.device("cpu")).batches(20, 0)
    for _ in range(2):  # epochs of 60 images
        epoch = [next(feed) for _ in range(3)]
        images, labels = (np.concatenate([getattr(batch, name).numpy() for batch in epoch]) for name in ("images", "labels"))
        right_labels(images, labels)
        assert (images[:, 0, 0, 0] >= 100).sum() == 30


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('automobile = "car"', 'lorry = "car"', 'data.extra.rename: expected classes of automobile, bird, frog, got "lorry"'),
        (
            'automobile = "car"',
            'automobile = "x", bird = "y"',
            "data.extra: expected some of the classes bird, car, got x, y, frog",
        ),
    ],
)
def test_other_classes_are_one_sentence(tmp_path: Path, old: str, new: str, message: str) -> None:
    recipe(tmp_path)
    path = tmp_path / "recipe.toml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=message.replace("[", r"\[")):
        load_dataset(load_recipe(path).data, tmp_path, extra=True)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("share = 0.5", "share = 1.0", r"data\.extra\.share: expected .*0\.95, got 1"),
        ("share = 0.5", "portion = 0.5", r"data\.extra\.portion"),
        ('path = "other.npz"\n', "", r"data\.extra\.path: expected a path, with source \"npz\", got none"),
        (
            'rename = { automobile = "car" }',
            "rename = { automobile = 3 }",
            r"data\.extra\.rename\.automobile: expected the name of a class, got 3",
        ),
        ('[data.extra]\nsource = "npz"', '[data.extra]\nsource = "vww"', r"data\.extra\.source: expected"),
    ],
)
def test_a_wrong_table_names_its_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    recipe(tmp_path)
    path = tmp_path / "recipe.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(SettingError, match=message):
        load_recipe(path)


def test_cached_logits_do_not_go_with_it(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"distillation\.cache_logits: expected no such key beside \[data\.extra\]"):
        recipe(tmp_path, more='[distillation]\nteacher = "anywhere"\ncache_logits = true\n')


def test_another_place_for_them(tmp_path: Path) -> None:
    given = with_extra_data(recipe(tmp_path), tmp_path / "moved.npz")
    assert given.data.extra is not None and given.data.extra.path == str(tmp_path / "moved.npz")
    (tmp_path / "other.npz").rename(tmp_path / "moved.npz")
    arguments = (str(tmp_path / "recipe.toml"), "--extra-data", str(tmp_path / "moved.npz"))
    done = owlbit("check", *arguments)
    assert done.code == 0, done.err
    plain = tmp_path / "plain.toml"
    text = (tmp_path / "recipe.toml").read_text()
    plain.write_text(text.partition("[data.extra]")[0] + "[input]" + text.partition("[input]")[2])
    done = owlbit("check", str(plain), "--extra-data", str(tmp_path / "moved.npz"))
    assert done.code == 2 and "data.extra: expected a table of additional images, with --extra-data, got none" in done.err
