"""Accuracies of a trained network: by the fast simulator on its exported integers where it deploys, in torch where it does not.

Both give a network that deploys the same scores, and of equal ones the first is the class in both. An export takes some seconds
and needs brevitas; where torch needs no longer than that for the images, or brevitas is not installed, torch evaluates them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from owlbit.export.network import Network
from owlbit.hw.fast import FastNetwork, compile_fast
from owlbit.models.networks.trainable import Trainable
from owlbit.toolchain.data.dataset import Labelled
from owlbit.toolchain.runs.build_net import deployable
from owlbit.toolchain.training.batches import Batches

# Binary multiply-accumulates that torch takes some seconds for, as an export does.
EXPORT_FROM = 20_000_000_000
BLOCK = 1000  # images between two movements of the bar


def accuracies(net: Trainable, parts: Sequence[Labelled], macs: int, console: Console) -> list[float]:
    """Share of each of `parts` that `net`, on the CPU and in float32, gets right in eval mode, 0..1.

    `macs`: binary multiply-accumulates per image; `console`: shows a bar of the images, where it is a terminal. Raises OwlbitError
    where a network that deploys cannot be exported.
    """
    images = sum(len(part) for part in parts)
    columns = (TextColumn("{task.description}"), BarColumn(30), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        in_integers = not net.undeployable and images * macs >= EXPORT_FROM and find_spec("brevitas") is not None
        task = progress.add_task("exporting, to evaluate integers" if in_integers else "evaluating", total=images)

        def report(done: int) -> None:
            progress.update(task, advance=done, description="evaluating")

        if in_integers:
            network = compile_fast(integer_network(net))
            return [integer_accuracy(network, part, report) for part in parts]
        return [torch_accuracy(net, part, report) for part in parts]


def integer_network(net: Trainable) -> Network:
    """The integers that `net` is exported as, by way of a QONNX file. Raises OwlbitError where it does not deploy."""
    from owlbit.export.from_torch import export_module  # seconds, which no other training waits for
    from owlbit.export.qonnx.read import read_qonnx
    from owlbit.models.networks.brevitas_twin import brevitas_twin

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        export_module(brevitas_twin(deployable(net).eval()), path, input_shape=net.input_shape)
        return read_qonnx(path)


def integer_accuracy(network: FastNetwork, labelled: Labelled, report: Callable[[int], None] = lambda done: None) -> float:
    """Share of `labelled` that the integers get right, 0..1; `report` is told how many images each step took."""
    right = 0
    for start in range(0, len(labelled), BLOCK):
        images, labels = labelled.images[start : start + BLOCK], labelled.labels[start : start + BLOCK]
        right += int((network.network.ranked(network.simulate(images)).argmax(1) == labels).sum())
        report(len(labels))
    return right / len(labelled)


@torch.no_grad()
def torch_accuracy(net: Trainable, labelled: Labelled, report: Callable[[int], None] = lambda done: None) -> float:
    """Share of `labelled` that `net` gets right in eval mode, 0..1; `report` is told how many images each step took."""
    net.eval()
    right = 0
    for batch in Batches(labelled, 256):
        right += int((net(batch.images).argmax(1) == batch.labels).sum())
        report(len(batch))
    return right / len(labelled)
