"""Which file a MODEL stands for, and where its build goes by default."""

from __future__ import annotations

from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.zoo.card import ONNX, PREFIX, zoo_folder


def model_file(model: Path) -> Path:
    """The file that stands for MODEL: itself, the exported model of a run or build folder, or, for "zoo:NAME", that of the zoo.

    OwlbitError where there is none.
    """
    if str(model).startswith(PREFIX):
        return zoo_folder(str(model).removeprefix(PREFIX)) / ONNX
    if not model.exists():
        raise OwlbitError(f"{model}: no such file or folder; expected a QONNX file, a network.npz or a run folder")
    if not model.is_dir():
        return model
    for name in ("network.npz", "model.onnx"):
        if (model / name).is_file():
            return model / name
    if (model / "recipe.toml").is_file():
        raise OwlbitError(f"{model}: this run is not exported yet; run `owlbit export {model}` first")
    raise OwlbitError(f"{model}: expected model.onnx or network.npz in this folder, found neither")


def default_out(model: Path, target: str) -> Path:
    """Where a build goes when nobody says: a folder named after the target, in the run folder, beside the file or, for a network of
    the zoo, in runs/NAME."""
    target = target.replace(":", "-")
    if str(model).startswith(PREFIX):
        return Path("runs", str(model).removeprefix(PREFIX), target)
    return (model if model.is_dir() else model.parent) / target
