"""The embedded data set: deterministic, and its test originals never shown in training."""

import subprocess
import sys

import numpy as np
from sklearn.datasets import load_digits

from owlbit.toolchain.data.digits import TEST_ORIGINALS, TEST_SEED, digits_dataset, held_out_frames, originals, sensor_frames


def test_shapes_and_ranges() -> None:
    dataset = digits_dataset((16, 20))
    assert dataset.test is not None
    for part in (dataset.train, dataset.validation, dataset.test, dataset.epoch(np.random.default_rng(0))):
        assert part.images.dtype == np.uint8
        assert part.images.shape == (len(part), 1, 16, 20)
        assert set(np.unique(part.labels)) == set(range(10))
    assert len(dataset.test) == 2000
    assert dataset.class_names == tuple("0123456789")


def test_originals_are_those_of_scikit_learn() -> None:
    loaded = load_digits()
    pictures, labels = originals()
    np.testing.assert_array_equal(pictures, (loaded.images / 16).astype(np.float32))
    np.testing.assert_array_equal(labels, loaded.target)
    assert pictures.dtype == np.float32 and labels.dtype == np.int64


def test_the_same_draws_give_the_same_frames_and_others_do_not() -> None:
    dataset = digits_dataset()
    first = dataset.epoch(np.random.default_rng([0, 1])).images
    np.testing.assert_array_equal(first, dataset.epoch(np.random.default_rng([0, 1])).images)
    assert (first != dataset.epoch(np.random.default_rng([0, 2])).images).any()
    np.testing.assert_array_equal(held_out_frames((16, 16)).images, held_out_frames((16, 16)).images)


def test_no_test_original_is_trained_or_validated_on() -> None:
    """The labels of an epoch and of the validation set are, together, those of the training originals alone."""
    dataset = digits_dataset()
    _, labels = originals()
    assert len(dataset.train) + len(dataset.validation) // 4 == len(labels) - TEST_ORIGINALS
    counts = np.bincount(dataset.train.labels, minlength=10) + np.bincount(dataset.validation.labels, minlength=10) // 4
    np.testing.assert_array_equal(counts, np.bincount(labels[:-TEST_ORIGINALS], minlength=10))


def test_an_undistorted_frame_shows_the_original() -> None:
    """Averaged over many renderings, a frame is brightest where the scaled original is."""
    pictures, _ = originals()
    frames = sensor_frames(np.repeat(pictures[:1], 400, axis=0), (16, 16), np.random.default_rng(0))
    mean = frames.mean(axis=(0, 1))
    scaled = pictures[0].repeat(2, axis=0).repeat(2, axis=1)
    assert np.corrcoef(mean.ravel(), scaled.ravel())[0, 1] > 0.85
    assert frames.std(axis=0).min() > 5  # and no two exposures are alike


def test_imports_no_torch() -> None:
    code = "import sys, owlbit.toolchain.data.load_dataset, owlbit.toolchain.runs.run_folder; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_slant_and_stretch_vary_the_shape_of_a_digit_and_are_kept_out_of_the_test_frames() -> None:
    pictures, labels = originals()
    plain, varied = (
        sensor_frames(pictures[-TEST_ORIGINALS:], (16, 16), np.random.default_rng(TEST_SEED), slant=amount, stretch=amount)
        for amount in (0.0, 0.2)
    )
    held_out = held_out_frames((16, 16))
    np.testing.assert_array_equal(held_out.images[:TEST_ORIGINALS], plain)
    np.testing.assert_array_equal(held_out.labels[:TEST_ORIGINALS], labels[-TEST_ORIGINALS:])
    assert (plain != varied).any(axis=(1, 2, 3)).all()
