"""What Monte-Carlo compares, and on which frames: the user's network, others by name, or the demo's own comparison networks."""

from __future__ import annotations

from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.export.load_model import load_model
from owlbit.export.network import Network
from owlbit.toolchain.data.class_folders import read_folder
from owlbit.toolchain.data.dataset import Labelled
from owlbit.toolchain.data.digits import RENDERINGS, TEST_ORIGINALS, held_out_frames
from owlbit.toolchain.deploy.model_source import find_model
from owlbit.toolchain.sensing.monte_carlo.measure import System, bit_planes_system, systems_of
from owlbit.toolchain.sensing.sources.source import SCENE

DEMO, UNIFORM = Path("zoo:digits"), Path("zoo:digits_uniform")
BIT_PLANES = Path(__file__).with_name("digits_bit_planes.npz")


def systems_for(model: Path, network: Network, against: list[Path]) -> list[System]:
    """Comparators and ADC with `network` and with each of `against`; for the demo network its comparison networks of one size.

    Raises OwlbitError where one of `against` takes other frames or knows other classes.
    """
    demo = model == DEMO and not against
    names = {model: "learned" if demo else network.name}
    networks = {model: network}
    for path in [UNIFORM] if demo else against:
        other = find_model(path).load()
        if other.input_shape != network.input_shape or other.class_names != network.class_names:
            raise OwlbitError(
                f"{path}: expected frames of {list(network.input_shape)} and the classes of {model}, got {list(other.input_shape)} "
                f"and {other.classes} classes; compare networks of one task"
            )
        networks[path] = other
        names[path] = "uniform" if demo else other.name
    if len(set(names.values())) < len(names):
        names = {path: str(path) for path in names}
    systems = [system for path, each in networks.items() for system in systems_of(names[path], each)]
    return [*systems, bit_planes_system(load_model(BIT_PLANES))] if demo else systems


def labelled_frames(network: Network, source: str, count: int) -> Labelled:
    """`count` frames with labels at most: of the embedded digits' test set, no original twice before each came once, or a folder.

    `source`: "scene", or a folder with a sub-folder for each class. Raises OwlbitError where the network reads other classes.
    """
    colours, height, width = network.input_shape
    if source == SCENE:
        if network.class_names != tuple("0123456789") or colours != 1:
            raise OwlbitError(
                f"{network.name}: the embedded frames are gray digits, which this network does not read; "
                "give --source a folder with a sub-folder for each class"
            )
        if count > TEST_ORIGINALS * RENDERINGS:
            raise OwlbitError(f"images: expected {TEST_ORIGINALS * RENDERINGS:,} at most, as many as there are, got {count:,}")
        test = held_out_frames((height, width))
        return Labelled(test.images[:count], test.labels[:count])
    data, names = read_folder(Path(source), (height, width), "gray" if colours == 1 else "rgb")
    if names != network.class_names:
        raise OwlbitError(
            f"{source}: expected sub-folders named like the classes, {', '.join(network.class_names)}, got {', '.join(names)}"
        )
    return Labelled(data.images[:count], data.labels[:count])
