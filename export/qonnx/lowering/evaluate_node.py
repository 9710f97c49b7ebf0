"""One node on known arrays, to the last bit as QONNX's executor computes it.

The arithmetic that binary networks are made of is plain IEEE float32, in numpy; the order of operations in a BatchNormalization is
that of ONNX Runtime's CPU kernel. QONNX's own operators follow its definitions
(https://github.com/fastmachinelearning/qonnx/tree/main/docs/qonnx-custom-ops). Every other operator is run by ONNX Runtime itself,
which is what the executor does, and which is only imported where a file needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from owlbit.export.qonnx.graph import Array, Node, QonnxError

_ROUNDING: dict[str, Callable[[Array], Array]] = {
    "ROUND": np.round,
    "HALF_EVEN": np.round,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "DOWN": np.fix,
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
}


def evaluate_node(node: Node, inputs: list[Array | None], opset: int) -> list[Array]:
    """The outputs of `node`. None stands for an omitted input. Raises QonnxError where the node cannot be computed."""
    plain = _PLAIN.get(node.kind)
    with np.errstate(all="ignore"):
        try:
            if plain is not None:
                return [np.asarray(plain(node, *inputs))]
            return _run(node, inputs, opset)
        except QonnxError:
            raise
        except (TypeError, AttributeError):
            raise node.error(f"has not the inputs that this operator needs, got {len(inputs)}") from None
        except (ValueError, IndexError) as error:
            raise node.error(f"cannot be computed ({error})") from None


def batch_normalization(x: Array, scale: Array, bias: Array, mean: Array, variance: Array, epsilon: float) -> Array:
    """float32: ONNX Runtime computes one factor and one summand a channel first."""
    factor = (np.float32(1) / np.sqrt(variance + np.float32(epsilon))) * scale
    return np.asarray(x * factor + (bias - mean * factor))


def bipolar_quant(_node: Node, x: Array, scale: Array) -> Array:
    """BipolarQuant: +scale where x >= 0, -scale elsewhere."""
    one = np.ones((), x.dtype)
    return np.asarray(np.where(x >= 0, one, -one) * scale)


def quant(node: Node, x: Array, scale: Array, zero_point: Array, bit_width: Array) -> Array:
    """Quant (IntQuant). One signed bit means +-1 there, not the -1 and 0 of two's complement, narrow or not."""
    if bit_width.size != 1:
        raise node.error("expected one bit width for the whole tensor")
    signed, narrow = bool(node.attributes.get("signed", 1)), bool(node.attributes.get("narrow", 0))
    bits = float(bit_width.reshape(()))
    steps = x / scale + zero_point
    if bits == 1 and signed:
        one = np.ones((), steps.dtype)
        steps = np.where(steps >= 0, one, -one)
    else:
        low = -(2 ** (bits - 1)) + narrow if signed else 0.0
        high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1 - narrow
        mode = str(node.attributes.get("rounding_mode", "ROUND")).upper()
        if mode not in _ROUNDING:
            raise node.error(f"expected a rounding mode of {', '.join(_ROUNDING)}, got {mode}")
        steps = _ROUNDING[mode](np.clip(steps, np.float32(low), np.float32(high)))
    return np.asarray((steps - zero_point) * scale, np.float32)


def multi_threshold(node: Node, x: Array, thresholds: Array) -> Array:
    """MultiThreshold on x [C, L] and thresholds [C, steps] or [1, steps]: how many thresholds x reaches, scaled and biased."""
    count = np.zeros(x.shape, np.float32)
    for step in thresholds.T:
        count += x >= step[:, None]
    return np.asarray(np.float32(node.attributes.get("out_scale", 1.0)) * count + np.float32(node.attributes.get("out_bias", 0.0)))


def _reshape(node: Node, x: Array, target: Array) -> Array:
    sizes = [int(size) for size in target]
    if not node.attributes.get("allowzero", 0):
        sizes = [x.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
    return x.reshape(sizes)


def _flatten(node: Node, x: Array) -> Array:
    axis = int(node.attributes.get("axis", 1)) % (x.ndim + 1)
    return x.reshape(int(np.prod(x.shape[:axis])), -1)


_PLAIN: dict[str, Callable[..., Array]] = {
    "Add": lambda _, x, y: x + y,
    "Sub": lambda _, x, y: x - y,
    "Mul": lambda _, x, y: x * y,
    "Div": lambda _, x, y: x / y if x.dtype.kind == "f" else np.trunc(x / y).astype(x.dtype),
    "BipolarQuant": bipolar_quant,
    "Quant": quant,
    "IntQuant": quant,
    "Transpose": lambda node, x: x.transpose(node.attributes.get("perm")),
    "Reshape": _reshape,
    "Flatten": _flatten,
}


# Of constants alone no model needs them, and the runtime ends the process for some shapes that do not fit.
_WINDOWED = ("Conv", "ConvTranspose", "MaxPool", "AveragePool")


def _run(node: Node, inputs: list[Array | None], opset: int) -> list[Array]:
    """By ONNX Runtime, as a model of one node."""
    if node.kind in _WINDOWED:
        raise node.error("reads constants only; expected a map that depends on the image")
    import onnxruntime  # type: ignore[import-untyped]
    from onnx import ValueInfoProto, helper

    given = {name: array for name, array in zip(node.inputs, inputs, strict=True) if array is not None}
    values = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for name, a in given.items()]
    attributes: dict[str, Any] = node.attributes
    proto = helper.make_node(node.kind, node.inputs, node.outputs, **attributes)
    graph = helper.make_graph([proto], "one", values, [ValueInfoProto(name=name) for name in node.outputs if name])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options)
        return [np.asarray(array) for array in session.run(None, given)]
    except Exception as error:
        # The runtime raises one class a fault, none of them public; whatever it is, this node is what it refused.
        raise node.error(f"cannot be computed by ONNX Runtime ({str(error).splitlines()[0]})") from None
