"""`[network]` in a recipe: a network of a paper in place of a layer table, as a frozen dataclass of `owlbit.models.paper_networks`.

    [network]
    kind = "resnet18"             # or "float-resnet18", "resnet9", "xnor"; the other keys are the fields of its dataclass

It says the whole network, from pixels to scores, so neither [input] nor [[layers]] may stand beside it. Imports no torch.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Discriminator, Tag

from owlbit.export.settings import RefusedError
from owlbit.models.layer_table import Shape
from owlbit.models.paper_networks import (
    RESNET9_SMALLEST_SIDE,
    WIDTH,
    XNOR_SMALLEST_SIDE,
    FloatResNet18,
    NetworkTable,
    ResNet9,
    ResNet18,
    Xnor,
    filters,
)
from owlbit.toolchain.recipes.kinds import Kind, kind_of


def _check_width(network: NetworkTable) -> NetworkTable:
    try:
        filters(network, WIDTH)
    except ValueError:
        raise RefusedError("width", f"a multiple of 1/{WIDTH}, which makes whole numbers of filters", str(network.width)) from None
    return network


NetworkChoice = Annotated[
    Annotated[ResNet18, Kind("resnet18"), Tag("resnet18")]
    | Annotated[FloatResNet18, Kind("float-resnet18"), Tag("float-resnet18")]
    | Annotated[ResNet9, Kind("resnet9"), Tag("resnet9")]
    | Annotated[Xnor, Kind("xnor"), Tag("xnor")],
    Discriminator(kind_of),
    AfterValidator(_check_width),
]


def check_network(network: NetworkTable, input_shape: Shape) -> None:
    """Raises RefusedError where images of `input_shape`, (C, H, W), are too small for `network`."""
    kind, smallest = {Xnor: ("xnor", XNOR_SMALLEST_SIDE), ResNet9: ("resnet9", RESNET9_SMALLEST_SIDE)}.get(type(network), ("", 1))
    if min(input_shape[1:]) < smallest:
        expected = f'at least {smallest}x{smallest} with network.kind "{kind}", which halves the map three times or more'
        raise RefusedError("data.size", expected, f"{input_shape[1]}x{input_shape[2]}")
