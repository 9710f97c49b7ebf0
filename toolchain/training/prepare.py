"""What training a recipe needs, read and checked before anything is written: images, teachers, pruning, earlier weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from owlbit.export.settings import SettingError
from owlbit.models.networks.trainable import Trainable
from owlbit.toolchain.data.dataset import Dataset
from owlbit.toolchain.data.load_dataset import load_dataset
from owlbit.toolchain.recipes.data import Data
from owlbit.toolchain.recipes.recipe import Recipe
from owlbit.toolchain.runs.build_net import build_net, teacher_recipe
from owlbit.toolchain.runs.run_folder import RunError
from owlbit.toolchain.runs.weights import load_run
from owlbit.toolchain.training.distillation import check_attention
from owlbit.toolchain.training.distributed import world
from owlbit.toolchain.training.pruning_schedule import PruningSchedule, pruning_schedule


@dataclass(frozen=True, eq=False)
class Prepared:
    """One training and what it needs. `teacher`: where another run trained it; `pruning`: None without [pruning]."""

    recipe: Recipe
    dataset: Dataset
    teacher: Trainable | None
    pruning: PruningSchedule | None

    @property
    def epochs(self) -> int:
        """In all, with those of a teacher that is trained within the run."""
        distillation = self.recipe.distillation
        within = distillation is not None and distillation.trained_first
        return self.recipe.training.epochs + (distillation.epochs if distillation is not None and within else 0)


def prepare_trainings(recipe: Recipe, out: Path, dataset: Dataset | None) -> list[Prepared]:
    """The trainings of `recipe`, one and one for each restart, in order.

    `out`: where they are written; `dataset`: the images of the last one, where they are at hand. Raises OwlbitError where one of
    them cannot be trained.
    """
    images: dict[Data, Dataset] = {} if dataset is None else {recipe.data: dataset}
    prepared: list[Prepared] = []
    for each in (*recipe.before, recipe):
        check_apart(each, out)
        _check_batch(each, 0)
        if each.data not in images:
            images[each.data] = load_dataset(each.data, each.path.parent, extra=True)
        one = images[each.data]
        if prepared and one.class_names != prepared[0].dataset.class_names:
            first = ", ".join(prepared[0].dataset.class_names)
            raise RunError(f"{each.path}: restarts: expected images of the classes {first}, got {', '.join(one.class_names)}")
        _check_batch(each, len(one.train))
        pruning = pruning_schedule(each, len(one.class_names))
        teacher = teacher_of_run(each, one)
        _check_attention(each, teacher, len(one.class_names))
        prepared.append(Prepared(each, one, teacher, pruning))
    return prepared


def _check_batch(recipe: Recipe, images: int) -> None:
    """Raises SettingError where several processes cannot share a batch of `recipe` out of so many images; 0: not known yet."""
    batch, processes = recipe.training.batch, world()[1]
    if batch % processes:
        raise SettingError(recipe.path, "training.batch", f"a multiple of the {processes} processes", str(batch))
    if processes > 1 and images and batch > images:
        wanted = f"at most the {images} training images, where processes share a batch evenly"
        raise SettingError(recipe.path, "training.batch", wanted, str(batch))


def check_apart(recipe: Recipe, out: Path) -> None:
    """Raises SettingError where the run is to learn from the folder that it is written to."""
    teacher = "" if recipe.distillation is None or recipe.distillation.trained_first else recipe.distillation.teacher
    for key, given in (("training.from_run", recipe.training.from_run), ("distillation.teacher", teacher)):
        if given and out.resolve() in ((place := (recipe.path.parent / given).resolve()), *place.parents):
            raise SettingError(recipe.path, key, "another run than the one to be trained", f'"{given}"')


def _check_attention(recipe: Recipe, teacher: Trainable | None, classes: int) -> None:
    """Raises RunError where attention is matched and the maps of `teacher`, or of the float teacher to come, do not fit."""
    distillation = recipe.distillation
    if distillation is None or not distillation.attention:
        return
    if teacher is None:
        teacher = build_net(teacher_recipe(recipe, distillation), classes)
    check_attention(build_net(recipe, classes), teacher)


def teacher_of_run(recipe: Recipe, dataset: Dataset) -> Trainable | None:
    """The teacher, where another run trained it. Raises OwlbitError where it cannot teach this recipe."""
    if recipe.distillation is None or recipe.distillation.trained_first:
        return None
    folder = recipe.path.parent / recipe.distillation.teacher
    run = load_run(folder)
    if run.class_names != dataset.class_names:
        raise RunError(
            f"{folder}: expected a teacher of the classes {', '.join(dataset.class_names)}, got {', '.join(run.class_names)}; "
            "choose another teacher, or give it these classes"
        )
    if run.net.input_shape != recipe.input_shape:
        raise RunError(
            f"{folder}: expected a teacher of images {list(recipe.input_shape)}, got one of {list(run.net.input_shape)}; "
            "choose another teacher, or train it on images of this size"
        )
    return run.net
