"""The phases of one network's training, one Lightning fit after the other, each resumed from the checkpoint where it stopped."""

from __future__ import annotations

import itertools
import logging
import os
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from rich.console import Console
from torch import Tensor

from owlbit.models.layers.recu import FIRST_TAU
from owlbit.models.layers.synced_norm import sync_norms
from owlbit.models.layers.thermometer import LearnedThermometer, quantile_thresholds
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.networks.trainable import FAST, Trainable
from owlbit.toolchain.data.dataset import Dataset
from owlbit.toolchain.recipes.recipe import Recipe
from owlbit.toolchain.runs.build_net import build_net
from owlbit.toolchain.runs.run_folder import CHECKPOINT, HISTORY, STAGE, TEACHER_CHECKPOINT, TEACHER_HISTORY, RunError
from owlbit.toolchain.runs.weights import fill_weights, read_state, write_model
from owlbit.toolchain.training.batches import EpochBatches
from owlbit.toolchain.training.callbacks import EpochBar, LogEpochs, SaveState, Watch, WatchEpochs
from owlbit.toolchain.training.distillation import Distiller, teacher_logits
from owlbit.toolchain.training.distributed import accelerator, wait_for_all, world
from owlbit.toolchain.training.loggers import make_logger
from owlbit.toolchain.training.module import PhaseModule, Progress
from owlbit.toolchain.training.phases import Phase, plan_phases
from owlbit.toolchain.training.pruning_schedule import PruningSchedule

WEIGHING_BATCHES = 16  # that the importance of filters is measured on


@dataclass(frozen=True)
class Outputs:
    """Where one network's training leaves its state, and how it is told apart on the console.

    `checkpoint`, `history`: names of files in the run folder; `label`: of the progress bar; `prefix`: of each line in a log.
    """

    checkpoint: str
    history: str
    label: str
    prefix: str


OF_RUN = Outputs(CHECKPOINT, HISTORY, "training", "")
OF_TEACHER = Outputs(TEACHER_CHECKPOINT, TEACHER_HISTORY, "teacher", "teacher: ")


