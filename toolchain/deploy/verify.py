"""`owlbit verify`: a model computed by every backend that it has the files for, and the result as JSON and text.

A run is verified on its own test images, every other model on frames made up here from a fixed seed.
Only the torch backend, and that only for a run folder, imports torch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from owlbit.export.errors import OwlbitError
from owlbit.export.files import write_text
from owlbit.export.network import Network, Shape
from owlbit.hw.up5k.build import engine_flash
from owlbit.hw.verification import Backend, Images, Row, compare, format_table
from owlbit.toolchain.data.synthetic import make_frames
from owlbit.toolchain.deploy.backends import (
    bitstream_backend,
    c_backend,
    ecp5_backend,
    fast_backend,
    finn_backend,
    qonnx_backend,
    reference_backend,
    rtl_backend,
    torch_backend,
    written_backend,
    zoo_backend,
)
from owlbit.toolchain.deploy.model_source import Kind, ModelSource
from owlbit.toolchain.runs.run_folder import VERIFICATION, VERIFICATION_TABLE

if TYPE_CHECKING:
    from owlbit.export.qonnx.input_range import InputRange
    from owlbit.hw.finn.subject import Subject

# How many images a backend gets: the slower it is, the fewer. Two show the time from frame to frame, one only the first one's.
AT_MOST = {
    "torch": 512,
    "zoo": 64,
    "qonnx": 64,
    "fast": 512,
    "c": 64,
    "finn-streamlined": 4,
    "finn-hw": 4,
    "ecp5-rtl": 8,
    "ecp5-netlist": 2,
    "rtl": 32,
    "bitstream": 2,
}

MADE_UP = 64


@dataclass(frozen=True, eq=False)
class Verified:
    """What is verified: where it comes from, and what was read there, a `Network` or, of a FINN build alone, a given QONNX file."""

    source: ModelSource
    subject: Subject


def read_verified(source: ModelSource, input_range: InputRange | str = "auto", image_shape: Shape | None = None) -> Verified:
    """Reads `source`. Raises OwlbitError where it holds no model, or none that can be read."""
    if source.kind is Kind.FINN and source.folder is not None:
        from owlbit.hw.finn.subject import load_subject

        return Verified(source, load_subject(source.folder))
    return Verified(source, source.load(input_range, image_shape))


def backends_of(verified: Verified, up_to: str) -> list[Backend]:
    """The backends for `verified` in order, none behind the one named `up_to`. OwlbitError for a name that is none."""
    if up_to not in AT_MOST:
        raise OwlbitError(f"backend {up_to!r}: expected one of {', '.join(AT_MOST)}")
    source, subject = verified.source, verified.subject
    backends = []
    if isinstance(subject, Network):
        backends.append(torch_backend(source.folder if source.weights else None, AT_MOST["torch"]))
        if source.kind is Kind.ZOO and source.folder is not None:
            backends.append(zoo_backend(source.folder, subject, AT_MOST["zoo"]))
        alone = source.kind in (Kind.NETWORK, Kind.OBJECT) and source.onnx is None
        most = AT_MOST["qonnx"]
        # FINN's flow begins with a file of pixel values and integers alone.
        own = qonnx_backend(source.onnx, subject, most, *(("uint8", True) if source.kind is Kind.FINN else ()))
        backends.append(written_backend(subject, most) if alone else own)
        backends.append(fast_backend(subject, AT_MOST["fast"]))
        if source.kind is not Kind.FINN:
            backends.append(c_backend(source.folder if source.kind is Kind.C else None, subject, AT_MOST["c"]))
    if source.kind is Kind.FINN and source.folder is not None:
        backends += [finn_backend(name, source.folder, subject, AT_MOST[name]) for name in ("finn-streamlined", "finn-hw")]
    elif source.kind is Kind.ECP5 and source.folder is not None and isinstance(subject, Network):
        backends += [ecp5_backend(name, source.folder, subject, AT_MOST[name]) for name in ("ecp5-rtl", "ecp5-netlist")]
    elif isinstance(subject, Network):
        flash = engine_flash(source.flash) if source.flash else None
        backends.append(rtl_backend(flash, subject, AT_MOST["rtl"]))
        backends.append(bitstream_backend(flash, subject, AT_MOST["bitstream"]))
    order = list(AT_MOST)
    return [backend for backend in backends if order.index(backend.name) <= order.index(up_to)]


def default_images(verified: Verified) -> Images:
    """The run's test images, or made-up frames where there is no run."""
    source = verified.source
    if source.weights is None or source.folder is None:
        return make_frames(verified.subject.input_shape, MADE_UP)
    from owlbit.toolchain.data.load_dataset import load_dataset
    from owlbit.toolchain.runs.run_folder import run_recipe

    recipe, _, base = run_recipe(source.folder)
    return load_dataset(recipe.data, base).held_out.images[: AT_MOST["torch"]]


def verify_model(verified: Verified, images: Images | None, up_to: str, report: Callable[[Row], None]) -> list[Row]:
    """Runs the backends in order, calling `report` after each row; into a run or build folder it also writes verification.json and
    verification.txt.

    `images`: uint8 [N, C, H, W], or None for `default_images`. Raises OwlbitError for images that do not fit, and for a name
    `up_to` that is no backend.
    """
    backends = backends_of(verified, up_to)
    given = default_images(verified) if images is None else images
    most = len(given) if isinstance(verified.subject, Network) else AT_MOST["finn-hw"]
    rows: list[Row] = []
    subject = verified.subject
    for found in compare(reference_backend(subject, most), given, backends, subject.ranked):
        row = replace(found, note="; ".join([found.note, *subject.notes])) if found.status == "differs" else found
        rows.append(row)
        report(row)
    source = verified.source
    if source.folder is not None and source.kind is not Kind.ZOO:
        write_text(source.folder / VERIFICATION, json.dumps([row.as_json() for row in rows], indent=2) + "\n")
        write_text(source.folder / VERIFICATION_TABLE, format_table(rows))
    return rows
