"""`owlbit build --target finn:PART`: finn.builder driven step by step, every graph kept, as far as the tools at hand go."""

from __future__ import annotations

import contextlib
import logging
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from owlbit.export.errors import OwlbitError
from owlbit.export.files import make_folder
from owlbit.export.load_model import ONNX
from owlbit.export.network import Network
from owlbit.hw.external_tools import ToolMissing, digest
from owlbit.hw.finn.build_folder import LOG, TARGET, BuildFolder, State, StepDone
from owlbit.hw.finn.folding.parts import device_of, find_part
from owlbit.hw.finn.legality import check_network, place_in_file
from owlbit.hw.finn.step_names import LAST_FREE, NEEDS_VIVADO, STEP_NAMES
from owlbit.hw.finn.subject import Subject, load_subject, same_subject, save_subject
from owlbit.hw.finn.tools import VERSION, Vivado, check_finn, find_vivado, finn_environment, sources_folder

CLOCK_NS = 10.0
Report = Callable[[str], None]


class StepFailed(OwlbitError):  # noqa: N818 - reads as the sentence it is
    """A step of finn.builder failed; the message names it and carries its first line, build.log all of it."""


@dataclass(frozen=True)
class Options:
    """What a FINN build is made with.

    `part`: as Vivado names it; `board`: as FINN names it, for a bitfile and a driver; `frames_per_second`: what layers are folded
    for, else the most that the part holds; `folding`: a folding file of FINN instead; `first`, `last`: the steps to begin with and
    to end with.
    """

    part: str
    board: str | None = None
    frames_per_second: float | None = None
    folding: Path | None = None
    first: str | None = None
    last: str | None = None
    clock_ns: float = CLOCK_NS


def build_finn(network: Subject, out: Path, options: Options, report: Report) -> State:
    """Builds `network` in the folder `out`; `report` gets one line a step. Returns the state that is then in build.json.

    Without Vivado the build ends after `LAST_FREE`, and says so. Raises ToolMissing for no FINN, or for a step that needs a Vivado
    which is not there; OwlbitError for steps, options and folders that do not fit; LoweringError for a network outside what FINN's
    layers can do; StepFailed.
    """
    check_finn()
    if isinstance(network, Network):
        check_network(network)
    vivado = find_vivado()
    _check_options(options, vivado)
    build = BuildFolder(out.absolute())
    sources = sources_folder(build.sources)
    state = _begin(network, build, options, vivado)
    make_folder(sources)
    first, last = options.first or STEP_NAMES[0], options.last or (STEP_NAMES[-1] if vivado else LAST_FREE)
    steps = STEP_NAMES[STEP_NAMES.index(first) : STEP_NAMES.index(last) + 1]
    report(f"FINN {VERSION}, {state.part}, Vivado {vivado.version if vivado else 'not found'}; sources go to {sources}")
    with finn_environment(sources, vivado):
        _run(build, state, options, steps, report)
    state.state = "done"
    build.write(state)
    if LAST_FREE in steps:
        report(_announcement(out, state, options, vivado))
    return state


def _check_options(options: Options, vivado: Vivado | None) -> None:
    for flag, name in (("--from", options.first), ("--to", options.last)):
        if name is not None and name not in STEP_NAMES:
            raise OwlbitError(f"{flag}: expected one of {', '.join(STEP_NAMES)}, got {name!r}")
    if options.first and options.last and STEP_NAMES.index(options.first) > STEP_NAMES.index(options.last):
        raise OwlbitError(f"--from {options.first}: expected a step before that of --to, {options.last}, got a later one")
    for flag, name in (("--from", options.first), ("--to", options.last)):
        if name in NEEDS_VIVADO and vivado is None:
            raise ToolMissing(
                f"{flag} {name}: this step needs Vivado, and none was found (XILINX_VIVADO is not set, no vivado on the PATH); "
                f"the last step without it is {LAST_FREE}"
            )
    if options.frames_per_second is not None and not options.frames_per_second > 0:
        raise OwlbitError(f"--fps: expected more than 0 frames per second, got {options.frames_per_second:g}")
    device_of(options.part)
    _check_board(options)
    if options.folding is not None:
        from owlbit.hw.finn.folding.check_folding import read_folding

        read_folding(options.folding)
    elif options.frames_per_second is None:
        find_part(options.part)  # what is folded for


def _check_board(options: Options) -> None:
    from finn.util.basic import part_map

    if options.board is not None and options.board not in part_map:
        raise OwlbitError(f"--board: expected a board of FINN ({', '.join(sorted(part_map))}), got {options.board!r}")
    if options.board is not None and part_map[options.board] != options.part:
        raise OwlbitError(f"--board {options.board}: expected its part {part_map[options.board]}, got {options.part}")


def _begin(network: Subject, build: BuildFolder, options: Options, vivado: Vivado | None) -> State:
    """The state at the beginning: a new folder, or one that is gone on with."""
    fresh = State(
        target=TARGET + options.part,
        part=options.part,
        board=options.board,
        network=network.name,
        model_digest="",
        clock_ns=options.clock_ns,
        frames_per_second=options.frames_per_second,
        folding=str(options.folding) if options.folding else None,
        finn=VERSION,
        vivado=vivado.version if vivado else None,
        notes=list(network.notes),
    )
    found = build.read()
    if options.first is None or options.first == STEP_NAMES[0]:
        _check_replaceable(build, found)
        build.clear()
        build.write(fresh)
        save_subject(network, build.path)
        fresh.model_digest = digest([build.path / ONNX])
        build.write(fresh)
        return fresh
    _check_resumable(network, build, found, options)
    assert found is not None
    before = STEP_NAMES[STEP_NAMES.index(options.first) - 1]
    kept = [step for step in found.steps if STEP_NAMES.index(step.name) <= STEP_NAMES.index(before)]
    build.drop_from(options.first)
    fresh.model_digest, fresh.steps = found.model_digest, kept
    build.write(fresh)
    return fresh


