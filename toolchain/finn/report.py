"""The page about a FINN build: its folded graph estimated, compared over parts, and written into the build folder."""

from __future__ import annotations

from pathlib import Path

from qonnx.core.modelwrapper import ModelWrapper

from owlbit.export.errors import OwlbitError
from owlbit.hw.finn.build_folder import BuildFolder
from owlbit.hw.finn.folding.choices import layers_of
from owlbit.hw.finn.folding.compare_parts import compare_parts
from owlbit.hw.finn.folding.estimates import estimate
from owlbit.hw.finn.folding.search import frontier
from owlbit.hw.finn.step_names import FOLDED
from owlbit.hw.finn.tools import finn_environment, sources_folder
from owlbit.toolchain.finn.page import write_finn_page


def report_build(folder: Path) -> Path:
    """Writes finn.html and finn.json into the folder of a FINN build and returns the page's path.

    Raises ToolMissing without FINN, OwlbitError for a folder that is no FINN build or whose graph is not folded yet.
    """
    build = BuildFolder(folder)
    state = build.read()
    if state is None:
        raise OwlbitError(f"{folder}: expected a FINN build, found none; `owlbit build --target finn:PART` makes one")
    clock_hz = 1e9 / state.clock_ns
    with finn_environment(sources_folder(build.sources), None):
        model = ModelWrapper(str(build.model_after(FOLDED)))
        estimates = estimate(model, state.part, clock_hz)
        layers = layers_of(model, state.part)
        return write_finn_page(folder, state.network, state.part, estimates, compare_parts(estimates, layers), frontier(layers))
