"""The operators that may be computed on known arrays, each in plain numpy: what of a file is folded, and nothing else.

A function takes the node and its inputs, of which those that ONNX calls optional may be None. Sizes are checked before memory is
taken, and no function runs longer than its result is large. Source: https://onnx.ai/onnx/operators
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from onnx import TensorProto, helper

from owlbit.export.limits import LARGEST_CONSTANT
from owlbit.export.qonnx.graph import Array, Node

_NUMERIC = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.BOOL, TensorProto.INT8, TensorProto.INT16, TensorProto.INT32)
_TYPES = (*_NUMERIC, TensorProto.INT64, TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64)
_PART = 2**20


class Operator(NamedTuple):
    """`run`: node and inputs to one output; `least`, `most`: how many inputs there must and may be."""

    run: Callable[..., Array]
    least: int
    most: int


def checked_size(node: Node, shape: Any) -> tuple[int, ...]:
    """`shape` as sizes. Raises QonnxError where one is negative, or the array would be too large."""
    sizes = tuple(int(size) for size in np.asarray(shape).reshape(-1))
    if min(sizes, default=0) < 0 or math.prod(sizes) > LARGEST_CONSTANT or len(sizes) > 16:
        raise node.error(f"expected an array of up to {LARGEST_CONSTANT:,} values, got the shape {list(sizes)[:8]}")
    return sizes


def broadcast_size(node: Node, *arrays: Array | None) -> None:
    """Checks the size of what these arrays broadcast to. Raises QonnxError where it is too large, ValueError where they do not."""
    checked_size(node, np.broadcast_shapes(*(array.shape for array in arrays if array is not None)))


def _both(function: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    return lambda _, x, y: function(x, y)


def _one(function: Callable[[Array], Array]) -> Callable[..., Array]:
    return lambda _, x: function(x)


def _divide(_: Node, x: Array, y: Array) -> Array:
    return np.asarray(x / y) if x.dtype.kind == "f" else np.asarray(np.trunc(x / y).astype(x.dtype))


def _power(_: Node, x: Array, y: Array) -> Array:
    return np.asarray(np.power(x, y).astype(x.dtype))


def _modulo(node: Node, x: Array, y: Array) -> Array:
    return np.fmod(x, y) if node.attributes.get("fmod", 0) else np.mod(x, y)


def _shift(node: Node, x: Array, y: Array) -> Array:
    direction = node.attributes.get("direction")
    if direction not in ("LEFT", "RIGHT") or x.dtype.kind != "u":
        raise node.error(f"expected unsigned integers and the direction LEFT or RIGHT, got {x.dtype} and {direction}")
    return np.right_shift(x, y) if direction == "RIGHT" else np.left_shift(x, y)


def _clip(node: Node, x: Array, low: Array | None = None, high: Array | None = None) -> Array:
    # Before version 11 of the operator the limits are attributes.
    least = node.attributes.get("min") if low is None else low
    most = node.attributes.get("max") if high is None else high
    if least is not None:
        x = np.maximum(x, np.asarray(least, x.dtype))
    return x if most is None else np.minimum(x, np.asarray(most, x.dtype))


def _leaky(node: Node, x: Array) -> Array:
    return np.where(x >= 0, x, x * np.asarray(node.attributes.get("alpha", 0.01), x.dtype))


def _hard_sigmoid(node: Node, x: Array) -> Array:
    alpha, beta = (np.asarray(node.attributes.get(key, value), x.dtype) for key, value in (("alpha", 0.2), ("beta", 0.5)))
    return np.asarray(np.clip(x * alpha + beta, np.asarray(0, x.dtype), np.asarray(1, x.dtype)))


def _most_of(function: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    def run(_: Node, first: Array, *others: Array) -> Array:
        for other in others:
            first = function(first, other)
        return first

    return run


def _cast(node: Node, x: Array) -> Array:
    kind = node.attributes.get("to")
    if kind not in _TYPES:
        raise node.error(f"expected a cast to numbers, got type {kind}")
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind))
    if x.dtype.kind == "f" and dtype.kind in "iu" and not np.isfinite(x).all():
        raise node.error("casts infinity to integers; expected finite numbers")
    return np.asarray(x.astype(dtype))


def _reshape(node: Node, x: Array, target: Array) -> Array:
    sizes = [int(size) for size in target.reshape(-1)]
    if not node.attributes.get("allowzero", 0):
        sizes = [x.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
    return x.reshape(sizes)


def _flatten(node: Node, x: Array) -> Array:
    axis = int(node.attributes.get("axis", 1)) % (x.ndim + 1)
    return x.reshape(int(np.prod(x.shape[:axis])), -1)


def _axes(node: Node, given: Array | None) -> tuple[int, ...] | None:
    # Before version 13 of the operators the axes are an attribute.
    axes = node.attributes.get("axes") if given is None else given.reshape(-1).tolist()
    return None if axes is None else tuple(int(axis) for axis in axes)


def _squeeze(node: Node, x: Array, axes: Array | None = None) -> Array:
    return np.squeeze(x, _axes(node, axes))


def _unsqueeze(node: Node, x: Array, axes: Array | None = None) -> Array:
    return np.expand_dims(x, _axes(node, axes) or ())


def _gather(node: Node, x: Array, indices: Array) -> Array:
    axis = int(node.attributes.get("axis", 0))
    checked_size(node, (*x.shape[:axis], *indices.shape, *x.shape[axis:][1:]))
    return np.take(x, indices, axis)


def _slice(node: Node, x: Array, starts: Array | None = None, ends: Array | None = None, *more: Array | None) -> Array:
    # Before version 10 of the operator all are attributes.
    first, last = (node.attributes.get(key) if a is None else a for key, a in (("starts", starts), ("ends", ends)))
    if first is None or last is None:
        raise node.error("expected starts and ends")
    axes, steps = (*more, None, None)[:2]
    axes = node.attributes.get("axes") if axes is None else axes
    begins, stops = np.asarray(first).reshape(-1).tolist(), np.asarray(last).reshape(-1).tolist()
    along = range(len(begins)) if axes is None else np.asarray(axes).reshape(-1).tolist()
    by = [1] * len(begins) if steps is None else np.asarray(steps).reshape(-1).tolist()
    index = [slice(None)] * x.ndim
    for axis, begin, stop, step in zip(along, begins, stops, by, strict=True):
        index[axis] = slice(begin, None if step < 0 and stop < -x.shape[axis] else stop, step)
    return x[tuple(index)]


def _concat(node: Node, *arrays: Array) -> Array:
    checked_size(node, [sum(array.size for array in arrays)])
    return np.concatenate(arrays, int(node.attributes.get("axis", 0)))


def _shape(node: Node, x: Array) -> Array:
    return np.array(x.shape, np.int64)[slice(node.attributes.get("start", 0), node.attributes.get("end"))]


def _constant_of_shape(node: Node, shape: Array) -> Array:
    from onnx import numpy_helper

    value = node.attributes.get("value")
    fill = np.zeros(1, np.float32) if value is None else np.asarray(numpy_helper.to_array(value))
    return np.full(checked_size(node, shape), fill.reshape(-1)[0])


def _expand(node: Node, x: Array, shape: Array) -> Array:
    wanted = checked_size(node, shape)
    broadcast_size(node, x, np.broadcast_to(x.dtype.type(0), wanted))
    return np.asarray(x * np.ones((), x.dtype) if not wanted else np.broadcast_to(x, np.broadcast_shapes(x.shape, wanted)))


def _tile(node: Node, x: Array, repeats: Array) -> Array:
    counts = checked_size(node, repeats)
    checked_size(node, [size * count for size, count in zip(x.shape, counts, strict=True)])
    return np.tile(x, counts)


def _range(node: Node, start: Array, limit: Array, delta: Array) -> Array:
    first, last, step = (entry.reshape(()).item() for entry in (start, limit, delta))
    (count,) = checked_size(node, [max(0, math.ceil((last - first) / step))])
    made = np.empty(count, start.dtype)
    for begin in range(0, count, _PART):  # in parts, since the float64 values take twice the memory of the result
        made[begin : begin + _PART] = first + np.arange(begin, min(begin + _PART, count)) * step
    return made


def _reduced(function: Callable[..., Array]) -> Callable[..., Array]:
    def run(node: Node, x: Array, axes: Array | None = None) -> Array:
        along = _axes(node, axes)
        return np.asarray(function(x, axis=along, keepdims=bool(node.attributes.get("keepdims", 1)))).astype(x.dtype)

    return run


def _where(node: Node, condition: Array, x: Array, y: Array) -> Array:
    broadcast_size(node, condition, x, y)
    return np.where(condition, x, y)


_MANY = 64
BINARY: dict[str, Callable[..., Array]] = {
    "Add": _both(lambda x, y: x + y),
    "Sub": _both(lambda x, y: x - y),
    "Mul": _both(lambda x, y: x * y),
    "Div": _divide,
    "Pow": _power,
    "Mod": _modulo,
    "BitShift": _shift,
    "PRelu": _both(lambda x, slope: np.where(x >= 0, x, x * slope)),
    "Equal": _both(lambda x, y: x == y),
    "Greater": _both(lambda x, y: x > y),
    "GreaterOrEqual": _both(lambda x, y: x >= y),
    "Less": _both(lambda x, y: x < y),
    "LessOrEqual": _both(lambda x, y: x <= y),
    "And": _both(np.logical_and),
    "Or": _both(np.logical_or),
    "Xor": _both(np.logical_xor),
}
_UNARY: dict[str, Callable[..., Array]] = {
    "Neg": _one(lambda x: -x),
    "Abs": _one(np.abs),
    "Sqrt": _one(np.sqrt),
    "Reciprocal": _one(lambda x: np.ones((), x.dtype) / x),
    "Sign": _one(np.sign),
    "Relu": _one(lambda x: np.maximum(x, np.zeros((), x.dtype))),
    "LeakyRelu": _leaky,
    "HardSigmoid": _hard_sigmoid,
    "Round": _one(np.round),
    "Floor": _one(np.floor),
    "Ceil": _one(np.ceil),
    "Not": _one(np.logical_not),
    "Cast": _cast,
    "Flatten": _flatten,
    "Shape": _shape,
    "Size": _one(lambda x: np.array(x.size, np.int64)),
    "Transpose": lambda node, x: x.transpose(node.attributes.get("perm")),
    "ConstantOfShape": _constant_of_shape,
    "Identity": _one(lambda x: x),
}
OPERATORS: dict[str, Operator] = {
    **{kind: Operator(run, 1, 1) for kind, run in _UNARY.items()},
    **{kind: Operator(run, 2, 2) for kind, run in BINARY.items()},
    "Max": Operator(_most_of(np.maximum), 1, _MANY),
    "Min": Operator(_most_of(np.minimum), 1, _MANY),
    "Concat": Operator(_concat, 1, _MANY),
    "Clip": Operator(_clip, 1, 3),
    "Where": Operator(_where, 3, 3),
    "Reshape": Operator(_reshape, 2, 2),
    "Squeeze": Operator(_squeeze, 1, 2),
    "Unsqueeze": Operator(_unsqueeze, 1, 2),
    "Gather": Operator(_gather, 2, 2),
    "Slice": Operator(_slice, 1, 5),
    "Expand": Operator(_expand, 2, 2),
    "Tile": Operator(_tile, 2, 2),
    "Range": Operator(_range, 3, 3),
    "ReduceSum": Operator(_reduced(np.sum), 1, 2),
    "ReduceMean": Operator(_reduced(np.mean), 1, 2),
    "ReduceMax": Operator(_reduced(np.max), 1, 2),
    "ReduceMin": Operator(_reduced(np.min), 1, 2),
}