def _check_replaceable(build: BuildFolder, found: State | None) -> None:
    path = build.path
    if path.exists() and not path.is_dir():
        raise OwlbitError(f"{path}: expected a folder to write, found a file; move it or choose another output path")
    if found is None and path.is_dir() and any(entry != build.sources for entry in path.iterdir()):
        raise OwlbitError(f"{path}: this folder holds other files than a FINN build and is left alone; choose another output path")
    if found is not None and found.state != "done":
        reached = found.steps[-1].name if found.steps else "nothing"
        following = STEP_NAMES[STEP_NAMES.index(reached) + 1] if found.steps else STEP_NAMES[0]
        how = f"go on with `--from {following}`, or remove" if found.steps else "remove"
        raise OwlbitError(
            f"{path}: expected a finished build or none, found one that was stopped after {reached}; {how} the folder"
        )


def _check_resumable(network: Subject, build: BuildFolder, found: State | None, options: Options) -> None:
    assert options.first is not None
    if found is None:
        raise OwlbitError(f"{build.path}: expected a FINN build to go on with from {options.first}, found none; leave out --from")
    if found.target != TARGET + options.part:
        raise OwlbitError(f"{build.path}: expected a build for {options.part}, found one for {found.part}; give another --out")
    if not same_subject(network, load_subject(build.path)):
        raise OwlbitError(f"{build.path}: expected a build of {network.name}, found one of another network; leave out --from")
    build.model_after(STEP_NAMES[STEP_NAMES.index(options.first) - 1])


def _run(build: BuildFolder, state: State, options: Options, steps: tuple[str, ...], report: Report) -> None:
    from qonnx.core.modelwrapper import ModelWrapper

    from owlbit.hw.finn.steps import find_step

    cfg = _config(build, options)
    before = STEP_NAMES.index(steps[0]) - 1
    model = ModelWrapper(str(build.model_after(STEP_NAMES[before]) if before >= 0 else build.path / ONNX))
    for name in steps:
        start = time.perf_counter()
        try:
            with _logged(build.path / LOG):
                model = find_step(name, cfg)(model, cfg)
            temporary = build.models / f".{name}.onnx"
            model.save(str(temporary))
            temporary.replace(build.models / f"{name}.onnx")
        except OwlbitError:
            raise
        except Exception as error:
            # FINN raises plain Exceptions, assertions and classes of its own.
            with (build.path / LOG).open("a", encoding="utf-8") as file:
                traceback.print_exc(file=file)
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            where = place_in_file(build.path / ONNX, reason)
            raise StepFailed(f"FINN's {name} failed: {reason}{where}; see {build.path / LOG}") from error
        state.steps.append(StepDone(name, round(time.perf_counter() - start, 2)))
        build.write(state)
        report(f"{name}: {state.steps[-1].seconds:.1f} s, {len(model.graph.node)} nodes")


def _config(build: BuildFolder, options: Options) -> Any:
    """FINN's own configuration of a build."""
    from finn.builder.build_dataflow_config import DataflowBuildConfig, DataflowOutputType, ShellFlowType
    from finn.util.basic import alveo_part_map

    outputs = ["ESTIMATE_REPORTS", "STITCHED_IP", "RTLSIM_PERFORMANCE", "OOC_SYNTH"]
    outputs += ["BITFILE", "PYNQ_DRIVER", "DEPLOYMENT_PACKAGE"] if options.board else []
    alveo = options.board in alveo_part_map
    return DataflowBuildConfig(
        output_dir=str(build.path),
        synth_clk_period_ns=options.clock_ns,
        fpga_part=options.part,
        board=options.board,
        target_fps=options.frames_per_second,
        folding_config_file=str(options.folding) if options.folding else None,
        generate_outputs=[getattr(DataflowOutputType, name) for name in outputs],
        shell_flow_type=ShellFlowType.VITIS_ALVEO if alveo else ShellFlowType.VIVADO_ZYNQ,
        save_intermediate_models=True,
        steps=list(STEP_NAMES),
    )


@contextlib.contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Sends what is printed, logged and warned while the block runs into the file `path`, behind what it holds."""
    if path.is_symlink():
        raise OwlbitError(f"{path}: expected the log of this build, found a link, which would change another file; remove it")
    handler = logging.FileHandler(path)
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    root.handlers[:], root.level = [handler], logging.INFO
    try:
        with (
            path.open("a", encoding="utf-8") as file,
            contextlib.redirect_stdout(file),
            contextlib.redirect_stderr(file),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        handler.close()
        root.handlers[:], root.level = handlers, level


def _announcement(out: Path, state: State, options: Options, vivado: Vivado | None) -> str:
    """What was reached without Vivado, and how to go on."""
    done = f"{LAST_FREE} is the last step that needs no Vivado: generated HLS and RTL, estimates in {out / 'report'}"
    if vivado is None:
        return (
            f"{done}. Vivado was not found, so IP, bitfile and driver were not built; on a machine with Vivado, build there, "
            f"or go on here with `--from {NEEDS_VIVADO[0]}` once XILINX_VIVADO is set"
        )
    return done
