"""The table of all targets. A target is added by a builder here and a row of `TARGETS`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.hw.up5k.wake_policy import ChipPolicy
from owlbit.toolchain.targets.build_job import FLAGS, BuildJob


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
    from owlbit.toolchain.sensing.settings import load_settings

    settings = load_settings(job.options.wake)

    def policy_for(network: Network) -> ChipPolicy:
        return settings.policy_for(network).on_chip(network)

    build_model(job.source, job.folder, job.input_range, job.image_shape, job.options.board, policy_for)


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


TARGETS = (
    Target("up5k", ("board", "wake"), build_for_up5k),
    Target("c", ("name",), build_for_c),
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
