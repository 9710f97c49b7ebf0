"""A finished, exported run becomes a folder of the zoo: `owlbit zoo publish RUN NAME`.

The test images are run through the fast simulator, and their accuracy must be the one that training stated.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from owlbit.export.errors import OwlbitError
from owlbit.export.files import filling, write_text
from owlbit.export.load_model import NETWORK, ONNX, load_model
from owlbit.export.network import Network
from owlbit.export.network_cost import layer_costs, total_cost
from owlbit.export.qonnx.write import write_qonnx
from owlbit.hw.ecp5.folding.search import FoldingSearch
from owlbit.hw.ecp5.parts import CLOCK_MHZ, PARTS
from owlbit.hw.fast import simulate
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.hw.up5k.compiler.legality import Up5kError
from owlbit.toolchain.data.load_dataset import load_dataset
from owlbit.toolchain.runs.run_folder import RECIPE, EarlierTraining, Result, read_result, run_recipe, trained_on, write_json
from owlbit.toolchain.runs.zoo_folder import CARD, ZOO
from owlbit.toolchain.zoo.card import PAGE, SAMPLE, Card, card_page, sample_frames

CARD_PART = "ecp5-25f"  # of the line about ECP5


def publish_run(run: Path, name: str, commands: list[str], notes: list[str], *, zoo: Path = ZOO, overwrite: bool = False) -> Card:
    """Makes the folder `name` of `zoo` from the run folder `run`; it appears whole or not at all. Returns its card.

    Raises OwlbitError where the run has not finished or is not exported, its accuracy is not what the integers give, or the
    folder is there already and not to be overwritten.
    """
    place = zoo / name
    if place.exists() and not overwrite:
        raise OwlbitError(f"{place}: expected no such folder yet; give --overwrite to replace it, or choose another name")
    recipe, class_names, base = run_recipe(run)
    result = read_result(run)
    if not (run / NETWORK).is_file():
        raise OwlbitError(f"{run}: expected {NETWORK}, found none; run `owlbit export {run}` first")
    network = replace(load_model(run / NETWORK), name=name)
    dataset = load_dataset(recipe.data, base)
    test = dataset.held_out
    classes = network.ranked(simulate(network, test.images)).argmax(1)
    accuracy = float((classes == test.labels).mean())
    if accuracy != result.accuracy:
        raise OwlbitError(
            f"{run}: expected the accuracy that training stated, {result.accuracy:.4%}, got {accuracy:.4%}; export it again"
        )
    with filling(place, CARD) as folder:
        write_text(folder / RECIPE, (run / RECIPE).read_text(encoding="utf-8"))
        write_qonnx(network, folder / ONNX, packed=True)
        np.savez_compressed(
            folder / SAMPLE, scores=simulate(network, sample_frames(network)), test_classes=classes.astype(np.uint8)
        )
        card = Card(
            name=name,
            data=recipe.data.source,
            image=list(network.input_shape),
            class_names=list(class_names),
            validation_accuracy=result.validation_accuracy,
            test_accuracy=accuracy,
            test_images=len(test),
            epochs=result.epochs + sum(each.epochs for each in result.earlier),
            best_epoch=result.best_epoch + sum(each.epochs for each in result.earlier),
            keep=recipe.training.keep,
            seed=recipe.training.seed,
            seconds=round(result.seconds + sum(each.seconds for each in result.earlier), 1),
            onnx_bytes=(folder / ONNX).stat().st_size,
            commands=commands,
            notes=[*_told_of_restarts(result), *notes],
            device=trained_on(run),
            extra_data="" if recipe.data.extra is None else recipe.data.extra.source,
            **_costs(network),
        )
        write_json(folder / CARD, asdict(card))
        write_text(folder / PAGE, card_page(card, "" if zoo == ZOO else f"{place}/{ONNX}"))
    return card


def _told_of_restarts(result: Result) -> list[str]:
    if not result.earlier:
        return []
    last = EarlierTraining(result.best_epoch, result.epochs, result.validation_accuracy, result.seconds)
    trainings = [*result.earlier, last]
    epochs = [str(each.epochs) for each in trainings]
    accuracies = [f"{each.validation_accuracy:.2%}" for each in trainings]
    return [
        f"{len(trainings)} trainings, each from the weights of the one before: {_listed(epochs)} epochs, "
        f"validation accuracy {_listed(accuracies)}."
    ]


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"


def ecp5_estimate(network: Network) -> str:
    """The fastest pipeline of a network in the smallest ECP5, as a line of a card: an estimate, since nothing is synthesised."""
    part = PARTS[CARD_PART]
    try:
        found = FoldingSearch(network).for_part(part)
    except OwlbitError as error:
        return f"{error}; an estimate"
    rate = found.frames_per_second(CLOCK_MHZ)
    return (
        f"{rate:,.0f} frames/s on {part.name} at {CLOCK_MHZ:g} MHz, {found.cycles:,} cycles per frame, "
        f"{found.luts:,} LUT4, {found.ebr} block RAMs; an estimate of the cost model, not placed and routed"
    )


def _costs(network: Network) -> dict[str, Any]:
    total = total_cost(layer_costs(network))
    costs: dict[str, Any] = {"weight_bits": total.weight_bits, "macs": total.macs, "ecp5": ecp5_estimate(network)}
    try:
        return {**costs, "cycles": compile_network(network).cycles_per_frame, "up5k": "fits"}
    except Up5kError as error:
        return {**costs, "cycles": None, "up5k": str(error)}
