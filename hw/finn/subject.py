"""What a FINN build is of: an integer `Network`, or a given QONNX file that is none. Either has reference scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from owlbit.export.files import write_bytes
from owlbit.export.load_model import NETWORK, ONNX
from owlbit.export.network import Ints, Network
from owlbit.export.network_file import load_network, save_network
from owlbit.export.qonnx.write import write_qonnx
from owlbit.hw.finn.given_model import GivenModel, load_given, scores_of_given
from owlbit.hw.reference import simulate

Subject = Network | GivenModel


def save_subject(subject: Subject, folder: Path) -> None:
    """Writes model.onnx, which the first step reads, and of a network network.npz.

    model.onnx takes pixel values and gives the integers alone; factors and offsets per class are for the host.
    """
    if isinstance(subject, Network):
        save_network(subject, folder / NETWORK)
        write_qonnx(replace(subject, score_factors=None, score_offsets=None), folder / ONNX)
    else:
        write_bytes(folder / ONNX, subject.proto.SerializeToString())


def load_subject(folder: Path) -> Subject:
    """What `save_subject` wrote. Raises OwlbitError where it is damaged."""
    return load_network(folder / NETWORK) if (folder / NETWORK).is_file() else load_given(folder / ONNX)


def same_subject(subject: Subject, other: Subject) -> bool:
    """Whether both are the same network, or the same given file."""
    if isinstance(subject, Network):
        return isinstance(other, Network) and subject.same_as(other)
    return isinstance(other, GivenModel) and subject.same_as(other)


def reference_scores(subject: Subject, images: NDArray[np.uint8]) -> Ints:
    """int32 [N, classes] of uint8 [N, C, H, W]: the reference simulator's, or QONNX's executor's of a given file."""
    return simulate(subject, images) if isinstance(subject, Network) else scores_of_given(subject, images)
