"""The argument MODEL, and the options that say what a QONNX file made elsewhere takes for pixels, alike for every command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from owlbit.export.errors import OwlbitError

if TYPE_CHECKING:
    from owlbit.export.network import Shape
    from owlbit.export.qonnx.input_range import InputRange

NUMBERS = "X[,X,X]"

ModelArgument = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="A QONNX file, a network.npz, a run or build folder, or zoo:NAME.", show_default=False),
]

RangeOption = Annotated[
    str,
    typer.Option(
        "--input-range",
        metavar="RANGE",
        help="Pixel range of a QONNX file from another tool: uint8, unit [0, 1], signed [-1, 1].",
    ),
]
ScaleOption = Annotated[
    str | None,
    typer.Option(
        "--input-scale", metavar=NUMBERS, help="Instead: pixel v becomes v * scale + offset; one number, or one per colour."
    ),
]
OffsetOption = Annotated[str | None, typer.Option("--input-offset", metavar=NUMBERS, help="The offset of --input-scale.")]
MeanOption = Annotated[
    str | None, typer.Option("--input-mean", metavar=NUMBERS, help="Instead: pixel v becomes (v / 255 - mean) / deviation.")
]
DeviationOption = Annotated[str | None, typer.Option("--input-deviation", metavar=NUMBERS, help="The deviation of --input-mean.")]
ShapeOption = Annotated[
    str | None,
    typer.Option("--image-shape", metavar="C,H,W", help="Image shape of a network whose input is a vector, such as 1,28,28."),
]


def given_range(
    input_range: str, scale: str | None, offset: str | None, mean: str | None, deviation: str | None
) -> InputRange | str:
    """One input range of all these options. Raises OwlbitError for two that exclude each other, and for what are no numbers."""
    scaled, normalised = scale is not None or offset is not None, mean is not None or deviation is not None
    if (input_range != "auto") + scaled + normalised > 1:
        raise OwlbitError(
            "--input-range, --input-scale with --input-offset, --input-mean with --input-deviation: expected one of them"
        )
    if scaled:
        return _numbers("--input-scale", scale or "1"), _numbers("--input-offset", offset or "0")
    if not normalised:
        return input_range
    means, deviations = _numbers("--input-mean", mean or "0"), _numbers("--input-deviation", deviation or "1")
    if 0.0 in deviations or len({1, len(means), len(deviations)}) > 2:
        raise OwlbitError(f"--input-deviation: expected one number other than 0 for each mean, got {deviation}")
    count = max(len(means), len(deviations))
    means, deviations = means * (count // len(means)), deviations * (count // len(deviations))
    scales = tuple(1 / (255 * each) for each in deviations)
    return scales, tuple(-mean / each for mean, each in zip(means, deviations, strict=True))


def given_shape(text: str | None) -> Shape | None:
    """(C, H, W) of `--image-shape`. Raises OwlbitError for anything else."""
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 3 or not all(part.strip().isdecimal() and len(part) < 9 and int(part) > 0 for part in parts):
        raise OwlbitError(f"--image-shape: expected channels, rows and columns, as 1,28,28, got {text}")
    channels, height, width = (int(part) for part in parts)
    return channels, height, width


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise OwlbitError(f"{option}: expected one number, or one per colour as 0.5,0.5,0.5, got {text}") from None
