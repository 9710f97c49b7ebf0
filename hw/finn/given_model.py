"""A QONNX file that is no `Network`, its first layer reading 8-bit pixels, for FINN to build as it is: CNV of Brevitas, for one.

It is cut behind its last matrix product, whose sums of binary products are integers: these are the scores, and the reference is
what QONNX's executor finds in the file so cut. What may stand behind, and in the scale of the last weights, is one affine map for
all classes, which ranks alike.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Ints, Shape
from owlbit.export.qonnx.parse import read_model_file

PRODUCTS = ("Gemm", "MatMul")
# What the pixels 0..255 are divided by, and what is then taken away.
RANGES = {"uint8": (1.0, 0.0), "unit": (255.0, 0.0), "signed": (127.5, 1.0)}
_QUANTISERS = ("BipolarQuant", "Quant")


@dataclass(frozen=True, eq=False)
class GivenModel:
    """`proto`: float32 [1, C, H, W] of pixel values 0..255 to integer scores [1, classes]."""

    proto: onnx.ModelProto
    input_shape: Shape
    classes: int
    name: str
    notes: tuple[str, ...] = ()

    def ranked(self, scores: Ints) -> Ints:
        """What ranks: the integers."""
        return scores

    def check_images(self, images: NDArray[Any]) -> None:
        """OwlbitError unless `images` is uint8 [N, C, H, W] with N >= 1 and this model's C, H, W."""
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != self.input_shape or not len(images):
            expected = ", ".join(str(size) for size in self.input_shape)
            raise OwlbitError(f"expected uint8 images [N, {expected}], got {images.dtype.name} {list(images.shape)}")

    def same_as(self, other: GivenModel) -> bool:
        """Whether both are the same graph."""
        return bool(self.proto.SerializeToString() == other.proto.SerializeToString())


def quantises_pixels(path: Path) -> bool:
    """Whether a QONNX file has a quantiser of several bits, which no `Network` has."""
    return any(node.op_type == "Quant" for node in read_model_file(path).graph.node)


def read_given(path: Path, input_range: str) -> GivenModel:
    """The model in the QONNX file `path`, ready for FINN. `input_range`: a name of `RANGES`.

    Raises OwlbitError where it is damaged, where the range is another one, and where behind the last product stands anything else
    than one affine map of positive scale for all classes.
    """
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.util.cleanup import cleanup_model

    if input_range not in RANGES:
        raise OwlbitError(f"{path}: FINN builds it as it is, so give --input-range {', '.join(RANGES)}, got {input_range!r}")
    proto = read_model_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = cleanup_model(ModelWrapper(proto))
        shape = tuple(int(size) for size in model.get_tensor_shape(model.graph.input[0].name))
    except Exception as error:
        # qonnx raises plain Exceptions and assertions.
        raise OwlbitError(f"{path}: qonnx cannot tidy up this file ({error})") from error
    if len(shape) != 4 or shape[0] != 1:
        raise OwlbitError(f"{path}: expected an input of one image [1, C, H, W], got {list(shape)}")
    _cut(model, path)
    _divide(model, *RANGES[input_range])
    return _given(model.model, path.stem)


def load_given(path: Path) -> GivenModel:
    """What `GivenModel.proto` was saved to. Raises OwlbitError where the file is damaged."""
    proto = read_model_file(path)
    return _given(proto, proto.graph.name)


