"""Variations of training images in a batch: against plain loops, repeatable, and with every image's own labels and logits."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from owlbit.toolchain.data.dataset import Dataset, Labelled, Variations
from owlbit.toolchain.data.illumination import NOISE, tone_curves
from owlbit.toolchain.recipes.training import Training
from owlbit.toolchain.training.augment import HIDDEN, Draws, draw, vary
from owlbit.toolchain.training.batches import Batches, EpochBatches


def some_images(count: int = 128) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).integers(0, 256, (count, 3, 4, 5), dtype=np.uint8))


def dataset(count: int, variations: Variations) -> Dataset:
    """Images whose every pixel is their label."""
    labels = np.arange(count)
    images = Labelled(np.tile(labels.astype(np.uint8)[:, None, None, None], (1, 1, 4, 4)), labels)
    return Dataset(images, images, None, ("a", "b"), images, variations)


@pytest.mark.parametrize("shift", [0, 1, 7])
def test_mirrored_and_moved_as_plain_loops_would(shift: int) -> None:
    images = some_images()
    draws = draw(Variations(flip=True, shift=shift), len(images), np.random.default_rng(0))
    varied = vary(images, draws, 0)
    assert varied.dtype == torch.uint8 and varied.shape == images.shape
    for index, (down, right) in enumerate(draws.moves.T.tolist()):
        picture = images[index].numpy()
        picture = picture[..., ::-1] if draws.mirrored[index] else picture
        for row in range(4):
            for column in range(5):
                y, x = min(max(row + down, 0), 3), min(max(column + right, 0), 4)
                np.testing.assert_array_equal(varied[index, :, row, column], picture[:, y, x])


def test_draws_cover_what_they_may() -> None:
    draws = draw(Variations(flip=True, shift=2, light="mixed"), 2000, np.random.default_rng(0))
    assert 900 < int(draws.mirrored.sum()) < 1100
    places, counts = np.unique(draws.moves.numpy(), axis=1, return_counts=True)
    assert places.shape == (2, 25) and counts.min() > 40 and np.abs(places).max() == 2
    assert draws.dark is not None and 0 <= draws.dark.min() < 0.01 and 0.99 < draws.dark.max() <= 1
    still = draw(Variations(), 9, np.random.default_rng(0))
    assert not still.mirrored.any() and not still.moves.any() and still.dark is None
    images = some_images(9)
    assert vary(images, still, 0) is images  # nothing is varied unasked


@pytest.mark.parametrize("extra", [{"zoom": (0.5, 1.2)}, {"exposure": 0.3}, {"tint": 0.1}, {"cutout": 3}])
def test_further_variations_leave_the_draws_of_the_others(extra: dict[str, Any]) -> None:
    plain = draw(Variations(flip=True, shift=3, light="mixed"), 50, np.random.default_rng(4))
    more = draw(Variations(flip=True, shift=3, light="mixed", **extra), 50, np.random.default_rng(4))
    assert plain.dark is not None and more.dark is not None
    for mine, others in ((plain.mirrored, more.mirrored), (plain.moves, more.moves), (plain.dark, more.dark)):
        np.testing.assert_array_equal(mine, others)


def still(count: int, **drawn: Any) -> Draws:
    return Draws(torch.zeros(count, dtype=torch.bool), torch.zeros(2, count, dtype=torch.int64), **drawn)


def test_a_window_of_the_whole_image_shows_it_and_one_of_half_shows_its_middle() -> None:
    images = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (2, 3, 8, 8), dtype=np.uint8))
    np.testing.assert_array_equal(vary(images, still(2, windows=torch.ones(2)), 0), images)
    seen = vary(images, still(2, windows=torch.full((2,), 0.5)), 0).numpy().astype(float)
    middle = images[:, :, 2:6, 2:6].numpy().astype(float)
    np.testing.assert_allclose(
        seen.reshape(2, 3, 4, 2, 4, 2).mean((3, 5))[:, :, 1:3, 1:3].mean(), middle[:, :, 1:3, 1:3].mean(), atol=25
    )
    corner = 0.5625 * middle[0, 0, 1, 1] + 0.1875 * (middle[0, 0, 1, 2] + middle[0, 0, 2, 1]) + 0.0625 * middle[0, 0, 2, 2]
    assert abs(seen[0, 0, 3, 3] - corner) <= 0.5


def test_a_window_moves_and_mirrors_as_pixels_do() -> None:
    images = some_images(6)
    draws = Draws(torch.tensor([True, False] * 3), torch.tensor([[0, 1, -1, 0, 0, 1], [0, 0, 0, 1, -1, -1]]))
    through = Draws(draws.mirrored, draws.moves, windows=torch.ones(6))
    inside = (slice(None), slice(None), slice(1, 3), slice(1, 4))  # at the edge pixels are mirrored in place of repeated
    moved, seen = vary(images, draws, 0), vary(images, through, 0)
    np.testing.assert_array_equal(seen[inside], moved[inside])


def test_exposure_and_tint_multiply_each_colour() -> None:
    images, gains = some_images(2), torch.tensor([[0.5, 1.0, 2.0], [1.5, 1.0, 0.25]])
    seen = vary(images, still(2, gains=gains), 0).numpy()
    wanted = np.clip(np.round(images.numpy().astype(np.float32) * gains.numpy()[:, :, None, None]), 0, 255)
    np.testing.assert_array_equal(seen, wanted)
    drawn = draw(Variations(exposure=0.2, tint=0.05), 4000, np.random.default_rng(0)).gains
    assert drawn is not None and drawn.shape == (4000, 3)
    assert 0.77 < drawn.min() < 0.80 and 1.26 < drawn.max() < 1.2840255
    assert drawn.log().std(1).max() < 0.06  # colours differ by the tint alone


def test_a_square_hides_a_part() -> None:
    images = torch.zeros(300, 1, 10, 12, dtype=torch.uint8)
    seen = vary(images, draw(Variations(cutout=4), 300, np.random.default_rng(0), 1), 0).numpy()
    assert set(np.unique(seen)) == {0, HIDDEN}
    hidden = (seen == HIDDEN).sum((1, 2, 3))
    assert hidden.max() == 16 and hidden.min() >= 4  # the centre lies in the image, the square may reach beyond it
    assert (seen == HIDDEN).any(0).all()


def test_darkness_is_the_curve_of_each_image_plus_its_noise() -> None:
    images = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).repeat(900, 1, 1, 1)
    dark = torch.cat([torch.zeros(1), torch.ones(899)])
    draws = Draws(torch.zeros(900, dtype=torch.bool), torch.zeros(2, 900, dtype=torch.int64), dark)
    seen = vary(images, draws, 5).numpy()
    np.testing.assert_array_equal(seen[0], images[0])  # d = 0: neither curve nor noise
    curve = tone_curves(np.ones(1, np.float32)).reshape(16, 16)
    bright = curve > 10  # below, clipping at 0 moves the mean
    np.testing.assert_allclose(seen[1:].mean(0)[0][bright], curve[bright], atol=0.35)
    assert abs(seen[1:].astype(float).std(0)[0][bright].mean() - np.hypot(NOISE, 12**-0.5)) < 0.05
    np.testing.assert_array_equal(vary(images, draws, 5).numpy(), seen)
    assert (vary(images, draws, 6).numpy() != seen).any()


def joined(batches: EpochBatches) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(images, labels, index) of all batches."""
    parts = list(batches)
    return (
        torch.cat([batch.images for batch in parts]),
        torch.cat([batch.labels for batch in parts]),
        torch.cat([batch.index for batch in parts]),
    )


