"""Each way to compute a model's scores, as a rung for `owlbit.hw.verification`: torch, QONNX, fast simulator, FINN, RTL, bitstream.

A tool that is missing, or a file that this model does not have, becomes `NotRun` with the reason. Importing this module imports
none of the tools.
"""

from __future__ import annotations

from pathlib import Path

from owlbit.export.network import Network
from owlbit.hw.finn.given_model import GivenModel
from owlbit.hw.verification import Images, NotRun, Outcome, Rung


def torch_rung(run: Path, images: int) -> Rung:
    """The trained network of a run folder in Brevitas' own layers, in evaluation mode."""

    def climb(given: Images) -> Outcome:
        try:
            from owlbit.toolchain.deploy.torch_scores import torch_scores
        except ImportError as error:
            raise NotRun(f"{error.name} is not installed; `pip install --editable '.[train]'` in the checkout brings it") from None
        return Outcome(torch_scores(run, given))

    return Rung("torch", images, climb)


def qonnx_rung(model: Path | None, network: Network, images: int) -> Rung:
    """The QONNX file, run node by node by the qonnx package; None where the folder holds none."""

    def climb(given: Images) -> Outcome:
        if model is None:
            raise NotRun("there is no model.onnx in this folder")
        from owlbit.export.qonnx.execute import execute_qonnx

        return Outcome(execute_qonnx(model, given, (network.input_scale, network.input_offset)))

    return Rung("qonnx", images, climb)


def fast_rung(network: Network, images: int) -> Rung:
    """The packed-bit simulator of `owlbit.hw.fast`."""

    def climb(given: Images) -> Outcome:
        from owlbit.hw.fast import simulate

        return Outcome(simulate(network, given))

    return Rung("fast", images, climb)


def finn_rung(name: str, build: Path, subject: Network | GivenModel, images: int) -> Rung:
    """A graph of a FINN build, executed by FINN: "finn-streamlined" before its hardware layers, "finn-hw" the last one built."""

    def climb(given: Images) -> Outcome:
        from owlbit.hw.external_tools import ToolMissing
        from owlbit.hw.finn.build_folder import BuildFolder
        from owlbit.hw.finn.execute import execute_step
        from owlbit.hw.finn.step_names import PARTITIONED, STEP_NAMES, STREAMLINED

        folder = BuildFolder(build)
        done = folder.steps_done()
        hardware = [step for step in done if STEP_NAMES.index(step) >= STEP_NAMES.index(PARTITIONED)]
        step = STREAMLINED if name == "finn-streamlined" else hardware[-1] if hardware else PARTITIONED
        if step not in done:
            raise NotRun(f"the build was ended before {step}; go on with `owlbit build ... --from`")
        try:
            return Outcome(execute_step(folder, step, subject, given))
        except ToolMissing as reason:
            raise NotRun(str(reason)) from None

    return Rung(name, images, climb)


def rtl_rung(flash: bytes | None, network: Network, images: int) -> Rung:
    """The engine's Verilog in Verilator, booting the flash image as the device would."""
    return _chip_rung("rtl", flash, network, images)


def bitstream_rung(flash: bytes | None, network: Network, images: int) -> Rung:
    """The bits of the packed bitstream, turned back into Verilog and simulated, booting the same flash image."""
    return _chip_rung("bitstream", flash, network, images)


def _chip_rung(name: str, flash: bytes | None, network: Network, images: int) -> Rung:
    def climb(given: Images) -> Outcome:
        from owlbit.hw.external_tools import ToolMissing
        from owlbit.hw.up5k.simulate import simulate_bitstream, simulate_rtl

        if flash is None:
            raise NotRun("there is no flash image here; `owlbit build` makes one")
        try:
            result = (simulate_rtl if name == "rtl" else simulate_bitstream)(flash, network, given)
        except ToolMissing as reason:
            raise NotRun(str(reason)) from None
        return Outcome(result.scores, result.cycles_per_frame)

    return Rung(name, images, climb)
