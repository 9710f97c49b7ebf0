"""The folding for a build: the one that is given, or for the frame rate that is asked for, else the fastest that the part holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qonnx.core.modelwrapper import ModelWrapper

from owlbit.export.errors import OwlbitError
from owlbit.hw.finn.folding.check_folding import check_folding, read_folding
from owlbit.hw.finn.folding.choices import layers_of
from owlbit.hw.finn.folding.parts import PARTS, device_of, find_part
from owlbit.hw.finn.folding.search import SHARE, Folding, budget_of, fold_for_budget, fold_for_rate, write_folding


def choose_folding(model: ModelWrapper, part: str, clock_hz: float, frames_per_second: float | None = None) -> Folding:
    """The folding of a hardware graph (after step_specialize_layers) for `part`, at a clock in Hz.

    With a rate: the least LUTs that reach it, in the block RAMs of the part where they are known. Without: the highest frame
    rate in `SHARE` of the part, or in all of it if the network does not fit that. Raises OwlbitError for an unknown part, a part of
    unknown size without a rate, and a network or rate that the part cannot hold.
    """
    device = device_of(part)
    layers = layers_of(model, part)
    if frames_per_second is not None:
        return fold_for_rate(layers, frames_per_second, clock_hz, budget_of(PARTS[device], 1.0) if device in PARTS else None)
    found = find_part(part)
    try:
        return fold_for_budget(layers, budget_of(found, SHARE))
    except OwlbitError:
        return fold_for_budget(layers, budget_of(found, 1.0))


FOLDING = "folding.json"


def step_owlbit_fold(model: ModelWrapper, cfg: Any) -> ModelWrapper:
    """A step of a FINN build, after step_specialize_layers: folds the graph and leaves folding.json in the build folder.

    `cfg`: FINN's DataflowBuildConfig. A folding file that is given is checked and applied, else the folding is that of
    `choose_folding` for the part, clock and target_fps. Raises OwlbitError where either is impossible.
    """
    from finn.transformation.general import ApplyConfig

    if cfg.folding_config_file:
        settings = read_folding(Path(cfg.folding_config_file))
        check_folding(model, settings, str(cfg.folding_config_file))
    else:
        folding = choose_folding(model, cfg.fpga_part, 1e9 / cfg.synth_clk_period_ns, cfg.target_fps)
        write_folding(folding, Path(cfg.output_dir) / FOLDING)
        settings = folding.settings()
    return model.transform(ApplyConfig({"Defaults": {}, **settings}))
