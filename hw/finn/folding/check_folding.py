"""A folding file that somebody gives: read, held against the graph it is for, refused in one sentence where FINN would not take it.

FINN itself skips names that it does not find, leaves layers that are not named at one channel a cycle, and stops at an illegal PE
or SIMD somewhere in code generation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from owlbit.export.errors import OwlbitError
from owlbit.export.files import read_limited
from owlbit.export.guard import one_line, reading
from owlbit.export.limits import TEXT_BYTES
from owlbit.hw.finn.folding.choices import Settings, Value, broken_rule, is_hardware, kind_of, legal_values, tied_nodes

DEFAULTS = "Defaults"
_SHOWN = 12


def read_folding(path: Path) -> dict[str, dict[str, Value]]:
    """{node: {attribute: value}} of a FINN folding file. Raises OwlbitError for a file that is none.

    "Defaults" has to be empty or absent: a setting for every layer of a kind cannot be checked against a layer's channels by name.
    """
    what = f'{path}: expected JSON such as {{"MVAU_hls_0": {{"PE": 4, "SIMD": 8}}}}'
    with reading(what, OwlbitError, "take one that owlbit wrote"):
        content = json.loads(read_limited(path, TEXT_BYTES))
    if not isinstance(content, dict):
        raise OwlbitError(f"{path}: expected a JSON object of layers, got {type(content).__name__}; take one that owlbit wrote")
    if content.pop(DEFAULTS, None):
        raise OwlbitError(f'{path}: expected "{DEFAULTS}": {{}}, got settings in it; write them out for each layer')
    for name, settings in content.items():
        if not isinstance(settings, dict) or not all(type(value) is int or isinstance(value, str) for value in settings.values()):
            raise OwlbitError(
                f'{path}: {one_line(name)}: expected numbers and words by name, as in {{"PE": 4}}, got {one_line(settings)}'
            )
    return content


def check_folding(model: ModelWrapper, folding: Mapping[str, Settings], source: str = "folding") -> None:
    """Raises OwlbitError, naming layer, value and the legal values, where `folding` is not for this hardware graph.

    `source` begins the sentence, as a rule the file. Every layer with weights has to be named.
    """
    nodes = {node.name: node for node in model.graph.node if is_hardware(node)}
    strangers = [name for name in folding if name not in nodes]
    if strangers:
        raise OwlbitError(
            f"{source}: expected layers of this network ({_listed(list(nodes))}), got {_listed(strangers)}; "
            "a folding file fits one network only, so take the one that was written for this"
        )
    left_out = [name for name, node in nodes.items() if kind_of(node) in ("MVAU", "VVAU") and name not in folding]
    if left_out:
        raise OwlbitError(f"{source}: expected settings for every layer with weights, {_listed(left_out)} has none; add them")
    copies = {name: _folded(node, folding.get(name, {}), source) for name, node in nodes.items()}
    for name, copy in copies.items():
        rule = broken_rule(copy)
        if rule:
            raise OwlbitError(f"{source}: {name}: {rule}; got {_spelt(folding.get(name, {}))}; choose a smaller folding")
    for window, owner in tied_nodes(model).items():
        simd, pe = getCustomOp(copies[window]).get_nodeattr("SIMD"), getCustomOp(copies[owner]).get_nodeattr("PE")
        if simd != pe:
            raise OwlbitError(
                f"{source}: {window}: expected SIMD = {pe}, the PE of {owner} that it feeds, got {simd}; make them equal"
            )


def _folded(node: NodeProto, settings: Settings, source: str) -> NodeProto:
    """A copy of a node with its settings, each of which is legal by itself."""
    copy = NodeProto()
    copy.CopyFrom(node)
    op: Any = getCustomOp(copy)
    legal, declared = legal_values(node), op.get_nodeattr_types()
    for attribute, value in settings.items():
        if attribute not in declared:
            known = _listed(sorted(legal)) if legal else "none"
            raise OwlbitError(f"{source}: {node.name} has no {attribute}; expected one of its settings: {known}")
        if attribute in legal and value not in legal[attribute]:
            raise OwlbitError(
                f"{source}: {node.name}: {attribute} = {value!r} is not legal; expected one of {_listed(legal[attribute])}"
            )
        try:
            op.set_nodeattr(attribute, value)
        except Exception as error:  # FINN's own check of a setting that is none of ours; its types vary
            raise OwlbitError(f"{source}: {node.name}: {attribute} = {value!r} is not what FINN takes: {error}") from None
    return copy


def _listed(values: Sequence[Value]) -> str:
    """The first of them, in words."""
    shown = ", ".join(map(str, values[:_SHOWN]))
    return shown if len(values) <= _SHOWN else f"{shown}, ... ({len(values)} in all)"


def _spelt(settings: Settings) -> str:
    return ", ".join(f"{attribute} = {value}" for attribute, value in settings.items()) or "no settings"
