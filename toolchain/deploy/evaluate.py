"""`owlbit evaluate`: a model's accuracy on labelled images, its confusion matrix, and the images that it gets most wrong.

Computed by the fast simulator, whose integers are the chip's. Imports neither torch nor brevitas.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.files import replacing, write_text
from owlbit.export.network import Network
from owlbit.toolchain.data.dataset import Images, Labelled, Labels
from owlbit.toolchain.deploy.model_source import Kind, ModelSource
from owlbit.toolchain.deploy.simulate import simulate_images

LOG = logging.getLogger(__name__)

Z95 = 1.959963984540054  # of the normal distribution, two-sided


@dataclass(frozen=True)
class Wrong:
    """An image that the network gets wrong: its `name`, its class `label`, what was `said`, and by how much the score of that is
    above the score of its class."""

    name: str
    label: str
    said: str
    margin: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """`class_names`: of the network; `confusion`: int64 [classes, classes], images of the true class (row) by what the network says
    (column); `wrong`: the images that it gets wrong, the largest margin first; `scores`: [N, classes]; `names`: of the images."""

    class_names: tuple[str, ...]
    confusion: NDArray[np.int64]
    wrong: tuple[Wrong, ...]
    scores: NDArray[Any]
    names: tuple[str, ...]

    @property
    def images(self) -> int:
        """How many were evaluated."""
        return int(self.confusion.sum())

    @property
    def right(self) -> int:
        """How many the network gets right."""
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """The share of images that the network gets right, 0..1."""
        return self.right / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """Between which shares the accuracy on all such images lies, with 95 % confidence."""
        return wilson_interval(self.right, self.images)

    def as_json(self, most: int | None = None) -> dict[str, Any]:
        """As plain values; `most`: of the images that it gets wrong, so many at most."""
        return {
            "images": self.images,
            "right": self.right,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "class_names": list(self.class_names),
            "confusion": self.confusion.tolist(),
            "wrong": [vars(each) for each in self.wrong[:most]],
        }


def wilson_interval(right: int, images: int, z: float = Z95) -> tuple[float, float]:
    """The score interval of a share (Wilson, "Probable inference", 1927, equation of the roots), which is right for few images too.

    `right` of `images`, at least one; `z`: the quantile of the normal distribution.
    """
    share, square = right / images, z * z
    middle = (share + square / (2 * images)) / (1 + square / images)
    half = z / (1 + square / images) * ((share * (1 - share) + square / (4 * images)) / images) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def run_images(source: ModelSource) -> tuple[Labelled, list[str]]:
    """The images that the run `source` was tested on, or that chose its epoch where it has none, and their places in the set.

    Raises OwlbitError where it is no run.
    """
    from owlbit.toolchain.data.load_dataset import load_dataset
    from owlbit.toolchain.runs.run_folder import run_recipe

    if source.kind is not Kind.RUN or source.folder is None:
        raise OwlbitError(f"{source.given}: expected --images, a folder of class folders or an .npz, since {source.kind} has none")
    recipe, _, base = run_recipe(source.folder)
    dataset = load_dataset(recipe.data, base)
    if dataset.test is None:
        LOG.warning("%s: evaluated on the validation images, which chose the epoch: the recipe keeps none back", source.given)
    return dataset.held_out, [str(index) for index in range(len(dataset.held_out))]


def evaluate_images(network: Network, images: Images, labels: Labels, names: Sequence[str]) -> Evaluation:
    """Evaluates `network` on uint8 images [N, C, H, W] of the classes `labels`, int64 [N]; `names`: of the images."""
    scores = simulate_images(network, images, "fast", None).scores
    said = scores.argmax(axis=1)
    confusion = np.zeros((network.classes, network.classes), np.int64)
    np.add.at(confusion, (labels, said), 1)
    rows = np.arange(len(labels))
    margins = scores[rows, said] - scores[rows, labels]
    mistakes = np.flatnonzero(said != labels)
    order = mistakes[np.argsort(-margins[mistakes], kind="stable")].tolist()
    class_names = network.class_names
    wrong = [Wrong(names[i], class_names[labels[i]], class_names[said[i]], margins[i].item()) for i in order]
    return Evaluation(class_names, confusion, tuple(wrong), scores, tuple(names))


def write_scores(path: Path, scores: NDArray[Any], names: Sequence[str], class_names: Sequence[str]) -> None:
    """Writes scores [N, classes] to `path`: as CSV where its name ends in .csv, a row per image with its name and its class, else
    as an .npy array."""
    if path.suffix.lower() != ".csv":
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, scores, allow_pickle=False)
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "class", *class_names])
    for name, row in zip(names, scores, strict=True):
        writer.writerow([name, class_names[int(row.argmax())], *row.tolist()])
    write_text(path, text.getvalue())
