"""`owlbit verify`: the verification ladder for a run folder or a build folder, and its verdict as JSON and text.

A run folder is tested on its own test split, a lone build folder on frames made up here from a fixed seed.
Only the torch rung, and that only for a run folder, imports torch.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.export.files import write_text
from owlbit.export.load_model import load_model
from owlbit.export.network import Network
from owlbit.hw.finn.build_folder import BuildFolder
from owlbit.hw.verification import Images, Row, Rung, climb, compare, format_table
from owlbit.toolchain.data.synthetic import make_frames
from owlbit.toolchain.deploy.backends import bitstream_rung, fast_rung, finn_rung, qonnx_rung, rtl_rung, torch_rung
from owlbit.toolchain.deploy.build_up5k import TARGETS
from owlbit.toolchain.deploy.model_file import model_file
from owlbit.toolchain.runs.run_folder import VERDICT, VERDICT_TABLE

# How many images a rung gets: the slower it is, the fewer. Two show the time from frame to frame, one only the first one's.
AT_MOST = {"torch": 512, "qonnx": 64, "fast": 512, "finn-streamlined": 4, "finn-hw": 4, "rtl": 32, "bitstream": 2}

MADE_UP = 64


@dataclass(frozen=True, eq=False)
class Verified:
    """What is verified. `run`: the folder that holds a trained model; `onnx`: a QONNX file; `flash`: a whole flash image;
    `finn`: a build folder of FINN."""

    network: Network
    run: Path | None
    onnx: Path | None
    flash: bytes | None
    finn: Path | None = None


def read_verified(folder: Path) -> Verified:
    """What a run folder or a build folder holds. OwlbitError where it is neither."""
    if not folder.is_dir():
        raise OwlbitError(f"{folder}: expected a run folder or a build folder; `owlbit build` makes one from a model file")
    flashes = [path for path in (folder / "flash.bin", *(folder / target / "flash.bin" for target in TARGETS)) if path.is_file()]
    onnx = folder / "model.onnx"
    trained = (folder / "model.safetensors").is_file()
    return Verified(
        load_model(model_file(folder)),
        folder if trained else None,
        onnx if onnx.is_file() else None,
        flashes[0].read_bytes() if flashes else None,
        folder if BuildFolder(folder).read() else None,
    )


def rungs_of(verified: Verified, up_to: str) -> list[Rung]:
    """The rungs for `verified` in order, the last one named `up_to`. OwlbitError for a name that is no rung."""
    if up_to not in AT_MOST:
        raise OwlbitError(f"rung {up_to!r}: expected one of {', '.join(AT_MOST)}")
    rungs = [torch_rung(verified.run, AT_MOST["torch"])] if verified.run else []
    rungs.append(qonnx_rung(verified.onnx, verified.network, AT_MOST["qonnx"]))
    rungs.append(fast_rung(verified.network, AT_MOST["fast"]))
    if verified.finn:
        rungs += [finn_rung(name, verified.finn, verified.network, AT_MOST[name]) for name in ("finn-streamlined", "finn-hw")]
    if verified.flash or not verified.finn:
        rungs += [
            rtl_rung(verified.flash, verified.network, AT_MOST["rtl"]),
            bitstream_rung(verified.flash, verified.network, AT_MOST["bitstream"]),
        ]
    order = list(AT_MOST)
    return [rung for rung in rungs if order.index(rung.name) <= order.index(up_to)]


def default_images(verified: Verified) -> Images:
    """The run's test images, or made-up frames where there is no run."""
    if verified.run is None:
        return make_frames(verified.network.input_shape, MADE_UP)
    from owlbit.toolchain.data.load_dataset import load_dataset
    from owlbit.toolchain.runs.run_folder import run_recipe

    recipe, _, base = run_recipe(verified.run)
    return load_dataset(recipe.data, base).held_out.images[: AT_MOST["torch"]]


def verify_folder(folder: Path, images: Images | None, up_to: str, report: Callable[[Row], None]) -> list[Row]:
    """Climbs the ladder, calling `report` after each row, and writes verification.json and verification.txt into `folder`.

    `images`: uint8 [N, C, H, W], or None for `default_images`. Raises OwlbitError for a folder or images that cannot be used.
    """
    rows: list[Row] = []
    for row in _rows(folder, images, up_to):
        rows.append(row)
        report(row)
    write_text(folder / VERDICT, json.dumps([row.as_json() for row in rows], indent=2) + "\n")
    write_text(folder / VERDICT_TABLE, format_table(rows))
    return rows


def _rows(folder: Path, images: Images | None, up_to: str) -> Iterator[Row]:
    build = BuildFolder(folder)
    if build.read() and not (folder / "network.npz").is_file():
        yield from _rows_of_given(folder, images)
        return
    verified = read_verified(folder)
    rungs = rungs_of(verified, up_to)
    yield from climb(verified.network, default_images(verified) if images is None else images, rungs)


def _rows_of_given(folder: Path, images: Images | None) -> Iterator[Row]:
    """A FINN build of a file that is no `Network`: its golden scores are those of QONNX's executor."""
    from owlbit.hw.finn.subject import golden_scores, load_subject

    model = load_subject(folder)
    count = AT_MOST["finn-hw"]
    own = make_frames(model.input_shape, count) if images is None else images[:count]
    start = time.perf_counter()
    golden = golden_scores(model, own)
    yield Row("qonnx", "golden", len(own), time.perf_counter() - start)
    yield from compare(golden, own, [finn_rung(name, folder, model, count) for name in ("finn-streamlined", "finn-hw")])
