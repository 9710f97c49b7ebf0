"""What a finished run has: the chosen weights, the history, the learning curve, and the accuracies on images that chose nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from owlbit.models.layer_table import macs
from owlbit.models.networks.trainable import Trainable
from owlbit.toolchain.data.dataset import Dataset
from owlbit.toolchain.recipes.recipe import Recipe
from owlbit.toolchain.runs.history import EpochRecord, write_history
from owlbit.toolchain.runs.run_folder import CURVE, HISTORY, RESULT, EarlierTraining, Result, write_json
from owlbit.toolchain.runs.weights import write_model
from owlbit.toolchain.training.evaluation import accuracies
from owlbit.toolchain.training.learning_curve import draw_learning_curve


def finish_run(
    recipe: Recipe,
    dataset: Dataset,
    net: Trainable,
    history: Sequence[EpochRecord],
    best_epoch: int,
    out: Path,
    console: Console,
    earlier: Sequence[EarlierTraining] = (),
) -> Result:
    """Writes the files of a finished run into `out`; `net`: with the weights of epoch `best_epoch`, on the processor;
    `earlier`: the trainings that it went on from."""
    write_history(out / HISTORY, history)
    write_model(out, dict(net.state_dict()))
    draw_learning_curve(history, best_epoch, out / CURVE)
    parts = [dataset.validation, *([] if dataset.test is None else [dataset.test])]
    validation_accuracy, *test_accuracy = accuracies(net, parts, layer_macs(recipe), console)
    result = Result(
        best_epoch=best_epoch,
        epochs=recipe.training.epochs,
        validation_accuracy=validation_accuracy,
        test_accuracy=test_accuracy[0] if test_accuracy else None,
        test_images=0 if dataset.test is None else len(dataset.test),
        seconds=round(sum(record.seconds for record in history), 1),
        weight_bits=sum(weight.numel() for weight in net.binary_weights()),
        thresholds=net.thermometer.integer_thresholds().tolist(),
        earlier=list(earlier),
    )
    write_json(out / RESULT, asdict(result))
    return result


def layer_macs(recipe: Recipe) -> int:
    """Binary multiply-accumulates per image in the layer table of `recipe`; 0 where a [network] takes its place."""
    return macs(recipe.thermometer_shape, recipe.layers)
