"""What the fast simulator tells of one image beside its scores: the ones in each layer's output, as the reference counts them."""

from __future__ import annotations

import numpy as np
import pytest

from owlbit.export.network import NetworkError
from owlbit.hw import fast, reference
from random_networks import random_images, random_network


@pytest.mark.parametrize("seed", range(60))
def test_ones_of_every_layer_are_the_references(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(
        rng, max_size=9, max_channels=80, colours=range(1, 6), levels=[int(rng.integers(1, 17))], blocks=seed % 5
    )
    packed = fast.compile_fast(network)
    images = random_images(rng, network, 3)
    outputs = reference.activations(network, images)
    packed.simulate(images)  # what a batch leaves in the workspace must not show
    for index, image in enumerate(images):
        scores, ones = packed.watch(image)
        np.testing.assert_array_equal(scores, outputs[-1][index])
        np.testing.assert_array_equal(ones, [output[index].sum() for output in outputs[:-1]])


def test_another_image_is_refused() -> None:
    network = random_network(np.random.default_rng(1))
    with pytest.raises(NetworkError, match="expected uint8 images"):
        fast.compile_fast(network).watch(np.zeros((9, 9, 9), np.uint8))
