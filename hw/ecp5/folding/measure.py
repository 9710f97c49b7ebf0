"""Measures the cost model: synthesises folded layers, keeps what each took as CSV, and fits the rates to it.

`python -m owlbit.hw.ecp5.folding.measure` refits the rates to the CSV beside this file; with `--synthesise` it first makes the CSV
again, with Yosys, which takes tens of minutes. Run it after a change of hw/ecp5/rtl. The layers belong to random networks; those of
the last ones are held out of the fit, and the error that is stated is theirs.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from owlbit.export.files import write_text
from owlbit.export.network import BinaryConv, BinaryLinear, ChannelShuffle, Layer, Network, OrPool, Scores, Thermometer
from owlbit.hw.ecp5.dataflow.generate import generate
from owlbit.hw.ecp5.dataflow.geometry import legal_foldings
from owlbit.hw.ecp5.dataflow.plan import plan_dataflow
from owlbit.hw.ecp5.dataflow.stages import Plan
from owlbit.hw.ecp5.flow.synthesise import CELLS, module_use, synthesise
from owlbit.hw.ecp5.folding.rates import Rates
from owlbit.hw.ecp5.folding.stage_costs import KINDS, Expected, stage_cost
from owlbit.hw.ecp5.folding_file import Folding, LayerFolding, weighted_layers

MEASURED = Path(__file__).with_name("measured.csv")
NETWORKS = 12
FITTED = 8  # the first ones; the others are held out
MOST_PRODUCTS = 160  # per cycle of a layer
Generator = np.random.Generator


@dataclass(frozen=True)
class Row:
    """A synthesised layer with all its stages. `network`: its number; `layer`: its index there; `expected`: LUTs by kind;
    `luts`, `ebr`: what Yosys made."""

    network: int
    layer: int
    expected: tuple[float, ...]
    expected_ebr: int
    luts: int
    ebr: int

    @property
    def held_out(self) -> bool:
        """Whether the fit does not see it."""
        return self.network >= FITTED

    def error(self, rates: Rates) -> float:
        """The model's LUTs relative to the measured ones, less 1."""
        return float(np.dot(self.expected, [getattr(rates, kind) for kind in KINDS])) / self.luts - 1


def main() -> None:
    """See the top of this page."""
    parser = argparse.ArgumentParser(prog="python -m owlbit.hw.ecp5.folding.measure", description="Refits the ECP5's cost model.")
    parser.add_argument("--synthesise", action="store_true", help="make the CSV again, which takes tens of minutes")
    if parser.parse_args().synthesise:
        rows: list[Row] = []
        for number in range(NETWORKS):
            rows += measure_network(number)
            print(*rows[-4:], sep="\n")
        write_measured(rows)
    measured = read_measured()
    rates = fit(measured)
    rates.save()
    print(report(measured, rates))


# ---------------------------------------------------------------- what is synthesised


def measure_network(number: int) -> list[Row]:
    """Synthesises the random network with this number, so folded, and gives a row for each layer with weights.

    Yosys flattens the pipeline and names each cell after the instance that it was in, which begins with the layer's index. Pools
    count to the layer before them.
    """
    rng = np.random.default_rng(number)
    network = random_network(rng)
    plan = plan_dataflow(network, random_folding(rng, network))
    with tempfile.TemporaryDirectory() as name:
        made = generate(plan, Path(name))
        synthesise(made.sources, made.top, Path(name), defines=(CELLS,))
        cells = json.loads((Path(name) / f"{made.top}.synth.json").read_text(encoding="utf-8"))["modules"][made.top]["cells"]
    owners = _owners(network)
    owned: dict[int, dict[str, Any]] = {index: {} for index in owners.values()}
    for cell_name, cell in cells.items():
        found = re.match(r"layer(\d+)_", cell_name)
        if found and int(found[1]):
            owned[owners[int(found[1])]][cell_name] = cell
    expected = expected_layers(plan)
    rows = []
    for index, own in owned.items():
        used = module_use({"modules": {"layer": {"cells": own}}})["layer"]
        kinds = tuple(round(float(getattr(expected[index], kind)), 1) for kind in KINDS)
        rows.append(Row(number, index, kinds, expected[index].ebr, used.lut, used.ebr))
    return rows


def expected_layers(plan: Plan) -> dict[int, Expected]:
    """What the stages of each layer with weights take, by its index."""
    owners = _owners(plan.network)
    found = {index: Expected() for index in owners.values()}
    for stage in plan.stages:
        if stage.layer:
            found[owners[stage.layer]] += stage_cost(stage.module, stage.parameters)
    return found


def _owners(network: Network) -> dict[int, int]:
    """The layer with weights that each layer behind the thermometer counts to: the last one up to it."""
    weighted = [index for index, _ in weighted_layers(network)]
    return {place: max(index for index in weighted if index <= place) for place in range(weighted[0], len(network.layers))}


