"""Gathers everything that a run's report shows. Imports neither torch nor brevitas before the run folder is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.export.settings import read_json
from owlbit.hw.fast import simulate
from owlbit.hw.up5k.compiler.compile_network import Up5kProgram, compile_network
from owlbit.hw.up5k.compiler.legality import Up5kError
from owlbit.hw.verification import Images, Row
from owlbit.toolchain.data.load_dataset import load_dataset
from owlbit.toolchain.deploy.model_source import ModelSource
from owlbit.toolchain.runs.history import EpochRecord, read_history
from owlbit.toolchain.runs.run_folder import VERIFICATION


@dataclass(frozen=True, eq=False)
class Findings:
    """What is known about a run.

    `histogram`: int64 [C, 256] of the training images; `test_images`: uint8 [N, C, H, W], `test_labels`: int64 [N], `scores`:
    [N, classes] by the fast simulator; `held_out`: False where the recipe keeps no test images, and these are those that chose
    the epoch; `history`: a record per epoch, `best_epoch` counted from 0; `program` is None, and `refusal` says why, where the
    network does not fit the up5k; `verification` is empty where `owlbit verify` has not run; `given`: the run as the user named it;
    `flash`: its flash image, "" where it is not built; `skipped`: how many pictures were left out because they cannot be read.
    """

    network: Network
    recipe: str
    histogram: NDArray[np.int64]
    test_images: Images
    test_labels: NDArray[np.int64]
    scores: NDArray[Any]
    held_out: bool
    history: tuple[EpochRecord, ...]
    best_epoch: int
    program: Up5kProgram | None
    refusal: str
    verification: tuple[Row, ...]
    given: str = ""
    flash: str = ""
    skipped: int = 0

    @property
    def predicted(self) -> NDArray[np.int64]:
        """int64 [N]: the class that the network gives each test image."""
        said: NDArray[np.int64] = self.scores.argmax(axis=1)
        return said

    @property
    def wrong(self) -> NDArray[np.int64]:
        """Which test images it gets wrong: first those where the score of another class is furthest above that of their own."""
        rows, said = np.arange(len(self.test_labels)), self.predicted
        margins = self.scores[rows, said] - self.scores[rows, self.test_labels]
        mistakes = np.flatnonzero(said != self.test_labels)
        return mistakes[np.argsort(-margins[mistakes], kind="stable")]

    @property
    def right(self) -> int:
        """How many test images the network gets right."""
        return int((self.predicted == self.test_labels).sum())

    @property
    def measured_cycles(self) -> int | None:
        """Clock cycles per frame in the simulated Verilog, where that backend has run."""
        return next((row.cycles_per_frame for row in self.verification if row.backend == "rtl" and row.cycles_per_frame), None)


def gather_findings(source: ModelSource) -> Findings:
    """Everything about the run `source`. Raises OwlbitError where it is none, is not finished, or is not exported."""
    from owlbit.toolchain.runs.run_folder import HISTORY, read_result, run_recipe

    run = source.run_folder()
    recipe, _, base = run_recipe(run)
    network = source.load()
    dataset = load_dataset(recipe.data, base)
    test = dataset.held_out
    program, refusal = None, ""
    try:
        program = compile_network(network)
    except Up5kError as reason:
        refusal = str(reason)
    return Findings(
        network=network,
        recipe=recipe.text,
        histogram=np.stack(
            [np.bincount(dataset.train.images[:, c].reshape(-1), minlength=256) for c in range(network.input_shape[0])]
        ),
        test_images=test.images,
        test_labels=test.labels,
        scores=network.ranked(simulate(network, test.images)),
        held_out=dataset.test is not None,
        history=read_history(run / HISTORY),
        best_epoch=read_result(run).best_epoch,
        program=program,
        refusal=refusal,
        verification=read_verification(run),
        given=source.given,
        flash="" if source.flash is None else str(source.flash),
        skipped=len(dataset.skipped),
    )


def read_verification(folder: Path) -> tuple[Row, ...]:
    """The rows of the last `owlbit verify` of this folder; empty where there was none. OwlbitError where they cannot be read."""
    path = folder / VERIFICATION
    if not path.is_file():
        return ()
    try:
        return read_json(tuple[Row, ...], path)
    except ValueError as error:
        raise OwlbitError(
            f"{path}: expected rows as `owlbit verify` writes them, could not read them ({error}); verify again"
        ) from None
