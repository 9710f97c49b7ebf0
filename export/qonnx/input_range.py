"""What a file's input stands for: pixel values as they are, or floats in [0, 1] or [-1, 1]; for the rules see `read_model`."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Thermometer
from owlbit.export.qonnx.graph import Graph, QonnxError
from owlbit.export.qonnx.lowering.lower_graph import Lowered, trace_pixels
from owlbit.export.qonnx.metadata import Metadata

InputRange = Literal["auto", "uint8", "unit", "signed"] | tuple[float, float]

RANGES: dict[str, tuple[float, float]] = {"uint8": (1.0, 0.0), "unit": (1 / 255, 0.0), "signed": (2 / 255, -1.0)}


def range_values(scale: float, offset: float) -> NDArray[np.float32]:
    """float32 [256]: the file's input for every pixel value, as `Network.input_values` has it."""
    return (np.arange(256, dtype=np.float64) * scale + offset).astype(np.float32)


def choose_input_range(graph: Graph, wanted: InputRange | str, metadata: Metadata) -> tuple[float, float]:
    """(scale, offset) of the file's input. Raises QonnxError where `wanted` is unknown, or no rule of "auto" applies."""
    if graph.input_type == np.uint8:
        if wanted not in ("auto", "uint8", RANGES["uint8"]):
            raise QonnxError(
                f"input {graph.input_name}: is of type uint8 and holds pixel values, but the input range given is {wanted}"
            )
        return RANGES["uint8"]
    if isinstance(wanted, tuple):
        return _checked(*wanted)
    if wanted != "auto":
        if wanted not in RANGES:
            raise QonnxError(f"expected an input range of auto, {', '.join(RANGES)}, got {wanted}")
        return RANGES[wanted]
    if metadata.scale is not None and metadata.offset is not None:
        return _checked(metadata.scale, metadata.offset)
    if graph.input_datatype == "UINT8":
        return RANGES["uint8"]
    traces = _trace_ranges(graph)
    found = _by_arithmetic(traces) or _by_thresholds(traces)
    if found is None:
        raise QonnxError(
            f"input {graph.input_name}: the file does not tell whether its pixels are 0..255, [0, 1] or [-1, 1]; "
            "give the input range: uint8, unit or signed"
        )
    return RANGES[found]


def _checked(scale: float, offset: float) -> tuple[float, float]:
    if not np.isfinite([scale, offset]).all() or scale == 0:
        raise QonnxError(f"expected an input range (scale, offset) of two finite numbers, the scale not 0, got {scale}, {offset}")
    return scale, offset


def _trace_ranges(graph: Graph) -> dict[str, Lowered]:
    """The part before the first weights for each range that it can be computed for. Raises QonnxError where there is none."""
    traces: dict[str, Lowered] = {}
    refusal: QonnxError | None = None
    for name, (scale, offset) in RANGES.items():
        try:
            traces[name] = trace_pixels(graph, range_values(scale, offset))
        except QonnxError as error:
            refusal = refusal or error
    if refusal is not None and not traces:
        raise refusal
    return traces


def _by_arithmetic(traces: dict[str, Lowered]) -> str | None:
    """The range that the file itself takes onto another, such as [0, 1] onto [-1, 1]; None unless there is just one."""
    found = []
    for name, trace in traces.items():
        start = range_values(*RANGES[name])[[0, -1]]
        for table in trace.pixel_tables:
            ends = table[:, [0, -1]].astype(np.float64)
            moved = np.abs(ends - start).max() > 1e-3
            if moved and any(np.abs(ends - target).max() < 1e-5 * target[1] for target in ([0.0, 1.0], [-1.0, 1.0], [0.0, 255.0])):
                found.append(name)
                break
    return found[0] if len(found) == 1 else None


def _by_thresholds(traces: dict[str, Lowered]) -> str | None:
    """By where the thermometer switches: above 1 only pixel values do, below 0 only signed floats."""
    thresholds = {}
    for name in ("uint8", "signed"):
        layers = traces[name].layers if name in traces else ()
        if not layers or not isinstance(layers[0], Thermometer):
            return None
        thresholds[name] = layers[0].thresholds
    # Pixel value 2 is the first above 1; values 0..127 of a signed image are below 0.
    above = (thresholds["uint8"] >= 2) & (thresholds["uint8"] < 256)
    if above.mean() > 0.5:
        return "uint8"
    below = (thresholds["signed"] > 0) & (thresholds["signed"] <= 127)
    return "signed" if below.any() and not above.any() else None
