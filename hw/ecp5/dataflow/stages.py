"""The types of a plan: streams of words, and instances of the RTL's primitives between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Network
from owlbit.hw.ecp5.dataflow.geometry import Geometry
from owlbit.hw.ecp5.folding_file import Folding

Order = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Stream:
    """A map on its way: pixel by pixel in rows, each pixel in words of `bits` bits, the lowest bit first.

    `name`: of its wires; `order`: int64 [C], the channel that comes i-th; `height`, `width`: of the map in pixels.
    """

    name: str
    bits: int
    order: Order
    height: int
    width: int

    @property
    def words(self) -> int:
        """Words of a pixel."""
        return len(self.order) // self.bits

    @property
    def frame_words(self) -> int:
        """Words of a frame."""
        return self.words * self.height * self.width


@dataclass(frozen=True, eq=False)
class Stage:
    """One instance of a primitive of hw/ecp5/rtl.

    `module`, `name`: of the instance; `layer`: the index of the network's layer that it belongs to; `parameters`: of the module,
    and for file names how those in `Plan.contents` begin; `ports`: prefix of a stream port to the name of the stream on it;
    `cycles`: that a frame takes in it at least; `geometry`: of a layer with weights.
    """

    module: str
    name: str
    layer: int
    parameters: dict[str, Any]
    ports: dict[str, str]
    cycles: int
    geometry: Geometry | None = None


@dataclass(frozen=True, eq=False)
class Content:
    """What a block RAM holds of the weights of `layer`: uint8 [words, bits], inverted, bit 0 first."""

    layer: int
    bits: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Plan:
    """A network as a pipeline: `stages` from the pixels to the scores, `streams` between them by name, and `contents` of their ROMs
    by file name."""

    network: Network
    folding: Folding
    stages: tuple[Stage, ...]
    streams: dict[str, Stream]
    contents: dict[str, Content] = field(repr=False)

    def cycles(self) -> dict[int, int]:
        """Cycles per frame by layer index: exact for its slowest stage. The pipeline's are the largest of them."""
        found: dict[int, int] = {}
        for stage in self.stages:
            found[stage.layer] = max(stage.cycles, found.get(stage.layer, 0))
        return found

    @property
    def frame_cycles(self) -> int:
        """Cycles from one frame to the next, if neither pixels nor scores have to wait outside."""
        return max(self.cycles().values())
