"""The zoo: trained networks that come with owlbit, each a folder of `models/zoo/`. Imports neither torch nor brevitas.

recipe.toml   what it was trained by
model.onnx    the network as packed QONNX
card.json     figures, and how to get them again (see `Card`)
README.md     the same for a person, made from card.json by `card_page`
sample.npz    scores int32 [N, classes] of `sample_frames`, and the classes uint8 [N] of all test images in their order
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ConfigDict, with_config

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.export.settings import read_json
from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ
from owlbit.hw.verification import Images
from owlbit.toolchain.data.synthetic import make_frames
from owlbit.toolchain.runs.zoo_folder import CARD, PREFIX, ZOO, zoo_names

SAMPLE_FRAMES = 64
PAGE, SAMPLE = "README.md", "sample.npz"


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class Card:
    """What is known of one network.

    `data`: the data set; `image`: (C, H, W); `class_names`; accuracies are shares 0..1, that on the `test_images` was looked at
    once, after the training; `weight_bits`: binary weights, `macs`: binary multiply-accumulates (BOPs) an image; `cycles`: a frame
    on the UP5K by its compiler's cost model, None where it does not fit, and `up5k` then says why; `keep`: the recipe's, "best"
    where the validation images chose the epoch; `epochs`, `best_epoch` from 0, `seconds`: over all trainings of a recipe with
    restarts, teachers left out; `commands`: from nothing to this folder;
    `notes`: what else one should know; `device`: the GPU or processor that it was trained on; `ecp5`: the fastest pipeline in an
    ecp5-25f as a line, an estimate of the folding's cost model, empty where it was not asked; `extra_data`: the data set of
    additional training images, empty where there are none.
    """

    name: str
    data: str
    image: list[int]
    class_names: list[str]
    validation_accuracy: float
    test_accuracy: float
    test_images: int
    weight_bits: int
    macs: int
    cycles: int | None
    up5k: str
    epochs: int
    best_epoch: int
    keep: str
    seed: int
    seconds: float
    onnx_bytes: int
    commands: list[str]
    notes: list[str]
    device: str = "not recorded"
    ecp5: str = ""
    extra_data: str = ""

    @property
    def frames_per_second(self) -> float | None:
        """Of the UP5K at its clock, None where the network does not fit."""
        return CLOCK_HZ / self.cycles if self.cycles else None


def read_card(folder: Path) -> Card:
    """The card in `folder`. Raises OwlbitError where it cannot be read."""
    path = folder / CARD
    try:
        return read_json(Card, path)
    except (OSError, ValueError) as error:
        raise OwlbitError(f"{path}: expected a card as `owlbit zoo publish` writes it, could not read it ({error})") from None


def read_cards(zoo: Path = ZOO) -> list[Card]:
    """The cards of all networks, in order. Raises OwlbitError where one cannot be read."""
    return [read_card(zoo / name) for name in zoo_names(zoo)]


def sample_frames(network: Network) -> Images:
    """uint8 [N, C, H, W]: made-up frames, the same on every machine, whose scores the zoo keeps."""
    return make_frames(network.input_shape, SAMPLE_FRAMES)


def read_sample(folder: Path) -> tuple[np.ndarray[Any, np.dtype[np.int32]], np.ndarray[Any, np.dtype[np.uint8]]]:
    """(scores int32 [N, classes] of `sample_frames`, classes uint8 [N] of the test images) that the zoo keeps."""
    with np.load(folder / SAMPLE, allow_pickle=False) as arrays:
        return arrays["scores"], arrays["test_classes"]


def card_page(card: Card, model: str = "") -> str:
    """README.md of a network: `front_matter`, then `card_text`. `model`: how commands name it where it is not in the zoo."""
    return front_matter(card) + card_text(card, model)


def front_matter(card: Card) -> str:
    """The YAML head of a model card as Hugging Face reads it: licence, task, data set, tags, accuracy in percent."""
    task = "{ type: image-classification }"
    metric = f"{{ type: accuracy, value: {100 * card.test_accuracy:.2f} }}"
    datasets = ", ".join([card.data, *([card.extra_data] if card.extra_data else [])])
    return (
        "---\nlicense: apache-2.0\nlibrary_name: owlbit\npipeline_tag: image-classification\n"
        "tags: [binary-neural-network, fully-binarised, qonnx, fpga, ice40, in-sensor]\n"
        f"datasets: [{datasets}]\nmodel-index:\n  - name: {card.name}\n    results:\n      - task: {task}\n"
        f"        dataset: {{ type: {card.data}, name: {card.data} }}\n        metrics:\n          - {metric}\n---\n\n"
    )


def card_text(card: Card, model: str = "") -> str:
    """The card for a person, in Markdown."""
    model = model or f"{PREFIX}{card.name}"
    rate = card.frames_per_second
    cycles = f"{card.cycles:,} cycles from frame to frame by the cost model"
    speed = f"{cycles}, {rate:,.1f} frames/s at {CLOCK_HZ / 1e6:.0f} MHz" if rate else card.up5k
    chosen = "it chose the epoch" if card.keep == "best" else "the last epoch was kept, whatever its validation accuracy"
    rows = [
        ("data", card.data + (f", and {card.extra_data} for additional training images" if card.extra_data else "")),
        ("image", f"{card.image[0]} x {card.image[1]} x {card.image[2]} (colours, rows, columns), uint8"),
        ("classes", ", ".join(card.class_names)),
        ("test accuracy", f"{card.test_accuracy:.2%} of {card.test_images:,} images, evaluated once"),
        ("validation accuracy", f"{card.validation_accuracy:.2%}; {chosen}"),
        ("weights", f"{card.weight_bits:,} bits, all binary, first and last layer included"),
        ("BOPs", f"{card.macs:,} binary multiply-accumulates per image"),
        ("UP5K", speed),
        *([("ECP5", card.ecp5)] if card.ecp5 else []),
        ("model.onnx", f"{card.onnx_bytes:,} bytes, QONNX with eight weights per byte"),
        ("training", f"{card.epochs} epochs, kept epoch {card.best_epoch + 1}, seed {card.seed}, {card.seconds / 60:,.0f} minutes"),
        ("trained on", card.device),
    ]
    table = "\n".join(f"| {what} | {value} |" for what, value in rows)
    commands = "\n".join(card.commands)
    notes = "".join(f"\n* {note}" for note in card.notes)
    return (
        f"# {card.name}\n\n| what | value |\n|---|---|\n{table}\n\n"
        f"Run it with `owlbit simulate {model} --images DIR`, build it with `owlbit build {model}`.\n\n"
        f"## Made by\n\n```sh\n{commands}\n```\n" + (f"\n## Notes\n{notes}\n" if notes else "")
    )
