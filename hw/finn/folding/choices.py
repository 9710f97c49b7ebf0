"""What can be folded in a FINN hardware graph: every layer's legal settings, with the cycles and resources FINN expects of each.

A hardware graph is the model after FINN's step_specialize_layers (or later). PE and SIMD of a node are the channels that it
computes and takes in a cycle; FINN demands that they divide what the node has of them. The numbers come from FINN's node methods
(`get_exp_cycles`, `lut_estimation`, `bram_estimation`, `dsp_estimation`), called once a distinct node and setting, so a folding
found here costs what FINN's estimate report then says. Importing this module needs qonnx alone; the node methods are finn's.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

Value = int | str
Settings = Mapping[str, Value]

# FINN's own `mvau_wwidth_max`: weight bits that one PE takes in a cycle. Wider adder trees are legal and hard to close timing for.
WIDEST_WEIGHTS = 36
# What Vitis HLS takes as an ap_(u)int by FINN's limit, in bits.
WIDEST_HLS_STREAM = 8191
# HLS refuses a MatrixVectorActivation that takes more cycles than this for one output.
LONGEST_DOT_PRODUCT = 1024


@dataclass(frozen=True)
class Choice:
    """One legal folding of a layer. `settings`: one for each of the layer's nodes; `width`: channels at work in a cycle."""

    settings: tuple[Settings, ...]
    cycles: int
    luts: int
    bram18: int
    dsps: int
    width: int


@dataclass(frozen=True)
class Layer:
    """Nodes that are folded together and their choices, the fastest first; none of them is beaten by another in every figure."""

    nodes: tuple[str, ...]
    choices: tuple[Choice, ...]

    @property
    def name(self) -> str:
        """The node that computes; a sliding window comes before the pool that it is tied to."""
        return self.nodes[-1]


def is_hardware(node: NodeProto) -> bool:
    """Whether a node is one of FINN's specialised layers."""
    return node.domain.startswith("finn.custom_op.fpgadataflow.") and node.op_type.endswith(("_hls", "_rtl"))


def kind_of(node: NodeProto) -> str:
    """The layer that a node is, without its implementation: MVAU for MVAU_hls."""
    return str(node.op_type).removesuffix("_hls").removesuffix("_rtl")


