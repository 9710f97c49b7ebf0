"""From a model to an ECP5's bitstream: `owlbit build --target ecp5-45f`. Imports neither torch nor brevitas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from owlbit.export.files import filling
from owlbit.export.network import Network, Shape
from owlbit.hw.ecp5.build_folder import BUILD, read_facts
from owlbit.hw.ecp5.parts import find_part
from owlbit.hw.up5k.wake_policy import NEVER, ChipPolicy
from owlbit.toolchain.deploy.folding_plot import PLOT, plot_folding
from owlbit.toolchain.deploy.model_files import write_model_files
from owlbit.toolchain.deploy.model_source import ModelSource

if TYPE_CHECKING:
    from owlbit.export.qonnx.input_range import InputRange
    from owlbit.hw.ecp5.build import DataflowOptions


def build_pipeline(
    source: ModelSource,
    target: str,
    out: Path,
    options: DataflowOptions,
    policy_for: Callable[[Network], ChipPolicy] = lambda network: NEVER,
    input_range: InputRange | str = "auto",
    image_shape: Shape | None = None,
    progress: Callable[[str], None] = print,
) -> None:
    """Builds the pipeline of a model into the folder `out`, which appears whole or not at all.

    `policy_for`: the wake policy of a network, which the chip of a board gets. `input_range`, `image_shape`: see
    `owlbit.export.qonnx.read.read_model`. Raises OwlbitError for a model that cannot be read, an output path that is taken, and
    what `owlbit.hw.ecp5.build.build_dataflow` refuses.
    """
    from owlbit.hw.ecp5.build import build_dataflow

    part, network = find_part(target), source.load(input_range, image_shape)
    with filling(out, BUILD) as folder:
        plan = build_dataflow(network, part, folder, replace(options, policy=policy_for(network)), progress)
        folds = {fold.layer: f"pe {fold.pe} x simd {fold.simd}" for fold in plan.folding.layers}
        plot_folding(network, plan.cycles(), folds, folder / PLOT, progress)
        write_model_files(source, network, folder)


def exchange_build_weights(
    source: ModelSource,
    target: str,
    out: Path,
    policy_for: Callable[[Network], ChipPolicy] = lambda network: NEVER,
    input_range: InputRange | str = "auto",
    image_shape: Shape | None = None,
    progress: Callable[[str], None] = print,
) -> None:
    """Makes the build in the folder `out` one of another model of the same layers, without place and route.

    `out` stays as it is where that cannot be. Raises what `owlbit.hw.ecp5.exchange.exchange_weights` refuses.
    """
    from owlbit.hw.ecp5.exchange import exchange_weights

    network = source.load(input_range, image_shape)
    read_facts(out)
    with filling(out, BUILD) as folder:
        exchange_weights(network, target, out, folder, policy_for(network), progress)
        write_model_files(source, network, folder)


def build_with_engine(
    source: ModelSource,
    target: str,
    out: Path,
    clock_mhz: float | None = None,
    input_range: InputRange | str = "auto",
    image_shape: Shape | None = None,
    progress: Callable[[str], None] = print,
) -> None:
    """The same with the UP5K's engine, which loads the network as data from the flash."""
    from owlbit.hw.ecp5.engine.build import build_engine

    part, network = find_part(target), source.load(input_range, image_shape)
    with filling(out, BUILD) as folder:
        build_engine(network, part, folder, clock_mhz, progress)
        write_model_files(source, network, folder)
