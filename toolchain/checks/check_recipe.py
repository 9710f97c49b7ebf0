"""A recipe checked before training: what its network costs, whether it fits each target, its images, and the time that it takes."""

from __future__ import annotations

from dataclasses import dataclass

from owlbit.export.network import Network
from owlbit.export.network_cost import LayerCost, layer_costs, total_cost
from owlbit.toolchain.checks.epoch_time import epoch_seconds
from owlbit.toolchain.checks.image_counts import ClassImages, count_images, uneven
from owlbit.toolchain.checks.targets import UP5K, TargetFit, cost, fit_targets, network_of, why_not_deployed
from owlbit.toolchain.data.dataset import Dataset
from owlbit.toolchain.recipes.recipe import Recipe
from owlbit.toolchain.runs.durations import in_words


@dataclass(frozen=True, eq=False)
class RecipeCheck:
    """What is known of a recipe before training.

    `classes`: how many there are; `network`: with weights of zero, None where [network] takes the place of a layer table;
    `undeployable`: why no target takes it, else ""; `targets`: a row per target, none where it is undeployable; `images`: a row
    per class, none where there are no images to train on; `seconds`: of an epoch, about, on this processor, 0 where not known.
    """

    recipe: Recipe
    classes: int
    network: Network | None
    undeployable: str
    targets: tuple[TargetFit, ...]
    images: tuple[ClassImages, ...]
    seconds: float

    @property
    def layers(self) -> tuple[LayerCost, ...]:
        """A row per layer, and last their sum."""
        if self.network is None:
            return ()
        rows = layer_costs(self.network)
        return (*rows, total_cost(rows))

    def target(self, name: str) -> TargetFit | None:
        """The row of a target."""
        return next((row for row in self.targets if row.target == name), None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against training this recipe as it is, a sentence each."""
        found = []
        if self.undeployable:
            found.append(f"nothing is built from this network: {self.undeployable}")
        for row in self.targets:
            if not row.fits:
                changes = f"; what would make it fit: {'; or '.join(row.advice)}" if row.advice else ""
                when = " before it is pruned" if self.recipe.pruning is not None else ""
                found.append(f"{row.target}: does not fit{when}: {row.reason}{changes}")
        if self.images and (told := uneven(self.images)):
            found.append(told)
        return tuple(found)

    @property
    def summary(self) -> tuple[str, str]:
        """Two lines: the network and its frame rate; the images and the time."""
        return self._of_network(), self._of_images()

    def _of_network(self) -> str:
        if self.network is None:
            return f"{self.recipe.name}: a network of a paper, {self.classes} classes"
        total = self.layers[-1]
        up5k = self.target(UP5K)
        built = f"; {UP5K}: {cost(up5k.program)}" if up5k is not None and up5k.program is not None else ""
        size = f"{total.weight_bits / 1000:,.1f} kbit, {total.macs / 1e6:,.1f} million binary MACs per image"
        return f"{self.recipe.name}: {size}{built}"

    def _of_images(self) -> str:
        train, validation, test = (sum(getattr(row, part) for row in self.images) for part in ("train", "validation", "test"))
        counts = f"{train:,} training, {validation:,} validation and {test:,} test images of {len(self.images)} classes"
        if not self.seconds:
            return counts
        epochs = self.recipe.training.epochs
        whole = f"{in_words(self.seconds * epochs)} for {epochs:,} epochs"
        return f"{counts}; about {in_words(self.seconds)} per epoch on this processor, {whole}"


def check_recipe(recipe: Recipe, dataset: Dataset | None) -> RecipeCheck:
    """Checks `recipe`; `dataset`: its images, None where it has none (source "none")."""
    classes = recipe.data.classes if dataset is None else len(dataset.class_names)
    network = None if recipe.network is not None else network_of(recipe, classes)
    undeployable = why_not_deployed(recipe)
    return RecipeCheck(
        recipe,
        classes,
        network,
        undeployable,
        () if undeployable or network is None else fit_targets(recipe, network),
        () if dataset is None else count_images(recipe, dataset),
        epoch_seconds(recipe, network, dataset.images_per_epoch) if dataset is not None and network is not None else 0.0,
    )
