"""A folding as a text table: what each layer is, how it is folded, what it takes, and which one bounds the frame rate."""

from __future__ import annotations

from dataclasses import dataclass

from owlbit.export.network import BinaryConv, BinaryLinear, Network, Scores
from owlbit.hw.ecp5.folding.search import Estimate

HEADINGS = ("layer", "pe", "simd", "weights", "cycles", "LUT", "EBR")
BOTTLENECK = "bounds the rate"


@dataclass(frozen=True)
class Row:
    """A layer with weights. `name`: index and kind; `memory`: where its weights lie; `bottleneck`: whether it bounds the rate."""

    name: str
    pe: int
    simd: int
    memory: str
    cycles: int
    luts: int
    ebr: int
    bottleneck: bool


def folding_rows(network: Network, estimate: Estimate) -> list[Row]:
    """A row for each layer with weights, in order; LUTs and block RAMs by the cost model."""
    rows = []
    for layer in estimate.layers:
        choice, folding = layer.choice, layer.choice.folding
        rows.append(
            Row(
                name=layer_name(network, folding.layer),
                pe=folding.pe,
                simd=folding.simd,
                memory=folding.memory,
                cycles=choice.cycles,
                luts=layer.luts,
                ebr=choice.ebr,
                bottleneck=choice.cycles == estimate.cycles,
            )
        )
    return rows


def layer_name(network: Network, index: int) -> str:
    """Index and kind of a layer, such as "3 conv 64->128 3x3 /2": filters, kernel, and groups where there are several."""
    layer, channels = network.layers[index], network.shapes[index - 1][0] if index else network.input_shape[0]
    match layer:
        case BinaryConv():
            groups = f" /{layer.groups}" if layer.groups > 1 else ""
            rows, columns = layer.weights.shape[2:]
            return f"{index} conv {channels}->{len(layer.weights)} {rows}x{columns}{groups}"
        case BinaryLinear():
            return f"{index} linear {layer.fan_in}->{len(layer.weights)}"
        case Scores():
            return f"{index} scores {layer.fan_in}->{len(layer.weights)}"
        case _:
            return f"{index} {type(layer).__name__.lower()}"


def folding_table(network: Network, estimate: Estimate, clock_mhz: float) -> str:
    """The rows in columns, and a last line with the totals; frames per second at a clock in MHz."""
    rows = folding_rows(network, estimate)
    cells = [list(HEADINGS)]
    cells += [[row.name, str(row.pe), str(row.simd), row.memory, f"{row.cycles:,}", f"{row.luts:,}", f"{row.ebr}"] for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    lines = [_line(line, widths) for line in cells]
    lines = [lines[0], *(f"{line}  {BOTTLENECK}" if row.bottleneck else line for line, row in zip(lines[1:], rows, strict=True))]
    lines.append(
        f"{estimate.cycles:,} cycles per frame, {estimate.frames_per_second(clock_mhz):,.0f} frames/s at {clock_mhz:g} MHz; "
        f"about {estimate.luts:,} LUT4 and {estimate.ebr} EBR by the cost model"
    )
    return "\n".join(lines)


def _line(cells: list[str], widths: list[int]) -> str:
    """The first and fourth column to the left, numbers to the right."""
    placed = [
        cell.ljust(width) if column in (0, 3) else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(placed).rstrip()
