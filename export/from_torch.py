"""A trained Brevitas module as a QONNX file: exported, cleaned up, described, checked, and written whole or not at all.

The one file of this package that needs torch and brevitas; import it only where a trained module is at hand.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch
from brevitas.export import export_qonnx
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.cleanup import cleanup_model

from owlbit.export.errors import OwlbitError
from owlbit.export.files import write_bytes
from owlbit.export.network import Shape
from owlbit.export.qonnx.metadata import set_metadata


class ExportError(OwlbitError):
    """A module that cannot be written as QONNX."""


def export_module(
    module: torch.nn.Module,
    path: str | Path,
    *,
    input_shape: Shape,
    class_names: Sequence[str] = (),
    name: str = "network",
    input_scale: float = 1.0,
    input_offset: float = 0.0,
) -> None:
    """Writes `module` in evaluation mode to `path` as a cleaned QONNX file for one image at a time.

    `module` takes float32 [1, C, H, W] and returns float32 [1, classes]; `input_shape` is (C, H, W). It is fed pixel values 0..255
    as they are; for a module made for other floats, pixel v enters it as v * `input_scale` + `input_offset`.
    Class names, name and input specification go into the file's metadata (`owlbit.export.qonnx.metadata`). The module comes back as
    it was given. Raises ExportError where a weight is NaN or infinite (nothing is written), or where the exporter or ONNX's checker
    refuses.
    """
    _check_finite(module)
    was_training = module.training
    module.eval()
    try:
        with tempfile.TemporaryDirectory() as folder, _quiet():
            raw = Path(folder) / "raw.onnx"
            export_qonnx(module, args=(torch.zeros(1, *input_shape),), export_path=str(raw), verbose=False)
            model = cleanup_model(ModelWrapper(str(raw))).model
    except (RuntimeError, TypeError, NotImplementedError, torch.onnx.OnnxExporterError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ExportError(f"{name}: the module cannot be exported to QONNX ({first_line})") from error
    finally:
        module.train(was_training)
    model.producer_name = "owlbit"
    model.graph.name = name
    set_metadata(model, input_shape, class_names, name, input_scale, input_offset)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ExportError(f"{name}: the exported model is not valid ONNX ({error})") from error
    write_bytes(Path(path), model.SerializeToString())


def _check_finite(module: torch.nn.Module) -> None:
    for key, tensor in module.state_dict().items():
        if torch.is_tensor(tensor) and tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ExportError(
                f"{key}: expected finite weights, got NaN or infinity; the training diverged, train again with a lower rate"
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporters warn about operators that no binary network has; none of it is about the user's model."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