def legal_values(node: NodeProto) -> dict[str, tuple[Value, ...]]:
    """The settings that FINN takes for a hardware node, each by itself, in order: {"PE": (1, 2, 4), "SIMD": ...}.

    A node without parallelism of its own (a FIFO, a width converter) has none.
    """
    op = getCustomOp(node)
    legal: dict[str, tuple[Value, ...]] = {attribute: _divisors(extents) for attribute, extents in _extents(op, node).items()}
    kind = kind_of(node)
    if node.op_type == "MVAU_hls":
        least = -(-op.get_nodeattr("MW") // LONGEST_DOT_PRODUCT)
        legal["SIMD"] = tuple(value for value in legal["SIMD"] if isinstance(value, int) and value >= least)
    if kind in ("MVAU", "VVAU"):
        legal["ram_style"] = ("auto", "block", "distributed", "ultra")
        legal["ram_style_thresholds"] = ("auto", "block", "distributed")
        legal["resType"] = ("auto", "lut", "dsp")
    if kind == "ConvolutionInputGenerator":
        legal["ram_style"] = ("auto", "block", "distributed", "ultra")
        legal["parallel_window"] = (0, 1)
    declared = op.get_nodeattr_types()
    return {attribute: values for attribute, values in legal.items() if attribute in declared}


def tied_nodes(model: ModelWrapper) -> dict[str, str]:
    """Sliding windows whose SIMD has to be the PE of the pool or depthwise layer that they feed: {window: that node}."""
    tied = {}
    for node in model.graph.node:
        if kind_of(node) == "ConvolutionInputGenerator" and getCustomOp(node).get_nodeattr("depthwise"):
            consumer = model.find_consumer(node.output[0])
            if consumer is not None and kind_of(consumer) in ("Pool", "VVAU"):
                tied[node.name] = consumer.name
    return tied


def broken_rule(node: NodeProto) -> str | None:
    """What FINN's layers do not take although each setting is legal by itself, as a clause; None where all is well."""
    op = getCustomOp(node)
    if kind_of(node) == "ConvolutionInputGenerator" and op.get_nodeattr("parallel_window") and not op.get_nodeattr("depthwise"):
        channels = op.get_nodeattr("IFMChannels")
        return None if op.get_nodeattr("SIMD") == channels else f"parallel_window = 1 needs SIMD = {channels}"
    if kind_of(node) == "VVAU" and op.get_nodeattr("SIMD") > 1 and op.get_nodeattr("PE") != op.get_nodeattr("Channels"):
        return f"SIMD above 1 needs PE = {op.get_nodeattr('Channels')}"
    if node.op_type.endswith("_hls"):
        widths = [op.get_instream_width(0), op.get_outstream_width(0)]
        if kind_of(node) == "MVAU":
            widths.append(op.get_instream_width(1))
        if max(widths) > WIDEST_HLS_STREAM:
            return f"a stream of {max(widths):,} bits is wider than the {WIDEST_HLS_STREAM:,} that HLS takes"
    return None


def layers_of(model: ModelWrapper, part: str, widest_weights: int = WIDEST_WEIGHTS) -> list[Layer]:
    """The layers of a hardware graph with their choices, in the graph's order.

    `part`: what FINN's estimates are asked for; `widest_weights`: at most so many weight bits a PE, but for the narrowest folding.
    """
    nodes = {node.name: node for node in model.graph.node if is_hardware(node)}
    tied = {window: owner for window, owner in tied_nodes(model).items() if window in nodes}
    windows = {owner: window for window, owner in tied.items()}
    known: dict[tuple[bytes, ...], tuple[Choice, ...]] = {}
    layers = []
    for name, node in nodes.items():
        if name in tied:
            continue
        group = [nodes[windows[name]], node] if name in windows else [node]
        key = tuple(itertools.chain.from_iterable(_fingerprint(member) for member in group))
        if key not in known:
            known[key] = _undominated(list(_choices(group, part, widest_weights)))
        layers.append(Layer(tuple(member.name for member in group), known[key]))
    return layers


def _extents(op: Any, node: NodeProto) -> dict[str, tuple[int, ...]]:
    """What each kind of parallelism has to divide."""
    kind = kind_of(node)
    if kind == "MVAU":
        return {"PE": (op.get_nodeattr("MH"),), "SIMD": (op.get_nodeattr("MW"),)}
    if kind == "VVAU":
        return {"PE": (op.get_nodeattr("Channels"),), "SIMD": (prod(op.get_nodeattr("Kernel")),)}
    if kind == "Pool":
        return {"PE": (op.get_nodeattr("Channels"),)}
    if kind == "ConvolutionInputGenerator":
        return {"SIMD": (op.get_nodeattr("IFMChannels"),)}
    if kind in ("StreamingSplit", "StreamingConcat"):
        return {"SIMD": tuple(op.get_nodeattr("ChannelsPerStream"))}
    if kind == "LabelSelect":
        return {"PE": (op.get_nodeattr("Labels"),)}
    declared = op.get_nodeattr_types()
    if "PE" in declared:
        return {"PE": (int(op.get_normal_output_shape()[-1]),)}
    if "SIMD" in declared:
        return {"SIMD": (int(op.get_normal_input_shape()[-1]),)}
    return {}


def _divisors(extents: Sequence[int]) -> tuple[int, ...]:
    return tuple(value for value in range(1, min(extents) + 1) if all(extent % value == 0 for extent in extents))


def _fingerprint(node: NodeProto) -> Iterator[bytes]:
    """Equal for nodes that FINN estimates alike: the kind and all attributes, no names."""
    yield node.op_type.encode()
    yield from sorted(attribute.SerializeToString() for attribute in node.attribute)


def _choices(group: Sequence[NodeProto], part: str, widest_weights: int) -> Iterator[Choice]:
    """Every legal folding of a layer, on copies of its nodes."""
    copies = []
    for node in group:
        copy = NodeProto()
        copy.CopyFrom(node)
        copies.append(copy)
    ops = [getCustomOp(copy) for copy in copies]
    for values in _candidates(copies, ops, widest_weights):
        for op, settings in zip(ops, values, strict=True):
            for attribute, value in settings.items():
                op.set_nodeattr(attribute, value)
        if any(broken_rule(copy) for copy in copies):
            continue
        yield Choice(
            values,
            max(int(op.get_exp_cycles()) for op in ops),
            sum(int(op.lut_estimation(part)) for op in ops),
            sum(int(op.bram_estimation(part)) for op in ops),
            sum(int(op.dsp_estimation(part)) for op in ops),
            sum(int(settings.get("PE", 1)) * int(settings.get("SIMD", 1)) for settings in values),
        )


def _candidates(nodes: Sequence[NodeProto], ops: Sequence[Any], widest_weights: int) -> Iterator[tuple[Settings, ...]]:
    """Settings to try, one for each node. Memories are spelt out, so that what is estimated is what Vivado is told to build."""
    owner, op = nodes[-1], ops[-1]
    legal, kind = legal_values(owner), kind_of(owner)
    fixed: dict[str, Value] = {}
    memories: Sequence[Value] = ()
    if kind == "MVAU":
        bits = op.get_input_datatype(1).bitwidth()
        narrow = [value for value in legal["SIMD"] if isinstance(value, int) and value * bits <= widest_weights]
        legal["SIMD"] = tuple(narrow) or legal["SIMD"][:1]
        if not op.get_nodeattr("noActivation") and "ram_style_thresholds" in legal:
            fixed["ram_style_thresholds"] = "distributed"
        if op.get_nodeattr("mem_mode") == "internal_decoupled":
            memories = ("block", "distributed")
    elif kind == "ConvolutionInputGenerator":
        memories = ("distributed", "block")
    axes: dict[str, Sequence[Value]] = {name: legal[name] for name in ("PE", "SIMD", "parallel_window") if name in legal}
    if memories:
        axes["ram_style"] = memories
    for combination in itertools.product(*axes.values()):
        settings = dict(zip(axes, combination, strict=True)) | fixed
        if len(nodes) == 1:
            yield (settings,)
            continue
        for memory in ("distributed", "block"):
            window: dict[str, Value] = {"SIMD": settings["PE"], "ram_style": memory}
            window["parallel_window"] = int(kind == "VVAU" and int(settings.get("SIMD", 1)) > 1)
            yield (window, settings)


def _undominated(choices: Sequence[Choice]) -> tuple[Choice, ...]:
    """Those that no other is at least as good as in cycles, LUTs, memories and width, the fastest first."""
    figures = np.array([(c.cycles, c.luts, c.bram18, c.width) for c in choices], dtype=np.int64).reshape(-1, 4)
    order = np.lexsort(figures.T[::-1])
    kept: list[int] = []
    for index in order:  # whoever beats this one comes before it
        if not kept or not (figures[kept] <= figures[index]).all(axis=1).any():
            kept.append(int(index))
    return tuple(choices[index] for index in kept)
