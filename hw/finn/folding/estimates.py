"""What FINN expects of a folded hardware graph: cycles, frames per second, resources per layer, and what its sums leave out.

FINN's totals add up the layers alone. Left out are the layers that it has no formula for (they count as nothing), the comparators
of thresholds whose memory is left to Vivado, the converters between streams of different width, and the FIFOs. Of those that FINN
can price without Vivado the price is given beside the total; a FIFO's depth is found in RTL simulation, so its price here is that
of the shallowest.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from owlbit.hw.finn.folding.choices import is_hardware, kind_of

CLOCK_HZ = 100e6


@dataclass(frozen=True)
class LayerEstimate:
    """A node's figures by FINN. `shape`: what it computes, `folding`: its parallelism; `unpriced`: FINN has no formula for it."""

    name: str
    shape: str
    folding: str
    cycles: int
    luts: int
    bram18: int
    uram: int
    dsps: int
    unpriced: bool


@dataclass(frozen=True)
class LeftOut:
    """Something that FINN's total leaves out. `luts`: FINN's own price in LUTs, None where there is none without Vivado."""

    what: str
    count: int
    luts: int | None


@dataclass(frozen=True)
class Estimates:
    """A whole graph. `clock_hz`: the clock that the rate is for; resources are sums over `layers`."""

    clock_hz: float
    layers: tuple[LayerEstimate, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def bottleneck(self) -> LayerEstimate:
        """The slowest layer, the first of them."""
        return max(self.layers, key=lambda layer: layer.cycles)

    @property
    def cycles(self) -> int:
        """From frame to frame."""
        return self.bottleneck.cycles

    @property
    def frames_per_second(self) -> float:
        """At `clock_hz`, the pipeline full."""
        return self.clock_hz / self.cycles

    @property
    def luts(self) -> int:
        """FINN's total."""
        return sum(layer.luts for layer in self.layers)

    @property
    def luts_with_left_out(self) -> int:
        """FINN's total and what can be priced of what it leaves out."""
        return self.luts + sum(item.luts or 0 for item in self.left_out)

    @property
    def bram18(self) -> int:
        """FINN's total of halves of a block RAM."""
        return sum(layer.bram18 for layer in self.layers)

    @property
    def dsps(self) -> int:
        """FINN's total."""
        return sum(layer.dsps for layer in self.layers)

    def as_json(self) -> dict[str, Any]:
        """Everything, the sums too, in JSON's types."""
        return {
            "clock_hz": self.clock_hz,
            "cycles": self.cycles,
            "frames_per_second": self.frames_per_second,
            "bottleneck": self.bottleneck.name,
            "luts": self.luts,
            "luts_with_left_out": self.luts_with_left_out,
            "bram18": self.bram18,
            "dsps": self.dsps,
            "left_out": [asdict(item) for item in self.left_out],
            "layers": [asdict(layer) for layer in self.layers],
        }


def estimate(model: ModelWrapper, part: str, clock_hz: float = CLOCK_HZ) -> Estimates:
    """FINN's figures for a hardware graph as it is folded. `model` is not changed. Needs finn, no Vivado."""
    nodes = [node for node in model.graph.node if is_hardware(node) and kind_of(node) not in _BETWEEN]
    layers = tuple(_layer(node, part) for node in nodes)
    return Estimates(clock_hz, layers, tuple(_left_out(model, part, nodes, layers)))


# Between the layers. A graph that has these already is priced without them, and they are put in once more on a copy.
_BETWEEN = ("StreamingFIFO", "StreamingDataWidthConverter")


def _layer(node: NodeProto, part: str) -> LayerEstimate:
    op = getCustomOp(node)
    price = (
        int(op.lut_estimation(part)),
        int(op.bram_estimation(part)),
        int(op.uram_estimation(part)),
        int(op.dsp_estimation(part)),
    )
    return LayerEstimate(node.name, _shape(node, op), _folding(op), int(op.get_exp_cycles()), *price, unpriced=not any(price))


def _shape(node: NodeProto, op: Any) -> str:
    """What a node computes, in the words of the field."""
    kind = kind_of(node)
    if kind == "MVAU":
        pixels = op.get_normal_output_shape()[:-1]
        area = 1
        for extent in pixels:
            area *= int(extent)
        bits = f"{op.get_input_datatype(0).bitwidth()}x{op.get_input_datatype(1).bitwidth()} bit"
        return f"{op.get_nodeattr('MW')} to {op.get_nodeattr('MH')}, {area} pixels, {bits}"
    shape = "x".join(str(int(extent)) for extent in op.get_normal_output_shape()[1:])
    return f"{'depthwise ' if kind == 'VVAU' else ''}output {shape}"


def _folding(op: Any) -> str:
    declared = op.get_nodeattr_types()
    words = [f"{name} {op.get_nodeattr(name)}" for name in ("PE", "SIMD") if name in declared]
    if "parallel_window" in declared and op.get_nodeattr("parallel_window"):
        words.append("whole window")
    return ", ".join(words)


def _left_out(model: ModelWrapper, part: str, nodes: list[NodeProto], layers: tuple[LayerEstimate, ...]) -> list[LeftOut]:
    unpriced = Counter(kind_of(node) for node, layer in zip(nodes, layers, strict=True) if layer.unpriced)
    found = [LeftOut(f"{kind} layers, which FINN has no formula for", count, None) for kind, count in sorted(unpriced.items())]
    comparators = [luts for luts in (_comparators(node, part) for node in nodes) if luts]
    if comparators:
        found.append(LeftOut("thresholds of MVAUs whose memory is left to Vivado", len(comparators), sum(comparators)))
    converters, fifos = _between(model, part)
    found.append(LeftOut("converters between streams of different width", len(converters), sum(converters)))
    found.append(LeftOut("FIFOs, here at the least depth; RTL simulation finds the true one", len(fifos), sum(fifos)))
    found.append(LeftOut("the shell around the network: DMA, interconnect, reset", 1, None))
    return found


def _comparators(node: NodeProto, part: str) -> int:
    """What FINN's own formula adds for an MVAU's thresholds as soon as their memory is named; 0 where it is."""
    op = getCustomOp(node)
    if kind_of(node) != "MVAU" or op.get_nodeattr("noActivation") or "ram_style_thresholds" not in op.get_nodeattr_types():
        return 0
    copy = NodeProto()
    copy.CopyFrom(node)
    getCustomOp(copy).set_nodeattr("ram_style_thresholds", "distributed")
    return int(getCustomOp(copy).lut_estimation(part)) - int(op.lut_estimation(part))


def _between(model: ModelWrapper, part: str) -> tuple[list[int], list[int]]:
    """LUTs of each width converter and of each FIFO that FINN puts between the layers of a graph."""
    from finn.transformation.fpgadataflow.insert_dwc import InsertDWC
    from finn.transformation.fpgadataflow.insert_fifo import InsertFIFO

    if any(kind_of(node) in _BETWEEN for node in model.graph.node):
        joined = model
    else:
        # transform() works on a copy
        joined = model.transform(InsertDWC()).transform(InsertFIFO(create_shallow_fifos=True))
    priced: dict[str, list[int]] = {kind: [] for kind in _BETWEEN}
    for node in joined.graph.node:
        kind = kind_of(node)
        if kind in priced:
            priced[kind].append(int(getCustomOp(node).lut_estimation(part)))
    return priced["StreamingDataWidthConverter"], priced["StreamingFIFO"]
