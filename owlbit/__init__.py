"""Fully-binarised vision networks next to the image sensor: from Brevitas training to a verified FPGA flash image.

The functions here are what the command line calls, with arrays in and arrays out:

    >>> import numpy as np, owlbit
    >>> network = owlbit.load("zoo:digits")
    >>> images = np.zeros((2, *network.input_shape), np.uint8)
    >>> owlbit.simulate(network, images).shape
    (2, 10)

A model, wherever one is taken, is what MODEL is on the command line, a path or "zoo:NAME", or a `Network`. What a user gave and
cannot be used raises `OwlbitError`, one sentence. Importing this module imports neither numpy nor torch.

The four packages beside this file are links to the folders of the same names at the top of the repository. They are imported as
`owlbit.models`, `owlbit.export`, `owlbit.hw` and `owlbit.toolchain` only: a bare `models` would be any folder of that name.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from owlbit.export.errors import OwlbitError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console
    from torch import nn

    from owlbit.export.network import Network, Shape
    from owlbit.export.network_cost import LayerCost
    from owlbit.export.qonnx.metadata import PerColour
    from owlbit.hw.verification import Outcome, Row
    from owlbit.toolchain.checks.check_recipe import RecipeCheck
    from owlbit.toolchain.deploy.evaluate import Evaluation
    from owlbit.toolchain.runs.run_folder import Result
    from owlbit.toolchain.zoo.card import Card

    Model: TypeAlias = str | Path | Network
    Images: TypeAlias = NDArray[np.uint8] | str | Path
    InputRange: TypeAlias = str | tuple[PerColour, PerColour]

__version__ = "0.1.0"
__all__ = [
    "Card",
    "Evaluation",
    "LayerCost",
    "Network",
    "Outcome",
    "OwlbitError",
    "Result",
    "Row",
    "build",
    "cost",
    "evaluate",
    "export_run",
    "export_torch",
    "load",
    "load_images",
    "measure",
    "report",
    "save",
    "simulate",
    "train",
    "verify",
    "zoo",
]

# Types of arguments and results, imported when they are first asked for.
_TYPES = {
    "Card": "owlbit.toolchain.zoo.card",
    "Evaluation": "owlbit.toolchain.deploy.evaluate",
    "LayerCost": "owlbit.export.network_cost",
    "Network": "owlbit.export.network",
    "Outcome": "owlbit.hw.verification",
    "Result": "owlbit.toolchain.runs.run_folder",
    "Row": "owlbit.hw.verification",
}


def __getattr__(name: str) -> Any:
    if name in _TYPES:
        return getattr(import_module(_TYPES[name]), name)
    raise AttributeError(f"module 'owlbit' has no attribute {name!r}")


def load(model: Model, *, input_range: InputRange = "auto", image_shape: Shape | None = None) -> Network:
    """The integer network of a QONNX file, a network file, a run or build folder, or "zoo:NAME".

    `input_range`: what a QONNX file made elsewhere takes for pixels: "uint8", "unit", "signed", or (scale, offset), each a
    number or a tuple of one per colour; `image_shape`: (C, H, W) of the images of a network on a vector.

    >>> owlbit.load("zoo:digits").classes
    10
    """
    from owlbit.toolchain.deploy.model_source import find_model

    return find_model(model).load(input_range, image_shape)


def save(network: Network, path: str | Path) -> None:
    """Writes `network` to `path`, whole or not at all: as QONNX where the name ends in .onnx, as a network file where in .npz."""
    path = Path(path)
    if path.suffix == ".onnx":
        from owlbit.export.qonnx.write import write_qonnx

        write_qonnx(network, path)
    elif path.suffix == ".npz":
        from owlbit.export.network_file import save_network

        save_network(network, path)
    else:
        raise OwlbitError(f"{path}: expected a name that ends in .onnx or .npz, got {path.suffix or 'no ending'}")


def load_images(path: str | Path, model: Model, *, skip_bad: bool = False) -> NDArray[np.uint8]:
    """uint8 [N, C, H, W] that fit `model`, from an .npy, an .npz with `images`, a picture, or a folder of pictures by name.

    Pictures are cropped and scaled as in training; arrays must fit as they are. `skip_bad`: go on without pictures that cannot be
    read, which is told.
    """
    from owlbit.toolchain.data.user_images import load_images as read

    return read(Path(path), load(model), skip_bad=skip_bad)[0]


def simulate(model: Model, images: Images, *, level: str = "fast", input_range: InputRange = "auto") -> NDArray[Any]:
    """The exact scores [N, classes] of uint8 images [N, C, H, W], or of those in a file or folder.

    They are int32, or float32 where the model's file has a factor or an offset per class that are no whole numbers.

    `level`: "fast", "reference", "rtl" or "bitstream"; all give the same scores. The class of an image is the first index of its
    largest score.

    >>> images = np.full((1, 1, 16, 16), 128, np.uint8)
    >>> fast, slow = (owlbit.simulate("zoo:digits", images, level=level) for level in ("fast", "reference"))
    >>> bool((fast == slow).all())
    True
    """
    return measure(model, images, level=level, input_range=input_range).scores


def measure(
    model: Model,
    images: Images,
    *,
    level: str = "rtl",
    folder: str | Path | None = None,
    input_range: InputRange = "auto",
) -> Outcome:
    """As `simulate`: `scores`, and `cycles_per_frame`, which "rtl" and "bitstream" have and the others give as None.

    `folder`: a UP5K build whose flash image is booted; compiled here by default.
    """
    from owlbit.toolchain.deploy.simulate import simulate_images

    network = load(model, input_range=input_range)
    return simulate_images(network, _arrays(images, network), level, Path(folder) if folder is not None else None)


def evaluate(
    model: Model,
    images: str | Path | None = None,
    *,
    skip_bad: bool = False,
    input_range: InputRange = "auto",
    image_shape: Shape | None = None,
) -> Evaluation:
    """The accuracy of `model` on labelled images by the fast simulator: `accuracy`, its 95 % `interval`, `confusion`, `wrong`.

    `images`: a folder of class folders, or an .npz with `images` and `labels`; by default the images that the run was tested on.
    `skip_bad`: go on without pictures that cannot be read.
    """
    from owlbit.toolchain.data.user_images import load_labelled
    from owlbit.toolchain.deploy.evaluate import evaluate_images, run_images
    from owlbit.toolchain.deploy.model_source import find_model

    source = find_model(model)
    network = source.load(input_range, image_shape)
    if images is None:
        labelled, names = run_images(source)
    else:
        labelled, names = load_labelled(Path(images), network, skip_bad=skip_bad)
    return evaluate_images(network, labelled.images, labelled.labels, names)


def build(
    model: Model,
    folder: str | Path | None = None,
    *,
    target: str = "up5k",
    input_range: InputRange = "auto",
    image_shape: Shape | None = None,
    board: str | Path | None = None,
    wake: str | Path | None = None,
    frames_per_second: float | None = None,
    folding: str | Path | None = None,
    first: str | None = None,
    last: str | None = None,
    name: str | None = None,
    most: bool = False,
    clock_mhz: float | None = None,
    engine: bool = False,
    weights_only: bool = False,
    progress: Callable[[str], None] = lambda line: None,
) -> Path:
    """Compiles `model` for "up5k", to C for "c", for an ECP5 such as "ecp5-45f", or for "finn:PART" by FINN, into a build folder.

    Returns `folder`: TARGET beside the model by default; but for FINN it appears whole or not at all. `board`: one that `owlbit
    boards` lists, or the path of a board's file (default: the bare circuit); of FINN its name of a board; `wake`: a file of
    settings whose [wake] the chip of a board gets (default: that of `owlbit sense`). `frames_per_second`: the rate to fold a
    pipeline for (ECP5, FINN), `folding`: a file with a folding; `first`, `last`: steps of FINN; `name`: of the C files and before
    their functions (default: the network's). For an ECP5 also `most`: as many frames per second as the part holds; `clock_mhz`:
    that place and route must close; `engine`: the UP5K's engine in place of a pipeline; `weights_only`: only exchange the weights
    of the build in `folder`. `progress` gets a line per step. An option that the target does not take is refused.
    """
    from owlbit.toolchain.deploy.model_source import find_model
    from owlbit.toolchain.targets.build_job import BuildJob, BuildOptions
    from owlbit.toolchain.targets.targets import build_for_target

    source = find_model(model)
    place = Path(folder) if folder is not None else source.build_folder(target)
    options = BuildOptions(
        board=None if board is None else str(board),
        wake=None if wake is None else Path(wake),
        frames_per_second=frames_per_second,
        folding=None if folding is None else Path(folding),
        first=first,
        last=last,
        name=name,
        most=most or None,
        clock_mhz=clock_mhz,
        engine=engine or None,
        weights_only=weights_only or None,
    )
    build_for_target(BuildJob(source, target, place, input_range, image_shape, options, progress))
    return place


def verify(
    model: Model,
    images: Images | None = None,
    *,
    up_to: str = "bitstream",
    input_range: InputRange = "auto",
    image_shape: Shape | None = None,
    progress: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """Computes `model` by every backend up to `up_to` and compares each, integer for integer, with the reference: one row each.

    `images`: uint8 [N, C, H, W], a file or a folder; the run's test images, or made-up frames, by default. `progress` gets each row
    when it is done. A run or build folder gets verification.json and verification.txt too.

    >>> [(row.backend, row.status) for row in owlbit.verify("zoo:digits", up_to="zoo")]
    [('reference', 'reference'), ('torch', 'not run'), ('zoo', 'exact')]
    """
    from owlbit.toolchain.deploy.model_source import find_model
    from owlbit.toolchain.deploy.verify import read_verified, verify_model

    verified = read_verified(find_model(model), input_range, image_shape)
    given = None if images is None else _arrays(images, verified.subject)
    return verify_model(verified, given, up_to, progress)


def train(
    recipe: str | Path,
    folder: str | Path,
    *,
    data: str | Path | None = None,
    extra_data: str | Path | None = None,
    skip_bad: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    minutes: float | None = None,
    compiled: bool = True,
    logger: str = "",
    console: Console | None = None,
) -> Result | None:
    """Trains the network of a recipe into the run folder `folder`; returns how it ended, in a second process of many None.

    `data`: a local copy of the images, `extra_data`: of those of [data.extra]; `skip_bad`: go on without pictures that cannot be
    read; `resume`: go on with a training that was stopped; `overwrite`: begin anew in a folder that holds a run; `minutes`: train
    for this time instead of a number of epochs, for example on a GPU, `compiled` by torch.compile or not; `logger`: "csv",
    "tensorboard", "wandb" or "mlflow", which also gets the record of each epoch; `console`: where progress is printed, nowhere by
    default. Needs torch.
    """
    from rich.console import Console

    from owlbit.toolchain.checks.check_recipe import check_recipe
    from owlbit.toolchain.data.load_dataset import load_dataset
    from owlbit.toolchain.recipes.recipe import load_recipe
    from owlbit.toolchain.runs.run_folder import earlier_files
    from owlbit.toolchain.training.loggers import check_logger

    began = time.monotonic()
    # What may be wrong with the recipe, the folder and the images is told before torch is imported, which takes seconds.
    given, console = load_recipe(recipe, data, extra_data, skip_bad=skip_bad), console or Console(quiet=True)
    check_logger(logger)
    if minutes is not None and logger:
        raise OwlbitError("--logger: expected a training by epochs, got --minutes too, which has no epochs to log; leave one out")
    if minutes is not None and resume:
        raise OwlbitError("--minutes: expected a new training, since a fixed time cannot be resumed, got --resume; leave one out")
    earlier_files(Path(folder), resume=resume, overwrite=overwrite)
    if find_spec("torch") is None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")
    dataset = load_dataset(given.data, given.path.parent, extra=True)
    if os.environ.get("RANK", "0") == "0":  # of several processes, one speaks
        _tell_check(check_recipe(given, dataset), console)
    if minutes is not None:
        from owlbit.toolchain.training.timed.run_timed import train_for_minutes

        return train_for_minutes(
            given, folder, minutes, overwrite=overwrite, compiled=compiled, console=console, dataset=dataset, began=began
        )
    from owlbit.toolchain.training.train import train as train_recipe

    return train_recipe(given, folder, resume=resume, overwrite=overwrite, console=console, dataset=dataset, logger=logger)


def _tell_check(found: RecipeCheck, console: Console) -> None:
    """Prints what a recipe's check found, in two lines and its warnings."""
    for line in (*found.summary, *(f"warning: {warning}" for warning in found.warnings)):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def export_run(run: str | Path) -> Network:
    """Writes model.onnx (QONNX) and network.npz (integers) into the folder of a finished run; returns the network. Needs torch."""
    from owlbit.toolchain.deploy.export_run import export_run as export
    from owlbit.toolchain.deploy.model_source import find_model

    return export(find_model(run).run_folder())


def export_torch(
    module: nn.Module,
    path: str | Path,
    *,
    input_shape: tuple[int, int, int],
    class_names: Sequence[str] = (),
    name: str = "",
) -> Network:
    """Writes a PyTorch module of owlbit's layers, or of Brevitas', as a QONNX file; returns the integer network read back from it.

    `module`: float32 images [N, C, H, W] of values 0..255 to scores [N, classes], which are the network's integers in evaluation
    mode; `input_shape`: (C, H, W). docs/python.md has an example. Needs torch.
    """
    from owlbit.toolchain.deploy.export_torch import export_torch as export

    return export(module, path, input_shape, class_names, name)


def report(model: str | Path) -> Path:
    """Writes report.html into a run folder or an ECP5 build, or finn.html into a FINN build; returns its path."""
    from owlbit.toolchain.deploy.model_source import Kind, find_model

    source = find_model(model)
    if source.kind is Kind.FINN and source.folder is not None:
        from owlbit.toolchain.finn.report import report_build

        return report_build(source.folder)
    if source.kind is Kind.ECP5 and source.folder is not None:
        from owlbit.toolchain.reports.ecp5_report import report_ecp5_build

        return report_ecp5_build(source.folder)
    from owlbit.toolchain.reports.run_report import write_report

    return write_report(source)


def cost(model: Model) -> list[LayerCost]:
    """What each layer stores, computes and produces, in order; the last row, named "total", is their sum.

    >>> owlbit.cost("zoo:digits")[-1].weight_bits
    51712
    """
    from owlbit.export.network_cost import layer_costs, total_cost

    rows = layer_costs(load(model))
    return [*rows, total_cost(rows)]


def zoo() -> list[Card]:
    """The cards of the trained networks that come with owlbit, by name; "zoo:NAME" is the model.

    >>> "digits" in [card.name for card in owlbit.zoo()]
    True
    """
    from owlbit.toolchain.zoo.card import read_cards

    return read_cards()


def _arrays(images: Images, model: Any) -> NDArray[np.uint8]:
    """Images as they were given, or read from the file or folder that was."""
    if isinstance(images, str | Path):
        from owlbit.toolchain.data.user_images import load_images as read

        return read(Path(images), model)[0]
    from owlbit.export.image_arrays import to_image_axes

    images = to_image_axes(images, model.input_shape)
    model.check_images(images)
    return images
