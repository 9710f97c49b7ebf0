"""One node on known arrays, to the last bit as QONNX's executor computes it.

The arithmetic that binary networks are made of is plain IEEE float32, in numpy (`operators`); the order of operations in a
BatchNormalization is that of ONNX Runtime's CPU kernel. QONNX's own operators follow its definitions
(https://github.com/fastmachinelearning/qonnx/tree/main/docs/qonnx-custom-ops). A few functions of one number, which no standard
rounds, are ONNX Runtime's own, in a model of one node that is made here; nothing else of a file reaches the runtime.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from owlbit.export.qonnx.graph import Array, Node, QonnxError
from owlbit.export.qonnx.lowering.operators import BINARY, OPERATORS, Operator, broadcast_size

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

_ELEMENTWISE = (*BINARY, "Max", "Min")
# Functions of one number whose last bit is the runtime's.
RUNTIME = ("Exp", "Log", "Tanh", "Sigmoid", "Erf")


def evaluate_node(node: Node, inputs: list[Array | None], opset: int) -> list[Array]:
    """The outputs of `node`. None stands for an omitted input. Raises QonnxError where the node cannot be computed."""
    operator = _FOLDED.get(node.kind)
    if operator is None:
        raise node.error("reads constants only, of which arithmetic and changes of shape are computed; this operator is neither")
    if not operator.least <= len(inputs) <= operator.most:
        raise node.error(f"has not the inputs that this operator needs, got {len(inputs)}")
    with np.errstate(all="ignore"):
        try:
            if node.kind in _ELEMENTWISE:
                broadcast_size(node, *inputs)
            return [np.asarray(operator.run(node, *inputs))]
        except QonnxError:
            raise
        except MemoryError:
            raise
        except Exception as error:
            # numpy's own classes differ from function to function; whatever it is, this node is what it refused.
            raise node.error(f"cannot be computed ({type(error).__name__}: {error})") from None


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
    if not (1 <= bits <= 32 and bits.is_integer()):
        raise node.error(f"expected a bit width of 1 to 32, got {bits:g}")
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


def _runtime(node: Node, x: Array) -> Array:
    """By ONNX Runtime, as a model of one node of this name without attributes, on a row of float32 numbers."""
    if x.dtype != np.float32:
        raise node.error(f"expected float32, got {x.dtype}")
    import onnxruntime  # type: ignore[import-untyped]
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [x.size]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node(node.kind, ["x"], ["y"])], "one", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return np.asarray(session.run(None, {"x": np.ascontiguousarray(x.reshape(-1))})[0]).reshape(x.shape)


_FOLDED: dict[str, Operator] = {
    **OPERATORS,
    **{kind: Operator(_runtime, 1, 1) for kind in RUNTIME},
    "BipolarQuant": Operator(bipolar_quant, 2, 2),
    "Quant": Operator(quant, 4, 4),
    "IntQuant": Operator(quant, 4, 4),
}
