"""Reads one input after the other in a process of its own, so that what goes wrong there ends nothing else.

Takes lines KIND<tab>PATH on standard input; answers each with a line of JSON: `outcome`, `detail`, `seconds` of processor time, and
`bytes`, the most memory that it took above what there was before. Outcomes: "accepted", "refused" (an OwlbitError of one line),
"traceback" (anything else), "lines" (a message of several lines), "wrong" (other scores than the executor's, and no word of
rounding).
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network

MOST_ADDRESSES = 8 * 2**30  # so that a bomb does not take the machine along


@cache
def demo() -> Network:
    from owlbit.toolchain.deploy.model_source import find_model

    return find_model("zoo:digits").load()


def read_qonnx(path: Path) -> str:
    """The scores of what is accepted are compared with those of QONNX's executor."""
    from owlbit.toolchain.data.synthetic import make_frames
    from owlbit.toolchain.deploy.model_source import find_model
    from owlbit.toolchain.deploy.verify import read_verified, verify_model

    verified = read_verified(find_model(path))
    rows = verify_model(verified, make_frames(verified.subject.input_shape, 2), "qonnx", lambda _: None)
    rounding = any("round" in note for note in getattr(verified.subject, "notes", ()))
    return f"wrong: {rows[-1].note}" if rows[-1].status == "differs" and not rounding else ""


def read_npz(path: Path) -> str:
    """What is accepted is also run."""
    from owlbit.export.load_model import load_model
    from owlbit.hw.reference import simulate
    from owlbit.toolchain.data.synthetic import make_frames

    network = load_model(path)
    simulate(network, make_frames(network.input_shape, 1))
    return ""


def read_recipe(path: Path) -> str:
    from owlbit.toolchain.recipes.recipe import load_recipe

    load_recipe(path)
    return ""


def read_board(path: Path) -> str:
    """Under the name that it has inside."""
    from owlbit.hw.up5k.board import load_board

    file = path.with_name("icesugar.toml")
    file.write_bytes(path.read_bytes())
    load_board(file)
    return ""


def read_comparison(path: Path) -> str:
    from owlbit.toolchain.comparisons import comparison_file

    comparison_file.read_comparison(path)
    return ""


def read_settings(path: Path) -> str:
    """What is accepted also exposes a frame."""
    from owlbit.toolchain.sensing.controls import Controls
    from owlbit.toolchain.sensing.loop import Loop
    from owlbit.toolchain.sensing.settings import load_settings
    from owlbit.toolchain.sensing.sources.scene import Scene

    settings, network = load_settings(path), demo()
    policy = settings.policy_for(network)
    controls = Controls(1e6, settings.sensor.mismatch_mv)
    loop = Loop(
        network, Scene(network), sensor=settings.sensor, policy=policy, energy=settings.energy, controls=controls, realtime=False
    )
    frames = loop.frames()
    next(frames)
    controls.set_light(0)
    next(frames)
    return ""


def read_images(path: Path) -> str:
    from owlbit.toolchain.data.user_images import load_images

    load_images(path, demo())
    return ""


def read_upload(path: Path) -> str:
    from owlbit.toolchain.sensing.server.uploads import read_upload

    read_upload(path.read_bytes(), demo())
    return ""


def read_record(path: Path) -> str:
    """JSON that owlbit writes: each of its readers takes it or refuses it."""
    from owlbit.hw.finn.build_folder import BuildFolder
    from owlbit.hw.up5k.board import load_board
    from owlbit.hw.up5k.board_flash import bitstream_facts
    from owlbit.toolchain.runs.history import read_history
    from owlbit.toolchain.runs.run_folder import read_result, run_recipe

    board = replace(load_board("icesugar"), file=path.with_name("icesugar.toml"))
    board.bitstream.write_bytes(b"")
    readers: list[Callable[[], object]] = [
        lambda: BuildFolder(path.parent).read(),
        lambda: read_history(path),
        lambda: read_result(path.parent),
        lambda: run_recipe(path.parent),
        lambda: bitstream_facts(board),
    ]
    for name in ("build.json", "result.json", "run.json", board.bitstream.with_suffix(".json").name):
        (path.parent / name).write_bytes(path.read_bytes())
    refusals = []
    for reader in readers:
        try:
            reader()
        except OwlbitError as error:
            refusals.append(str(error))
    if refusals:
        raise OwlbitError(max(refusals, key=lambda text: text.count("\n")))
    return ""


def read_flash(path: Path) -> str:
    from owlbit.hw.up5k.bitstream.check_bitstream import check_bitstream

    check_bitstream(path.read_bytes(), str(path))
    return ""


def read_chip(path: Path) -> str:
    """The engine's RTL boots the image: it raises `error`, or gives the right scores."""
    from owlbit.hw.reference import simulate
    from owlbit.hw.up5k.simulate import simulate_rtl
    from owlbit.hw.verification import describe_difference
    from owlbit.toolchain.data.synthetic import make_frames

    frames = make_frames(demo().input_shape, 1)
    difference = describe_difference(simulate(demo(), frames), simulate_rtl(path.read_bytes(), demo(), frames).scores)
    return f"wrong: {difference}" if difference else ""


READERS: dict[str, Callable[[Path], str]] = {
    "qonnx": read_qonnx,
    "npz": read_npz,
    "recipe": read_recipe,
    "board": read_board,
    "comparison": read_comparison,
    "settings": read_settings,
    "images": read_images,
    "array": read_images,
    "upload": read_upload,
    "record": read_record,
    "flash": read_flash,
    "chip": read_chip,
}


def answer(kind: str, path: Path) -> dict[str, object]:
    """What reading did; see above."""
    before, started = _peak(reset=True), time.process_time()
    outcome, detail = "accepted", ""
    try:
        detail = READERS[kind](path)
        outcome = "wrong" if detail.startswith("wrong: ") else outcome
    except OwlbitError as error:
        detail = str(error)
        outcome = "lines" if "\n" in detail or len(detail) > 3000 else "refused"
    except BaseException as error:
        detail = f"{type(error).__name__}: {error}"[:500] + "".join(traceback.format_tb(error.__traceback__)[-3:])
        outcome = "traceback"
    return {"outcome": outcome, "detail": detail, "seconds": time.process_time() - started, "bytes": _peak() - before}


def _peak(reset: bool = False) -> int:
    """The most memory in use since the last reset, bytes; right after one, what is in use now."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def main() -> None:
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    demo()
    print("{}", flush=True)
    for line in sys.stdin:
        kind, _, path = line.rstrip("\n").partition("\t")
        print(json.dumps(answer(kind, Path(path))), flush=True)


if __name__ == "__main__":
    main()
