"""What MODEL is, found once for every command that takes one: a file, a run folder, a build folder, or a network of the zoo.

Nothing is read here but the first bytes of a file and the build.json of a build folder. Imports neither torch nor brevitas.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from owlbit.export.errors import OwlbitError
from owlbit.export.load_model import NETWORK, ONNX, is_network_file, load_model
from owlbit.export.network import Network, Shape
from owlbit.hw.c.build_folder import is_c_build
from owlbit.hw.ecp5.build_folder import is_ecp5_build
from owlbit.hw.finn.build_folder import BuildFolder
from owlbit.hw.up5k.build import BUILD, FLASH
from owlbit.hw.up5k.build import TARGET as UP5K
from owlbit.toolchain.runs.run_folder import MODEL, RECIPE, RUN
from owlbit.toolchain.runs.zoo_folder import CARD, PREFIX, zoo_folder

if TYPE_CHECKING:
    from owlbit.export.qonnx.input_range import InputRange


class Kind(StrEnum):
    """What a MODEL can be, in the words of messages. A folder that is no other kind is a FOLDER, whatever it holds."""

    QONNX = "a QONNX file"
    NETWORK = "a network file"
    RUN = "a run folder"
    UP5K = "a UP5K build"
    FINN = "a FINN build"
    C = "a C build"
    ECP5 = "an ECP5 build"
    ZOO = "a network of the zoo"
    FOLDER = "a folder of other files"
    OBJECT = "a Network object"


@dataclass(frozen=True)
class ModelSource:
    """A MODEL: what it is and which files it has.

    `given`: as the user wrote it, for messages; `folder`: of a run, a build or the zoo, None for a file; `network`: its network
    file (npz); `onnx`: its QONNX file; `flash`: its flash image, of a run that of the build inside; `weights`: trained weights.
    A file is None where there is none. `made`: the network itself, where MODEL is a `Network` and nothing on disk.
    """

    given: str
    kind: Kind
    folder: Path | None = None
    network: Path | None = None
    onnx: Path | None = None
    flash: Path | None = None
    weights: Path | None = None
    made: Network | None = None

    def load(self, input_range: InputRange | str = "auto", image_shape: Shape | None = None) -> Network:
        """Its integer network, from the network file if there is one.

        `input_range`, `image_shape`: see `owlbit.export.qonnx.read.read_model`.

        Raises OwlbitError where there is no model, or it cannot be read.
        """
        if self.made is not None:
            return self.made
        file = self.network or self.onnx
        if file is None and self.kind is Kind.RUN:
            raise OwlbitError(f"{self.given}: this run is not exported yet; run `owlbit export {self.given}` first")
        if file is None:
            raise OwlbitError(f"{self.given}: expected {ONNX} or {NETWORK} in this folder, found neither")
        if self.kind is Kind.FINN and self.network is None:
            raise OwlbitError(
                f"{self.given}: expected an integer network, but this FINN build is of a file whose first layer reads pixels of "
                "several bits; `owlbit verify` and `owlbit report` take it"
            )
        return load_model(file, input_range, image_shape)

    def run_folder(self) -> Path:
        """The folder of a run. Raises OwlbitError where MODEL is anything else."""
        if self.kind is not Kind.RUN or self.folder is None:
            raise OwlbitError(f"{self.given}: expected a run folder, which `owlbit train` makes, got {self.kind}")
        return self.folder

    def build_folder(self, target: str) -> Path:
        """Where a build for `target` goes by default: a folder named after it, inside the folder or beside the file;
        runs/NAME/TARGET for zoo:NAME and for a `Network`."""
        name = target.replace(":", "-")
        if self.given.startswith(PREFIX):
            return Path("runs", self.given.removeprefix(PREFIX), name)
        if self.made is not None:
            return Path("runs", self.made.name or "network", name)
        return (self.folder or Path(self.given).parent) / name


def find_model(model: str | Path | Network) -> ModelSource:
    """What `model` is: a path, "zoo:NAME", or a network in memory. OwlbitError where there is none."""
    if isinstance(model, Network):
        return ModelSource(f"network {model.name!r}", Kind.OBJECT, made=model)
    given = str(model)
    if given.startswith(PREFIX):
        folder = zoo_folder(given.removeprefix(PREFIX))
        return ModelSource(given, Kind.ZOO, folder, onnx=folder / ONNX)
    path = Path(given)
    if not path.exists():
        raise OwlbitError(
            f"{given}: no such file or folder; expected a QONNX file, network.npz, a run or build folder, or zoo:NAME"
        )
    return _of_folder(given, path) if path.is_dir() else _of_file(given, path)


def _of_file(given: str, path: Path) -> ModelSource:
    if not is_network_file(path):
        return ModelSource(given, Kind.QONNX, onnx=path)
    # The two files of an export lie side by side under these names.
    beside = path.with_name(ONNX) if path.name == NETWORK else None
    return ModelSource(given, Kind.NETWORK, network=path, onnx=_there(beside))


def _of_folder(given: str, path: Path) -> ModelSource:
    kind = _kind_of_folder(path)
    inside = (FLASH, f"{UP5K}/{FLASH}") if kind is Kind.RUN else (FLASH,)
    return ModelSource(
        given,
        kind,
        path,
        network=_there(path / NETWORK),
        onnx=_there(path / ONNX),
        flash=None if kind is Kind.ECP5 else next((path / name for name in inside if (path / name).is_file()), None),
        weights=_there(path / MODEL),
    )


def _kind_of_folder(path: Path) -> Kind:
    if BuildFolder(path).read() is not None:
        return Kind.FINN
    if (path / CARD).is_file():
        return Kind.ZOO
    if (path / RUN).is_file() or (path / RECIPE).is_file():
        return Kind.RUN
    if is_c_build(path):
        return Kind.C
    if is_ecp5_build(path):
        return Kind.ECP5
    return Kind.UP5K if (path / BUILD).is_file() or (path / FLASH).is_file() else Kind.FOLDER


def _there(path: Path | None) -> Path | None:
    return path if path is not None and path.is_file() else None
