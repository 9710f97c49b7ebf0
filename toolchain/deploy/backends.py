"""Each way to compute a model's scores, as a backend for `owlbit.hw.verification`.

A tool that is missing, or a file that this model does not have, becomes `NotRun` with the reason. Importing this module imports
none of the tools.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from owlbit.export.load_model import ONNX
from owlbit.export.network import Network
from owlbit.hw.verification import Backend, Images, NotRun, Outcome

if TYPE_CHECKING:
    from owlbit.hw.finn.subject import Subject


def reference_backend(subject: Subject, images: int) -> Backend:
    """What all others are compared with: the reference simulator; of a given file that is no `Network`, QONNX's executor."""

    def run(given: Images) -> Outcome:
        from owlbit.hw.finn.subject import reference_scores

        return Outcome(reference_scores(subject, given))

    return Backend("reference" if isinstance(subject, Network) else "qonnx", images, run)


def torch_backend(trained: Path | None, images: int) -> Backend:
    """The trained network of a run folder in Brevitas' own layers, in evaluation mode; None where there are no weights."""

    def run(given: Images) -> Outcome:
        if trained is None:
            raise NotRun("there are no trained weights here, only what was exported; verify the run folder that it comes from")
        try:
            from owlbit.toolchain.deploy.torch_scores import torch_scores
        except ImportError as error:
            raise NotRun(f"{error.name} is not installed; `pip install --editable '.[train]'` in the checkout brings it") from None
        return Outcome(torch_scores(trained, given))

    return Backend("torch", images, run)


def zoo_backend(folder: Path, network: Network, images: int) -> Backend:
    """The scores that a folder of the zoo keeps of its made-up frames."""

    def run(given: Images) -> Outcome:
        from owlbit.toolchain.zoo.card import read_sample, sample_frames

        if not np.array_equal(given, sample_frames(network)[: len(given)]):
            raise NotRun("the zoo keeps the scores of its own frames only; leave out the images")
        return Outcome(read_sample(folder)[0][: len(given)])

    return Backend("zoo", images, run)


def qonnx_backend(
    model: Path | None, network: Network, images: int, input_range: str | None = None, integers: bool = False
) -> Backend:
    """The QONNX file, run node by node by the qonnx package; None where there is none.

    `input_range`: of the file, where it is not that of the network, as in a file that was written from the network; `integers`: it
    gives the integers without the network's factors.
    """

    def run(given: Images) -> Outcome:
        if model is None:
            raise NotRun(f"there is no {ONNX} here")
        from owlbit.export.qonnx.execute import execute_file

        own = (network.input_scale, network.input_offset)
        try:
            values, decisions = execute_file(model, given, input_range or own, network.input_shape)
        except ModuleNotFoundError as error:
            missing = str(error.name).partition(".")[0]
            raise NotRun(f"{missing} is not installed; `pip install --editable '.[qonnx]'` in the checkout brings it") from None
        if decisions:
            from owlbit.hw.reference import simulate

            # The file says no more than the class: where it is that of the reference, its scores stand for both.
            expected = network.ranked(simulate(network, given))
            same = values.argmax(axis=1) == expected.argmax(axis=1)
            values = np.where(same[:, None], expected, values)
        return Outcome(values, ranked=not integers)

    return Backend("qonnx", images, run)


def written_backend(network: Network, images: int) -> Backend:
    """The QONNX file that is written from a network file, for one that has none beside it."""

    def run(given: Images) -> Outcome:
        from owlbit.export.qonnx.write import write_qonnx

        with TemporaryDirectory() as folder:
            write_qonnx(network, Path(folder) / ONNX)
            return qonnx_backend(Path(folder) / ONNX, network, images, "uint8").run(given)

    return Backend("qonnx", images, run)


def fast_backend(network: Network, images: int) -> Backend:
    """The packed-bit simulator of `owlbit.hw.fast`."""

    def run(given: Images) -> Outcome:
        from owlbit.hw.fast import simulate

        return Outcome(simulate(network, given))

    return Backend("fast", images, run)


def c_backend(build: Path | None, network: Network, images: int) -> Backend:
    """The network in C, compiled for this machine and run: the files of the C build `build`, or written anew where None."""

    def run(given: Images) -> Outcome:
        from owlbit.hw.c.host import simulate
        from owlbit.hw.external_tools import ToolMissing

        try:
            return Outcome(simulate(network, given, build))
        except ToolMissing as reason:
            raise NotRun(str(reason)) from None

    return Backend("c", images, run)


def finn_backend(name: str, build: Path, subject: Subject, images: int) -> Backend:
    """A graph of a FINN build, executed by FINN: "finn-streamlined" before its hardware layers, "finn-hw" the last one built."""

    def run(given: Images) -> Outcome:
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

    return Backend(name, images, run)


def ecp5_backend(name: str, build: Path, network: Network, images: int) -> Backend:
    """What an ECP5 build holds: "ecp5-rtl" its Verilog, "ecp5-netlist" the placed and routed netlist by models of its cells."""

    def run(given: Images) -> Outcome:
        from owlbit.hw.ecp5.simulate import simulate_build_netlist, simulate_build_rtl
        from owlbit.hw.external_tools import ToolMissing

        try:
            result = (simulate_build_rtl if name == "ecp5-rtl" else simulate_build_netlist)(build, network, given)
        except ToolMissing as reason:
            raise NotRun(str(reason)) from None
        return Outcome(result.scores, result.cycles_per_frame, clock_hz=result.clock_hz)

    return Backend(name, images, run)


def rtl_backend(flash: bytes | None, network: Network, images: int) -> Backend:
    """The engine's Verilog in Verilator, booting the flash image as the device would."""
    return _chip_backend("rtl", flash, network, images)


def bitstream_backend(flash: bytes | None, network: Network, images: int) -> Backend:
    """The bits of the bitstream in the same flash image, turned back into Verilog and simulated, booting that image."""
    return _chip_backend("bitstream", flash, network, images)


def _chip_backend(name: str, flash: bytes | None, network: Network, images: int) -> Backend:
    def run(given: Images) -> Outcome:
        from owlbit.hw.external_tools import ToolMissing
        from owlbit.hw.up5k.simulate import simulate_bitstream, simulate_rtl

        if flash is None:
            raise NotRun("there is no flash image here; `owlbit build` makes one")
        try:
            result = (simulate_rtl if name == "rtl" else simulate_bitstream)(flash, network, given)
        except ToolMissing as reason:
            raise NotRun(str(reason)) from None
        return Outcome(result.scores, result.cycles_per_frame)

    return Backend(name, images, run)
