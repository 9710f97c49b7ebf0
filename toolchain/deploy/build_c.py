"""From a model to C files: `owlbit build --target c`. Imports neither torch nor brevitas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from owlbit.export.files import filling
from owlbit.export.network import Shape
from owlbit.hw.c.build import CFiles, build_c
from owlbit.hw.c.build_folder import BUILD
from owlbit.toolchain.deploy.model_files import write_model_files
from owlbit.toolchain.deploy.model_source import ModelSource

if TYPE_CHECKING:
    from owlbit.export.qonnx.input_range import InputRange


def build_model(
    source: ModelSource,
    out: Path,
    input_range: InputRange | str = "auto",
    image_shape: Shape | None = None,
    name: str | None = None,
) -> list[str]:
    """Compiles a model into the folder `out`: NAME.h, NAME.c, build.json, network.npz and model.onnx.

    `name`: of the C files, by default the network's; one that is no C identifier is changed. `out` appears whole or not at all.
    `input_range`, `image_shape`: see `owlbit.export.qonnx.read.read_model`. Returns lines for a person: what was changed, and the
    memory that the code takes. Raises OwlbitError for a model that cannot be read, an arena of more than 4 GB, and an output path
    that is taken.
    """
    network = source.load(input_range, image_shape)
    with filling(out, BUILD) as folder:
        files = build_c(network, folder, name)
        write_model_files(source, network, folder)
    return _told(files, network.name if name is None else name)


def _told(files: CFiles, asked: str) -> list[str]:
    plan = files.plan
    changed = [f"the name {asked!r} is no C identifier that can be used here: the C files take {files.name}"]
    memory = (
        f"{files.name}.h, {files.name}.c: arena {4 * plan.arena.words:,} bytes, on the stack a window of {4 * plan.window_words:,} "
        f"bytes, in flash {plan.weight_bytes:,} bytes of weights"
    )
    return [*(changed if files.name != asked else []), memory]