def scores_of_given(model: GivenModel, images: NDArray[np.uint8]) -> Ints:
    """int32 [N, classes]: the scores of uint8 [N, C, H, W] by QONNX's executor. Raises OwlbitError where they are no integers."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx

    model.check_images(images)
    wrapped = ModelWrapper(model.proto)
    feed, result = wrapped.graph.input[0].name, wrapped.graph.output[0].name
    found = np.concatenate([execute_onnx(wrapped, {feed: image[None].astype(np.float32)})[result] for image in images])
    if not np.array_equal(found, np.rint(found)):
        raise OwlbitError(f"{model.name}: expected integer scores, got {found[0]}; its last layer is not binary")
    return found.astype(np.int32)


def _given(proto: onnx.ModelProto, name: str) -> GivenModel:
    dims = [[dim.dim_value for dim in end.type.tensor_type.shape.dim] for end in (proto.graph.input[0], proto.graph.output[0])]
    proto.graph.name = name
    return GivenModel(proto, (dims[0][1], dims[0][2], dims[0][3]), int(np.prod(dims[1])), name)


def _cut(model: Any, path: Path) -> None:
    nodes = list(model.graph.node)
    products = [index for index, node in enumerate(nodes) if node.op_type in PRODUCTS]
    if not products:
        raise OwlbitError(f"{path}: expected a matrix product that makes the class scores, found none")
    last, behind = nodes[products[-1]], nodes[products[-1] + 1 :]
    _unscale(model, last, path)
    scale = 1.0
    for node in behind:
        constants = [value for value in map(model.get_initializer, node.input) if value is not None]
        if node.op_type not in ("Add", "Sub", "Mul", "Div") or len(constants) != 1 or constants[0].size != 1:
            raise OwlbitError(
                f"{path}: {node.name} ({node.op_type}): expected one affine map of all classes behind the last product"
            )
        if node.op_type in ("Mul", "Div"):
            scale *= float(constants[0].item())
    if not scale > 0:
        raise OwlbitError(f"{path}: expected a positive scale behind the last product, got {scale:g}")
    for node in behind:
        model.graph.node.remove(node)
    shape = model.get_tensor_shape(last.output[0])
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info(last.output[0], onnx.TensorProto.FLOAT, shape))
    for info in [info for info in model.graph.value_info if info.name == last.output[0]]:
        model.graph.value_info.remove(info)


def _unscale(model: Any, product: onnx.NodeProto, path: Path) -> None:
    """Gives the weights of the last product, a constant or a quantiser of one, the scale 1."""
    weights = product.input[1]
    quantiser = model.find_producer(weights)
    if quantiser is not None and quantiser.op_type in _QUANTISERS:
        scale = model.get_initializer(quantiser.input[1])
        if scale is not None and np.unique(scale).size == 1 and float(scale.flat[0]) > 0:
            quantiser.input[1] = f"{weights}_scale_of_1"  # others may read the old one
            model.set_initializer(quantiser.input[1], np.array(1.0, np.float32))
            return
        raise OwlbitError(
            f"{path}: {product.name} ({product.op_type}): expected one positive scale for the weights of all classes, got "
            f"{'none' if scale is None else np.unique(scale).size}; put a scale per class into a network that compares its pixels "
            "with thresholds"
        )
    given = model.get_initializer(weights)
    if given is not None and np.unique(np.abs(given)).size == 1 and given.flat[0] != 0:
        model.set_initializer(weights, np.sign(given).astype(np.float32))


def _divide(model: Any, divisor: float, shift: float) -> None:
    """Pixels of 0..255 in front of what takes them as v / divisor - shift, each rounded to float32."""
    if (divisor, shift) == (1.0, 0.0):
        return
    feed = model.graph.input[0]
    name = feed.name
    feed.name = "pixels"
    shape = model.get_tensor_shape("pixels")
    model.graph.value_info.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
    model.set_initializer("pixels_divisor", np.array(divisor, np.float32))
    divided = name if not shift else "pixels_divided"
    if shift:
        model.graph.value_info.append(onnx.helper.make_tensor_value_info(divided, onnx.TensorProto.FLOAT, shape))
        model.set_initializer("pixels_zero", np.array(shift, np.float32))
        model.graph.node.insert(0, onnx.helper.make_node("Sub", [divided, "pixels_zero"], [name], name="pixels_shift"))
    model.graph.node.insert(0, onnx.helper.make_node("Div", ["pixels", "pixels_divisor"], [divided], name="pixels_scale"))
