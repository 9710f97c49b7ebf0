"""`[network]` in a recipe: a network of a paper in place of a layer table, as a frozen dataclass of `owlbit.models.paper_networks`.

    [network]
    kind = "resnet18"             # or "float-resnet18", "resnet9", "xnor"; the other keys are the fields of its dataclass

It says the whole network, from pixels to scores, so neither [input] nor [[layers]] may stand beside it. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from owlbit.models.layer_table import Shape
from owlbit.models.paper_networks import (
    RESNET9_SMALLEST_SIDE,
    SCALES,
    WIDTH,
    XNOR_SMALLEST_SIDE,
    FloatResNet18,
    NetworkTable,
    ResNet9,
    ResNet18,
    Xnor,
    filters,
)
from owlbit.toolchain.recipes.tables import Limits, SettingError, read_table

KINDS: dict[str, type[NetworkTable]] = {
    "resnet18": ResNet18,
    "float-resnet18": FloatResNet18,
    "resnet9": ResNet9,
    "xnor": Xnor,
}
SMALLEST_SIDES = {
    "xnor": XNOR_SMALLEST_SIDE,
    "resnet9": RESNET9_SMALLEST_SIDE,
}  # of an image, since the map is halved several times
LIMITS = {
    "stem": Limits(choices=("cifar", "imagenet")),
    "downsample": Limits(choices=("real", "binary")),
    "gate_reduction": Limits(0, WIDTH),
    "scale": Limits(choices=SCALES),
    "width": Limits(1 / 64, 8),
}


def read_network(recipe: Mapping[str, Any], input_shape: Shape, path: Path) -> NetworkTable | None:
    """What [network] of the whole recipe table `recipe` says, None where there is no [network].

    `input_shape`: (C, H, W) of an image. Raises SettingError on an unknown kind or key, a value out of range, and a table that
    contradicts it.
    """
    table = recipe.get("network")
    if table is None:
        return None
    if not isinstance(table, dict):
        raise SettingError(path, "network", "a table headed [network]", repr(table))
    for key, header in (("layers", "[[layers]]"), ("input", "[input]")):
        if key in recipe:
            raise SettingError(path, key, f"no {header} beside [network], which says the whole network from the pixels on", "one")
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        found = "no such key" if kind is None else repr(kind)
        raise SettingError(path, "network.kind", Limits(choices=tuple(KINDS)).describe(), found)
    keys = {key: value for key, value in table.items() if key != "kind"}
    network = read_table(KINDS[kind], keys, path, "network", LIMITS)
    try:
        filters(network, WIDTH)
    except ValueError:
        expected = f"a multiple of 1/{WIDTH}, which makes whole numbers of filters"
        raise SettingError(path, "network.width", expected, str(network.width)) from None
    smallest = SMALLEST_SIDES.get(kind, 1)
    if min(input_shape[1:]) < smallest:
        expected = f'at least {smallest}x{smallest} with network.kind "{kind}", which halves the map three times or more'
        raise SettingError(path, "data.size", expected, f"{input_shape[1]}x{input_shape[2]}")
    return network
