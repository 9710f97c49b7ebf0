"""The table of all targets. A target is added by a builder here and a row of `TARGETS`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.hw.ecp5.parts import PARTS
from owlbit.hw.up5k.wake_policy import ChipPolicy
from owlbit.toolchain.targets.build_job import FLAGS, BuildJob, BuildOptions


@dataclass(frozen=True)
class Target:
    """A target, or a family of them.

    `name`: what `--target` takes; of a family the part behind the colon stands in capitals, as in finn:PART. `options`: the fields
    of `BuildOptions` that it takes; `build`: makes the build folder, and raises OwlbitError where it cannot.
    """

    name: str
    options: tuple[str, ...]
    build: Callable[[BuildJob], None]

    def takes(self, given: str) -> bool:
        """Whether `given` is this target, or one of this family."""
        family, colon, _ = self.name.partition(":")
        return given.startswith(family + colon) if colon else given == self.name


def build_for_up5k(job: BuildJob) -> None:
    """A flash image for the iCE40 UP5K; the chip of a board gets a wake policy too."""
    from owlbit.toolchain.deploy.build_up5k import build_model

    build_model(job.source, job.folder, job.input_range, job.image_shape, job.options.board, _policies(job))


def _policies(job: BuildJob) -> Callable[[Network], ChipPolicy]:
    """From a network to the wake policy that the chip of a board gets."""
    from owlbit.toolchain.sensing.settings import load_settings

    settings = load_settings(job.options.wake)

    def policy_for(network: Network) -> ChipPolicy:
        return settings.policy_for(network).on_chip(network)

    return policy_for


def build_for_finn(job: BuildJob) -> None:
    """An accelerator for an AMD part by FINN."""
    if find_spec("qonnx") is None:  # FINN brings it, so FINN is what is missing
        from owlbit.hw.finn.tools import check_finn

        check_finn()
    from owlbit.toolchain.finn.build import build_for_finn as build

    asked = job.options
    build(
        job.source,
        job.target,
        job.folder,
        job.input_range,
        job.image_shape,
        asked.board,
        asked.frames_per_second,
        asked.folding,
        asked.first,
        asked.last,
        job.progress,
    )


def build_for_c(job: BuildJob) -> None:
    """One C file for any processor."""
    from owlbit.toolchain.deploy.build_c import build_model

    for line in build_model(job.source, job.folder, job.input_range, job.image_shape, job.options.name):
        job.progress(line)


def build_for_ecp5(job: BuildJob) -> None:
    """A pipeline for a Lattice ECP5, or the UP5K's engine on it, to the bitstream."""
    asked = job.options
    _check_ecp5(asked)
    from owlbit.toolchain.deploy import build_ecp5

    read = (job.input_range, job.image_shape, job.progress)
    if asked.weights_only:
        build_ecp5.exchange_build_weights(job.source, job.target, job.folder, _policies(job), *read)
        return
    if asked.engine:
        build_ecp5.build_with_engine(job.source, job.target, job.folder, asked.clock_mhz, *read)
        return
    from owlbit.hw.ecp5.build import DataflowOptions

    options = DataflowOptions(asked.frames_per_second, bool(asked.most), asked.folding, asked.clock_mhz, asked.board)
    build_ecp5.build_pipeline(job.source, job.target, job.folder, options, _policies(job), *read)


def _check_ecp5(asked: BuildOptions) -> None:
    """Raises OwlbitError for options that contradict each other, and for a clock or a rate that is none."""
    given = [name for name in asked.given() if name != "clock_mhz"]
    if asked.weights_only and set(asked.given()) - {"weights_only", "wake"}:
        other = next(name for name in asked.given() if name not in ("weights_only", "wake"))
        raise OwlbitError(f"--weights-only: expected no {FLAGS[other]}, since the build says it already; leave out one")
    if asked.engine and len(given) > 1:
        other = next(name for name in given if name != "engine")
        raise OwlbitError(f"--engine: expected no {FLAGS[other]}, since the engine has one circuit for all networks; leave out one")
    ways = [name for name in ("frames_per_second", "most", "folding") if name in given]
    if len(ways) > 1:
        raise OwlbitError(f"expected one of --fps, --max and --folding, got {' and '.join(FLAGS[name] for name in ways)}")
    for name, most in (("clock_mhz", MOST_CLOCK_MHZ), ("frames_per_second", 1e9)):
        value = getattr(asked, name)
        if value is not None and not 0 < value <= most:
            raise OwlbitError(f"{FLAGS[name]}: expected a number above 0, up to {most:g}, got {value:g}")


MOST_CLOCK_MHZ = 400.0  # what the part's clock network takes
ECP5_OPTIONS = ("board", "wake", "frames_per_second", "most", "clock_mhz", "folding", "engine", "weights_only")
TARGETS = (
    Target("up5k", ("board", "wake"), build_for_up5k),
    Target("c", ("name",), build_for_c),
    *(Target(name, ECP5_OPTIONS, build_for_ecp5) for name in PARTS),
    Target("finn:PART", ("board", "frames_per_second", "folding", "first", "last"), build_for_finn),
)


def build_for_target(job: BuildJob) -> None:
    """Builds `job` by the builder of its target. Raises OwlbitError for an unknown target, and for an option that it refuses."""
    target = find_target(job.target)
    refused = [name for name in job.options.given() if name not in target.options]
    if refused:
        name = refused[0]
        takers = [each.name for each in TARGETS if name in each.options]
        raise OwlbitError(f"{FLAGS[name]}: expected a target {_listed(takers)}, got {job.target!r}")
    target.build(job)


def find_target(given: str) -> Target:
    """The row of `TARGETS` for `given`. Raises OwlbitError where there is none."""
    found = next((target for target in TARGETS if target.takes(given)), None)
    if found is None:
        names = _listed([target.name for target in TARGETS])
        raise OwlbitError(f"target {given!r}: expected one of {names}, PART being an AMD part")
    return found


def _listed(names: Sequence[str]) -> str:
    """ "a", "a or b", "a, b or c"."""
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