@pytest.mark.parametrize("light", ["day", "mixed"])
def test_the_same_seed_and_epoch_give_the_same_batches(light: str) -> None:
    data = dataset(50, Variations(flip=True, shift=1, light=light))
    first, again, later, other = (
        joined(EpochBatches(data, Training(batch=8, seed=seed), epoch)) for seed, epoch in ((3, 1), (3, 1), (3, 2), (4, 1))
    )
    assert len(first[1]) == 48  # what does not fill a batch is left out
    assert len(set(first[1].tolist())) == 48
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert (first[1] != later[1]).any() and (first[1] != other[1]).any()


def test_images_keep_their_labels_and_their_places_in_the_set() -> None:
    data = dataset(50, Variations(flip=True, shift=2))
    for batch in EpochBatches(data, Training(batch=8), 0):
        np.testing.assert_array_equal(batch.images[:, 0, 0, 0], batch.labels)
        np.testing.assert_array_equal(data.train.labels[batch.index], batch.labels)
    places = [batch.index for batch in Batches(data.validation, 16)]
    assert [len(place) for place in places] == [16, 16, 16, 2]
    np.testing.assert_array_equal(torch.cat(places), np.arange(50))


def test_images_that_are_made_up_are_drawn_from_the_epochs_generator() -> None:
    still = dataset(8, Variations())
    np.testing.assert_array_equal(still.epoch(np.random.default_rng(0)).images, still.clean_train.images)

    def draw_train(generator: np.random.Generator) -> Labelled:
        return Labelled(generator.integers(0, 256, (8, 1, 4, 4), dtype=np.uint8), still.train.labels)

    drawn = dataclasses.replace(still, draw_train=draw_train)
    first, again, other = (drawn.epoch(np.random.default_rng(seed)).images for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_fewer_images_than_a_batch_are_one_batch() -> None:
    batches = EpochBatches(dataset(5, Variations()), Training(batch=8), 0)
    assert len(batches) == 1 and [len(batch) for batch in batches] == [5]
