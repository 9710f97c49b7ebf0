"""From thermometer bits to scores: the fast simulator, or the engine's RTL; and how many cycles per frame takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Ints, Network
from owlbit.hw.fast import compile_fast
from owlbit.hw.up5k.build import compile_flash
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.hw.up5k.compiler.legality import Up5kError
from owlbit.hw.up5k.simulate import simulate_rtl
from owlbit.hw.verilator import require_tools
from owlbit.toolchain.sensing.converters import Reading, bits_network

LEVELS = ("fast", "rtl")
Rank = Callable[[Ints], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Inference:
    """What a network made of one frame.

    `scores`: what ranks, [classes], see `Network.ranked`; `activity`: float64 [layers - 1], the share of ones in each layer's
    output, the scores left out;
    `cycles`: clock cycles from the first pixel to the last score, None where no engine takes this network.
    """

    scores: NDArray[Any]
    activity: NDArray[np.float64]
    cycles: int | None


class Engine(Protocol):
    """Runs one network. `note`: what one should know of its cycles, empty mostly."""

    note: str

    def infer(self, reading: Reading) -> Inference:
        """The first frame of `reading`."""
        ...


class FastEngine:
    """The fast simulator, bit-exact; cycles by the cost model of the UP5K's compiler."""

    def __init__(self, network: Network, rank: Rank | None = None) -> None:
        self.note = ""
        self.packed = compile_fast(bits_network(network))
        self.rank = rank or network.ranked
        self.sizes = np.array([np.prod(shape) for shape in network.shapes[:-1]])
        self.cycles: int | None = None
        try:
            program = compile_network(network)
            self.cycles = program.input_cycles + sum(layer.cycles for layer in program.layers)
        except Up5kError as error:
            self.note = f"{error}; so there are no cycles, no latency and no energy"

    def infer(self, reading: Reading) -> Inference:
        """As `Engine.infer`."""
        scores, ones = self.packed.watch(reading.bits[0])
        return Inference(self.rank(scores), ones / self.sizes, self.cycles)


class RtlEngine:
    """The engine's Verilog in Verilator, booted for every frame: scores and cycles are the circuit's own.

    Activity, which no pin shows, is the fast simulator's. Raises OwlbitError where the network does not fit the engine, or where
    Verilator or a C++ compiler is missing.
    """

    def __init__(self, network: Network, rank: Rank | None = None) -> None:
        require_tools()
        self.note = ""
        self.network = network
        self.rank = rank or network.ranked
        self.fast = FastEngine(network, rank)
        self.flash = compile_flash(network)

    def infer(self, reading: Reading) -> Inference:
        """As `Engine.infer`. Raises OwlbitError for bits that no pixel value gives, as the engine takes bytes."""
        if reading.codes is None:
            raise OwlbitError('level rtl: the engine takes a byte per pixel; use bubbles "count", which keeps the bits in order')
        run = simulate_rtl(self.flash, self.network, reading.codes[:1])
        return Inference(self.rank(run.scores[0]), self.fast.infer(reading).activity, run.latency_cycles)


def make_engine(level: str, network: Network, rank: Rank | None = None) -> Engine:
    """The engine of that level. `rank`: what ranks, in place of `Network.ranked`. Raises OwlbitError for another level."""
    if level not in LEVELS:
        raise OwlbitError(f"level {level!r}: expected one of {', '.join(LEVELS)}")
    return FastEngine(network, rank) if level == "fast" else RtlEngine(network, rank)