class NetworkTraining:
    """The training of one network in the run folder `out`, phase by phase.

    `teacher` and `pruning`: what teaches it, and what prunes it, if anything does; `outputs`: where its state goes; `earlier`: the
    weights that it begins with, in place of random ones; `logger`: the name of a logger that gets the record of each epoch, or "";
    `watch`: a function that gets it too.
    """

    def __init__(
        self,
        recipe: Recipe,
        dataset: Dataset,
        out: Path,
        console: Console,
        teacher: Trainable | None = None,
        pruning: PruningSchedule | None = None,
        outputs: Outputs = OF_RUN,
        earlier: Mapping[str, Tensor] | None = None,
        logger: str = "",
        watch: Watch | None = None,
    ) -> None:
        self.watch = watch
        self.recipe, self.dataset, self.out, self.console, self.outputs = recipe, dataset, out, console, outputs
        self.progress = Progress()
        self.logger = make_logger(logger, out, recipe) if world()[0] == 0 else None
        self.pruning = pruning
        self.phases = plan_phases(recipe, () if self.pruning is None else self.pruning.borders)
        first_of_last = next(phase.start for phase in self.phases if phase.last)
        self.final_epoch = max(first_of_last, 0 if self.pruning is None else self.pruning.final_epoch)
        self.net = self._first_net(earlier)
        self.distiller: Distiller | None = None
        if teacher is not None and recipe.distillation is not None:
            teacher.fast = FAST[recipe.training.precision]
            device = torch.device(accelerator())
            cached = teacher_logits(teacher, dataset.train, recipe.data.flip, device) if recipe.distillation.cache_logits else None
            self.distiller = Distiller(teacher, recipe.distillation, cached)

    def _first_net(self, earlier: Mapping[str, Tensor] | None) -> Trainable:
        pl.seed_everything(self.recipe.training.seed, verbose=False)
        net = build_net(self.recipe, len(self.dataset.class_names))
        if earlier is not None:
            net.load_state_dict(earlier, strict=False)  # without the last layer, where that begins at random
        elif isinstance(net.thermometer, LearnedThermometer) and self.recipe.input.placed == "quantile":
            images = torch.from_numpy(self.dataset.train.images)
            net.thermometer.start_at(quantile_thresholds(images, self.recipe.input.thresholds, shared=self.recipe.input.shared))
        if self.pruning is None:
            return net
        assert isinstance(net, BinaryNet)  # what [pruning] goes with
        return self.pruning.prepare(net)

    def run(self, stop_after: int | None) -> None:
        """Goes on from the checkpoint, if there is one, to the end or to `stop_after` epochs."""
        saved = _read_checkpoint(self.out / self.outputs.checkpoint)
        done = 0
        if saved is not None:
            try:
                self.progress.restore(saved["owlbit"])
                done = len(self.progress.history)
                self._shape_like({name.removeprefix("net."): tensor for name, tensor in saved["state_dict"].items()})
            except (KeyError, RuntimeError, TypeError, ValueError):  # of what fits the weights in
                raise RunError(
                    f"{self.out / self.outputs.checkpoint}: expected the checkpoint of this recipe's network, got another's; "
                    "overwrite the run to begin anew"
                ) from None
        for phase in self.phases:
            if done >= phase.stop or (stop_after is not None and stop_after <= phase.start):
                continue
            fresh = done <= phase.start
            if fresh:
                self._begin(phase)
            self._fit(self._module(phase), stop_after, resume=not fresh)
            if len(self.progress.history) < phase.stop:
                return

    def best_net(self) -> Trainable:
        """A network with the weights of the chosen epoch, as it is exported: on the CPU, in float32 and in eval mode."""
        net, state = build_net(self.recipe, len(self.dataset.class_names)), self.progress.best_state
        if self.pruning is not None:
            assert isinstance(net, BinaryNet)
            return self.pruning.restore(net, state).eval()
        net.load_state_dict(state)
        return net.eval()

    def _shape_like(self, state: Mapping[str, Tensor]) -> None:
        if self.pruning is not None:
            assert isinstance(self.net, BinaryNet)
            self.net = self.pruning.restore(self._fresh_net(), state)
        else:
            self.net.load_state_dict(state)

    def _fresh_net(self) -> BinaryNet:
        fresh = build_net(self.recipe, len(self.dataset.class_names))
        assert isinstance(fresh, BinaryNet)
        return fresh.train(self.net.training)

    def _begin(self, phase: Phase) -> None:
        if phase.begins_stage and self.recipe.distillation is not None and self.recipe.distillation.progressive:
            if world()[0] == 0:  # before anything is pruned: it teaches as it was
                write_model(self.out, self.net.state_dict(), STAGE.format(phase.stage - 1))
            wait_for_all()
        if self.pruning is not None:
            assert isinstance(self.net, BinaryNet)
            self.net.use_real_weights(phase.real)  # no state dict tells either, and filters are weighed with them
            self.net.set_activation(phase.activation)
            batches = itertools.islice(EpochBatches(self.dataset, self.recipe.training, phase.start), WEIGHING_BATCHES)
            self.net = self.pruning.on_epoch_start(self.net, phase.start, batches)
        treated = self.recipe.training.recu
        if not phase.real and (phase.begins_stage or treated):
            self.net.set_tau(FIRST_TAU if treated else None)
            self.net.limit_latents()

    def _distiller_of(self, phase: Phase) -> Distiller | None:
        """Of a progressive chain the network at the end of the stage before; else the teacher."""
        if self.distiller is None or phase.stage == 1 or not self.distiller.recipe.progressive:
            return self.distiller
        before = next(each for each in self.phases if each.stage == phase.stage - 1)
        path = self.out / STAGE.format(phase.stage - 1)
        state = read_state(path)
        teacher = build_net(self.recipe, len(self.dataset.class_names))
        if self.pruning is not None:
            assert isinstance(teacher, BinaryNet)
            teacher = self.pruning.restore(teacher, state)
            # As much of the heavy blocks as there was at the stage's end.
            self.pruning.on_step_start(teacher, phase.stage_start, 0, 1)
        fill_weights(teacher, state, path)
        teacher.use_real_weights(before.real)
        teacher.set_activation(before.activation)
        teacher.fast = FAST[self.recipe.training.precision]
        recipe = self.distiller.recipe if phase.attention else replace(self.distiller.recipe, attention=0.0)
        return Distiller(teacher, recipe)

    def _module(self, phase: Phase) -> PhaseModule:
        return PhaseModule(
            self.net,
            self.dataset,
            self.recipe.training,
            phase,
            self.progress,
            learn_thresholds=self.recipe.input.trained,
            distiller=self._distiller_of(phase),
            pruning=self.pruning,
            final_epoch=self.final_epoch,
        )

    def _fit(self, module: PhaseModule, stop_after: int | None, *, resume: bool) -> None:
        phase, (rank, processes), here = module.phase, world(), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        if processes > 1:
            sync_norms(module.net)
        stop = phase.stop if stop_after is None else min(stop_after, phase.stop)
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        with warnings.catch_warnings():
            # Advice on data-loader workers and on log folders, of which there are none here.
            warnings.filterwarnings("ignore", module="lightning")
            trainer = pl.Trainer(
                accelerator="gpu" if accelerator() == "cuda" else "cpu",
                devices=here,  # where a machine has more GPUs, the first ones
                num_nodes=processes // here,
                strategy="ddp" if processes > 1 else "auto",
                max_epochs=stop - phase.start,
                callbacks=[
                    SaveState(module, self.out / self.outputs.checkpoint, self.out / self.outputs.history),
                    *([self._bar(module)] if rank == 0 else []),
                    *([LogEpochs(module, self.logger)] if self.logger is not None else []),
                    *([WatchEpochs(module, self.watch)] if self.watch is not None else []),
                ],
                reload_dataloaders_every_n_epochs=1,
                num_sanity_val_steps=0,
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                default_root_dir=self.out,
            )
            try:
                trainer.fit(module, ckpt_path=self.out / self.outputs.checkpoint if resume else None, weights_only=True)
            except SystemExit:  # what Lightning makes of Ctrl-C
                raise KeyboardInterrupt from None

    def _bar(self, module: PhaseModule) -> EpochBar:
        epochs = self.recipe.training.epochs
        label, prefix = self.outputs.label, self.outputs.prefix
        return EpochBar(module, self.console, epochs, label=label, prefix=prefix, images=self.recipe.training.batch)


def _read_checkpoint(path: Path) -> dict[str, Any] | None:
    """The checkpoint to resume from, if there is one; RunError where it cannot be read."""
    if not path.exists():
        return None
    try:
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        len(saved["owlbit"]["history"])
    except (OSError, EOFError, RuntimeError, TypeError, ValueError, KeyError, pickle.UnpicklingError):
        raise RunError(
            f"{path}: expected the checkpoint of an earlier epoch, could not read it; overwrite the run to begin anew"
        ) from None
    return saved
