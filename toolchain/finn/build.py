"""`owlbit build --target finn:PART`: from a model and the command's options to a FINN build."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Shape
from owlbit.export.qonnx.graph import QonnxError
from owlbit.hw.finn.build_finn import Options, build_finn
from owlbit.hw.finn.folding.parts import device_of
from owlbit.hw.finn.step_names import FOLDED
from owlbit.hw.finn.subject import Subject, load_subject
from owlbit.toolchain.deploy.model_source import Kind, ModelSource

if TYPE_CHECKING:
    from owlbit.export.qonnx.input_range import InputRange


def build_for_finn(
    source: ModelSource,
    target: str,
    out: Path,
    input_range: InputRange | str,
    image_shape: Shape | None,
    board: str | None,
    frames_per_second: float | None,
    folding: Path | None,
    first: str | None,
    last: str | None,
    report: Callable[[str], None],
) -> Subject:
    """Builds a model for `target`, "finn:" and an AMD part by its name in Vivado, in `out`; see `owlbit.hw.finn.build_finn`.

    Writes the page about it, finn.html, too. Returns what was built. Raises OwlbitError for a model outside the subset, an unknown
    part, and all that `build_finn` refuses.
    """
    part = target.removeprefix("finn:")
    if device_of(part) == part.lower():
        raise OwlbitError(f"target {target!r}: expected a part with its package and speed, as finn:xc7z020clg400-1, got {part!r}")
    network = _read(source, input_range, image_shape)
    state = build_finn(network, out, Options(part, board, frames_per_second, folding, first, last), report)
    if any(step.name == FOLDED for step in state.steps):
        from owlbit.toolchain.finn.report import report_build

        report(f"the page about it: {report_build(out)}")
    return network


def _read(source: ModelSource, input_range: InputRange | str, image_shape: Shape | None) -> Subject:
    """The network of a model, or what a FINN build is of, or a QONNX file as it is where it is outside the subset and quantises its
    pixels to several bits."""
    if source.kind is Kind.FINN and source.folder is not None:
        return load_subject(source.folder)
    try:
        return source.load(input_range, image_shape)
    except QonnxError as refusal:
        from owlbit.hw.finn.given_model import quantises_pixels, read_given

        if source.onnx is None or not quantises_pixels(source.onnx):
            raise
        try:
            return read_given(source.onnx, input_range if isinstance(input_range, str) else "a scale and an offset")
        except OwlbitError as error:
            first = str(refusal).removeprefix(f"{source.onnx}: ")
            raise OwlbitError(f"{error}; and as a network of bits it was refused too: {first}") from None