def random_network(rng: Generator) -> Network:
    """Two or three convolutions, a pool, now and then a hidden linear layer, and scores."""
    channels, side = int(rng.choice([1, 3])), int(rng.choice([12, 16, 20]))
    levels = int(rng.choice([4, 8]))
    layers: list[Layer] = [Thermometer(np.sort(rng.integers(1, 256, (channels, levels)), axis=1).astype(np.int32))]
    shape = layers[0].output_shape((channels, side, side))

    def add(layer: Layer) -> None:
        nonlocal shape
        layers.append(layer)
        shape = layer.output_shape(shape)

    for place in range(int(rng.integers(2, 4))):
        groups = int(rng.choice([1, 1, 2, 4])) if place else 1
        filters = int(rng.choice([32, 64, 128]))
        padding = int(rng.integers(0, 2))
        weights = rng.integers(0, 2, (filters, shape[0] // groups, 3, 3), dtype=np.uint8)
        add(BinaryConv(weights, _thresholds(rng, filters, weights[0].size), groups, (1, 1), (padding,) * 4))
        if place == 0:
            add(OrPool())
        if groups > 1:
            add(ChannelShuffle.of_groups(shape[0], groups))
    add(OrPool())
    if rng.random() < 0.5:
        weights = rng.integers(0, 2, (64, int(np.prod(shape))), dtype=np.uint8)
        add(BinaryLinear(weights, _thresholds(rng, 64, weights.shape[1])))
    add(Scores(rng.integers(0, 2, (10, int(np.prod(shape))), dtype=np.uint8)))
    return Network((channels, side, side), tuple(layers))


def _thresholds(rng: Generator, filters: int, fan_in: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return rng.integers(fan_in // 3, 2 * fan_in // 3 + 1, filters, dtype=np.int32)


def random_folding(rng: Generator, network: Network) -> Folding:
    """A legal folding of each layer with up to `MOST_PRODUCTS` products per cycle, with its memories anywhere."""
    folded = []
    for index, layer in weighted_layers(network):
        legal = [pair for pair in legal_foldings(network, index) if pair[0] * pair[1] <= MOST_PRODUCTS]
        widest = legal[-(len(legal) // 2) :] if isinstance(layer, BinaryConv) else legal
        pe, simd = widest[int(rng.integers(len(widest)))]
        small = layer.weights.size <= 1 << 13
        memory = "lut" if small and rng.random() < 0.5 else "ebr"
        folded.append(LayerFolding(index, pe, simd, memory, str(rng.choice(["ebr", "lut"]))))
    return Folding(tuple(folded))


# ---------------------------------------------------------------- the file and the fit

COLUMNS = ("network", "layer", *KINDS, "expected_ebr", "luts", "ebr")


def write_measured(rows: Sequence[Row], path: Path = MEASURED) -> None:
    """Writes the CSV, whole or not at all."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for row in rows:
        table.writerow((row.network, row.layer, *row.expected, row.expected_ebr, row.luts, row.ebr))
    write_text(path, text.getvalue())


def read_measured(path: Path = MEASURED) -> list[Row]:
    """The rows of the CSV."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Row(
                int(line["network"]),
                int(line["layer"]),
                tuple(float(line[kind]) for kind in KINDS),
                int(line["expected_ebr"]),
                int(line["luts"]),
                int(line["ebr"]),
            )
            for line in csv.DictReader(file)
        ]


def fit(rows: Sequence[Row]) -> Rates:
    """The rates with the least squared relative errors of the layers that are not held out, none below 0."""
    seen = [row for row in rows if not row.held_out]
    matrix = np.array([np.array(row.expected) / row.luts for row in seen])
    used = list(range(len(KINDS)))
    while True:
        found = np.linalg.lstsq(matrix[:, used], np.ones(len(seen)), rcond=None)[0]
        if found.min() >= 0:
            break
        del used[int(found.argmin())]
    values: dict[str, Any] = dict.fromkeys(KINDS, 0.0)
    values |= {KINDS[kind]: round(float(value), 3) for kind, value in zip(used, found, strict=True)}
    rates = replace(Rates(), **values)
    errors = [abs(row.error(rates)) for row in rows if row.held_out]
    return replace(rates, error=round(max(errors), 3), held_out=len(errors))


def report(rows: Sequence[Row], rates: Rates) -> str:
    """The rates and the errors, in lines."""
    lines = ["LUTs per expected LUT: " + ", ".join(f"{kind} {getattr(rates, kind):g}" for kind in KINDS)]
    for words, held in (("fitted", False), ("held out", True)):
        errors = np.abs([row.error(rates) for row in rows if row.held_out == held])
        lines.append(f"{len(errors)} layers {words}: error {errors.mean():.1%} on average, {errors.max():.1%} at most")
    right = sum(row.ebr == row.expected_ebr for row in rows)
    lines.append(f"block RAMs: {right} of {len(rows)} layers as expected")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
