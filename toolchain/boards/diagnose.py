"""`owlbit selftest`: tests the link, flash, computation and camera of a board, and says which of them fails.

The chip runs the self-test of its flash image. The scores of frames that the host sends are compared with the simulator's. Then the
camera's frames are checked. So three faults can be told apart: a network that gives the same class for every picture, a chip that
computes wrong scores, and a camera that sends no picture.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from owlbit.export.network import Network
from owlbit.hw.reference import simulate
from owlbit.hw.up5k.compiler.flash_format import SelfTest
from owlbit.hw.up5k.host.client import Device, DeviceError, explain_error
from owlbit.hw.up5k.host.packets import Result, Status
from owlbit.toolchain.boards.write_flash import AnyBuild

RIGHT, WRONG, NOT_RUN = "right", "wrong", "not run"
WATCH_S = 3.0  # how long the camera is watched
NO_START = (4, 7)  # errors with which the camera cannot be started
SAME = 8  # this many frames with equal scores: the picture does not change


@dataclass(frozen=True)
class Finding:
    """One check: `verdict` is RIGHT, WRONG or NOT_RUN, `text` a sentence."""

    check: str
    verdict: str
    text: str


def diagnose(device: Device, build: AnyBuild | None = None, network: Network | None = None) -> list[Finding]:
    """All checks in order. `build`, `network`: what the board is expected to run, None if unknown.

    The camera is left as it was. Raises DeviceError and StreamError where the board does not answer.
    """
    status = device.hello()
    findings = [Finding("link", RIGHT, f"the board answers; it is {status.state}")]
    if status.error == 1:
        return [*findings, Finding("flash", WRONG, explain_error(1))]
    findings.append(_check_flash(device, build))
    findings.append(_check_self_test(device))
    findings.append(_check_pushed(device, status, build, network))
    findings.append(_check_camera(device, status))
    if status.camera != "none":
        with suppress(DeviceError):  # what keeps a camera from starting is among the findings
            device.start() if status.state == "running" else device.stop()
    return [*findings, Finding("verdict", WRONG if any_wrong(findings) else RIGHT, verdict(findings))]


def any_wrong(findings: list[Finding]) -> bool:
    """Whether a check failed."""
    return any(each.verdict == WRONG for each in findings)


def verdict(findings: list[Finding]) -> str:
    """One sentence: which part fails and what to do."""
    by_check = {each.check: each.verdict for each in findings}
    if by_check.get("flash") == WRONG:
        return "the board runs another network than this build: write its flash again with `owlbit flash BUILD`"
    if WRONG in (by_check.get("self-test"), by_check.get("pushed frames")):
        return (
            "the chip computes wrong scores, independent of the camera: write the flash again; if that does not help, check supply "
            "and clock, and report it with the output of --json"
        )
    if by_check.get("camera") == WRONG:
        return "the chip computes correctly, but the camera fails: check its wires, supply and lens"
    if by_check.get("camera") == RIGHT:
        return (
            "chip and camera work; if the network always gives the same class, the camera's pictures differ from those that it was "
            "trained on: check light, focus and orientation, and train on pictures of this camera"
        )
    return "everything that was checked is right"


def _check_flash(device: Device, build: AnyBuild | None) -> Finding:
    version = device.version()
    what = f"network {version.network!r}, SHA-256 {version.sha256[:12]}..., engine {version.engine}, board {version.board}"
    if build is None:
        return Finding("flash", NOT_RUN, f"{what}; give --build to compare it with a build")
    if version.sha256 != build.sha256:
        return Finding("flash", WRONG, f"{what}; expected SHA-256 {build.sha256[:12]}... of {build.folder}")
    return Finding("flash", RIGHT, f"{what}, as built")


def _check_self_test(device: Device) -> Finding:
    tested = device.self_test()
    if tested.passed is None:
        return Finding("self-test", NOT_RUN, "the flash image contains no self-test")
    if not tested.passed:
        return Finding(
            "self-test", WRONG, f"the chip gives class {tested.differs} the score {tested.got}, expected {tested.expected}"
        )
    return Finding("self-test", RIGHT, "the chip's scores for the frame in its flash are the expected ones")


def _check_pushed(device: Device, status: Status, build: AnyBuild | None, network: Network | None) -> Finding:
    """Sends the frame of the self-test and one of noise, and compares their scores."""
    if network is None:
        return Finding("pushed frames", NOT_RUN, "give --build to compare with the simulator")
    shape = (status.colours, status.rows, status.columns)
    if shape != network.input_shape:
        return Finding("pushed frames", WRONG, f"the chip takes frames of {list(shape)}, the build of {list(network.input_shape)}")
    test: SelfTest | None = None if build is None else build.image.self_test
    own = np.random.default_rng(2026).integers(0, 256, network.input_shape, dtype=np.uint8)
    frames = [own] if test is None else [test.frame, own]
    for frame in frames:
        expected = simulate(network, frame[None])[0]
        scores = device.push(np.ascontiguousarray(frame)).scores
        if not np.array_equal(scores, expected):
            differs = int(np.flatnonzero(scores != expected)[0]) if len(scores) == len(expected) else 0
            return Finding(
                "pushed frames", WRONG, f"class {differs} gets {scores[differs]}, the simulator's is {expected[differs]}"
            )
    return Finding("pushed frames", RIGHT, f"{len(frames)} frames sent over the link get the simulator's scores")


def _check_camera(device: Device, status: Status) -> Finding:
    if status.camera == "none":
        return Finding("camera", NOT_RUN, "the board has no camera: the host sends pixels")
    if status.error in NO_START:
        return Finding("camera", WRONG, explain_error(status.error))
    device.results.clear()
    device.errors.clear()
    try:
        device.start()  # the chip tries a camera that did not answer again
    except DeviceError:
        if error := device.status().error:
            return Finding("camera", WRONG, explain_error(error))
        raise
    results: list[Result] = []
    for each in device.events(device.clock() + WATCH_S):
        if not isinstance(each, Result):
            return Finding("camera", WRONG, explain_error(each))
        results.append(each)
        if len({result.scores.tobytes() for result in results}) > 1:
            break
    error = device.status().error
    if error in (2, 3, 4, 6, 7):
        return Finding("camera", WRONG, explain_error(error))
    if not results:
        return Finding("camera", WRONG, f"no frame in {WATCH_S:g} s: check PCLK, VSYNC, HREF and the camera's clock")
    if len(results) < SAME and len({result.scores.tobytes() for result in results}) == 1:
        return Finding("camera", NOT_RUN, f"{len(results)} frames in {WATCH_S:g} s are too few to judge")
    if len({result.scores.tobytes() for result in results}) == 1:
        return Finding(
            "camera",
            WRONG,
            f"{len(results)} frames have the same scores, so the picture does not change: check data wires, lens cap and light",
        )
    return Finding("camera", RIGHT, "frames arrive, and their scores change with the picture")
