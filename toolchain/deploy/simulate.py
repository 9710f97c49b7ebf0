"""`owlbit simulate`: a model's scores for a user's images, at a chosen level of detail. Imports neither torch nor brevitas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.export.load_model import NETWORK
from owlbit.export.network import Network
from owlbit.export.network_file import load_network
from owlbit.hw.reference import simulate
from owlbit.hw.up5k.build import FLASH, compile_flash, engine_flash
from owlbit.hw.verification import Images, Outcome
from owlbit.toolchain.deploy.backends import bitstream_backend, fast_backend, rtl_backend

LEVELS = ("reference", "fast", "rtl", "bitstream")
OF_THE_CHIP = LEVELS[2:]  # that boot a flash image


def simulate_images(network: Network, images: Images, level: str, build: Path | None) -> Outcome:
    """What ranks, [N, classes], of uint8 images [N, C, H, W], see `Network.ranked`; and cycles per frame where there is a clock.

    `build`: a build folder whose flash.bin is booted; compiled here where None. Raises OwlbitError for an unknown level, a folder
    without flash image, of another network or with a level that boots none, a missing tool, and a network that does not fit the
    engine.
    """
    if level not in LEVELS:
        raise OwlbitError(f"level {level!r}: expected one of {', '.join(LEVELS)}")
    if build is not None and level not in OF_THE_CHIP:
        raise OwlbitError(
            f"{build}: expected level {' or '.join(OF_THE_CHIP)}, which boot the flash image of a build, got {level}, which "
            "computes the network without one; choose such a level, or leave out the build"
        )
    outcome = _integers(network, images, level, build)
    return replace(outcome, scores=network.ranked(outcome.scores), ranked=True)


def _integers(network: Network, images: Images, level: str, build: Path | None) -> Outcome:
    if level == "reference":
        return Outcome(simulate(network, images))
    if level == "fast":
        return fast_backend(network, len(images)).run(images)
    flash = compile_flash(network) if build is None else read_flash(build, network)
    backend = rtl_backend if level == "rtl" else bitstream_backend
    return backend(flash, network, len(images)).run(images)


def read_flash(build: Path, network: Network) -> bytes:
    """The flash image of a build folder. OwlbitError where it has none, or is of a network that computes something else."""
    path = build / FLASH
    if not path.is_file():
        raise OwlbitError(f"{build}: expected a build folder with {FLASH} in it; `owlbit build` makes one")
    if not (build / NETWORK).is_file():
        raise OwlbitError(f"{build}: expected {NETWORK} beside {FLASH}, which says what was built, found none; build it again")
    if not load_network(build / NETWORK).computes_as(network):
        raise OwlbitError(
            f"{build}: expected a build of the network {network.name!r}, found one of another network, whose classes are others; "
            f"simulate that one (`owlbit simulate {build}`), or build {network.name!r}"
        )
    return engine_flash(path)
