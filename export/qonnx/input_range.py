"""What a file's input stands for: pixel values as they are, or floats of some scale and offset; for the rules see `read_model`."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from owlbit.export.network import Floats, Shape, Thermometer, range_values
from owlbit.export.qonnx.graph import Graph, QonnxError
from owlbit.export.qonnx.lowering.lower_graph import Lowered, trace_pixels
from owlbit.export.qonnx.metadata import Metadata, PerColour

InputRange: TypeAlias = Literal["auto", "uint8", "unit", "signed"] | tuple[PerColour, PerColour]

RANGES: dict[str, tuple[float, float]] = {"uint8": (1.0, 0.0), "unit": (1 / 255, 0.0), "signed": (2 / 255, -1.0)}
_MEANING = {"uint8": "pixel values 0..255", "unit": "pixels in [0, 1]", "signed": "pixels in [-1, 1]"}
# Thresholds of images that were normalised by mean and deviation lie below: (1 - 0) / 0.15.
_NORMALISED = 7


class Chosen(NamedTuple):
    """`scale`, `offset`: as in `Network`; `because`: why, where it was guessed, else empty."""

    scale: PerColour
    offset: PerColour
    because: str = ""


def choose_input_range(graph: Graph, image: Shape, wanted: InputRange | str, metadata: Metadata) -> Chosen:
    """Scale and offset of the file's input. Raises QonnxError where `wanted` is unknown, or no rule of "auto" applies."""
    if graph.input_type == np.uint8:
        if wanted not in ("auto", "uint8", RANGES["uint8"]):
            raise QonnxError(
                f"input {graph.input_name}: is of type uint8 and holds pixel values, but the input range given is {wanted}"
            )
        return Chosen(*RANGES["uint8"])
    if isinstance(wanted, tuple):
        return _checked(*wanted, image)
    if wanted != "auto":
        if wanted not in RANGES:
            raise QonnxError(f"expected an input range of auto, {', '.join(RANGES)}, got {wanted}")
        return Chosen(*RANGES[wanted])
    if metadata.scale is not None and metadata.offset is not None:
        return _checked(metadata.scale, metadata.offset, image)
    if graph.input_datatype == "UINT8":
        return Chosen(*RANGES["uint8"])
    traces = _trace_ranges(graph, image)
    found = _by_arithmetic(traces) or _by_thresholds(traces)
    if found is None:
        raise QonnxError(
            f"input {graph.input_name}: the file does not tell whether its pixels are 0..255, [0, 1], [-1, 1] or normalised by "
            "mean and deviation; give the input range: uint8, unit or signed, or the scale and offset of its pixels"
        )
    name, because = found
    return Chosen(
        *RANGES[name],
        f"input {graph.input_name}: taken for {_MEANING[name]} ({name}), as {because}; if it is another range, give it",
    )


def _checked(scale: PerColour, offset: PerColour, image: Shape) -> Chosen:
    for entry in (scale, offset):
        numbers = entry if isinstance(entry, tuple) else (entry,)
        if len(numbers) not in (1, image[0]):
            raise QonnxError(f"expected an input range of 1 or {image[0]} scales and offsets, one per colour, got {len(numbers)}")
        if not np.isfinite(numbers).all() or (entry is scale and not np.all(numbers)):
            raise QonnxError(
                f"expected an input range (scale, offset) of two finite numbers, the scale not 0, got {scale}, {offset}"
            )
    return Chosen(scale, offset)


def _trace_ranges(graph: Graph, image: Shape) -> dict[str, Lowered]:
    """The part before the first weights for each range that it can be computed for. Raises QonnxError where there is none."""
    traces: dict[str, Lowered] = {}
    refusal: QonnxError | None = None
    for name, (scale, offset) in RANGES.items():
        try:
            traces[name] = trace_pixels(graph, image, _values(scale, offset, image))
        except QonnxError as error:
            refusal = refusal or error
    if refusal is not None and not traces:
        raise refusal
    return traces


def _values(scale: float, offset: float, image: Shape) -> Floats:
    return range_values(scale, offset, image[0])


def _by_arithmetic(traces: dict[str, Lowered]) -> tuple[str, str] | None:
    """The range that the file itself takes onto another, such as [0, 1] onto [-1, 1], and why; None unless there is just one."""
    found: list[tuple[str, str]] = []
    for name, trace in traces.items():
        start = range_values(*RANGES[name])[:, [0, -1]]
        for node, table in trace.pixel_tables:
            ends = table[:, [0, -1]].astype(np.float64)
            target = next((t for t in ([0.0, 1.0], [-1.0, 1.0], [0.0, 255.0]) if np.abs(ends - t).max() < 1e-5 * t[1]), None)
            if target is not None and np.abs(ends - start).max() > 1e-3:
                found.append((name, f"{node.label} takes these to [{target[0]:g}, {target[1]:g}]"))
                break
    return found[0] if len(found) == 1 else None


def _by_thresholds(traces: dict[str, Lowered]) -> tuple[str, str] | None:
    """By where the thermometer switches: only pixel values reach thresholds that no normalised image does."""
    layers = traces["uint8"].layers if "uint8" in traces else ()
    if not layers or not isinstance(layers[0], Thermometer):
        return None
    reached = layers[0].thresholds[layers[0].thresholds < 256]
    if reached.size and (reached > _NORMALISED).mean() > 0.5:
        return "uint8", f"it compares them with values of up to {int(reached.max())}"
    return None
