"""The legs of one network's training, one Lightning fit after the other, each resumed from the checkpoint where it stopped."""

from __future__ import annotations

import itertools
import logging
import os
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from rich.console import Console
from torch import Tensor

from owlbit.models.layers.synced_norm import sync_norms
from owlbit.models.layers.thermometer import LearnedThermometer, quantile_thresholds
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.networks.trainable import Trainable
from owlbit.toolchain.data.dataset import Dataset
from owlbit.toolchain.recipes.recipe import Recipe
from owlbit.toolchain.runs.build_net import build_net
from owlbit.toolchain.runs.run_folder import CHECKPOINT, HISTORY, STAGE, TEACHER_CHECKPOINT, TEACHER_HISTORY, RunError
from owlbit.toolchain.runs.weights import fill_weights, read_state, write_model
from owlbit.toolchain.training.batches import EpochBatches
from owlbit.toolchain.training.callbacks import EpochBar, KeepLast
from owlbit.toolchain.training.distillation import Teaching, look_once
from owlbit.toolchain.training.distributed import accelerator, wait_for_all, world
from owlbit.toolchain.training.module import Learning, Progress
from owlbit.toolchain.training.phases import Leg, plan_legs
from owlbit.toolchain.training.pruning_schedule import PruningSchedule

WEIGHING_BATCHES = 16  # that the importance of filters is measured on


class Course:
    """The legs of one network's training in the run folder `out`.

    `teacher` and `pruning`: what teaches it, and what prunes it, if anything does; `title`: "training" or "teacher"; `earlier`: the
    weights that it begins with, in place of random ones.
    """

    def __init__(
        self,
        recipe: Recipe,
        dataset: Dataset,
        out: Path,
        console: Console,
        teacher: Trainable | None = None,
        pruning: PruningSchedule | None = None,
        title: str = "training",
        earlier: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.recipe, self.dataset, self.out, self.console, self.title = recipe, dataset, out, console, title
        own = title == "training"
        self.checkpoint, self.history = (CHECKPOINT, HISTORY) if own else (TEACHER_CHECKPOINT, TEACHER_HISTORY)
        self.progress = Progress()
        self.pruning = pruning
        self.legs = plan_legs(recipe, () if self.pruning is None else self.pruning.borders)
        first_of_last = next(leg.start for leg in self.legs if leg.last)
        self.final_epoch = max(first_of_last, 0 if self.pruning is None else self.pruning.final_epoch)
        self.net = self._first_net(earlier)
        self.teaching: Teaching | None = None
        if teacher is not None and recipe.distillation is not None:
            device = torch.device(accelerator())
            soft = look_once(teacher, dataset.train, recipe.data.flip, device) if recipe.distillation.once else None
            self.teaching = Teaching(teacher, recipe.distillation, soft)

    def _first_net(self, earlier: Mapping[str, Tensor] | None) -> Trainable:
        pl.seed_everything(self.recipe.training.seed, verbose=False)
        net = build_net(self.recipe, len(self.dataset.class_names))
        if earlier is not None:
            net.load_state_dict(earlier)
        elif isinstance(net.thermometer, LearnedThermometer) and self.recipe.input.placed == "quantile":
            images = torch.from_numpy(self.dataset.train.images)
            net.thermometer.start_at(quantile_thresholds(images, self.recipe.input.thresholds, shared=self.recipe.input.shared))
        if self.pruning is None:
            return net
        assert isinstance(net, BinaryNet)  # what [pruning] goes with
        return self.pruning.prepare(net)

    def run(self, stop_after: int | None) -> None:
        """Goes on from the checkpoint, if there is one, to the end or to `stop_after` epochs."""
        saved = _read_checkpoint(self.out / self.checkpoint)
        done = 0
        if saved is not None:
            done = len(saved["owlbit"]["history"])
            vars(self.progress).update(saved["owlbit"])
            try:
                self._shape_like({name.removeprefix("net."): tensor for name, tensor in saved["state_dict"].items()})
            except (KeyError, RuntimeError, ValueError):  # of what fits the weights in
                raise RunError(
                    f"{self.out / self.checkpoint}: expected the checkpoint of this recipe's network, got another's; "
                    "overwrite the run to begin anew"
                ) from None
        for leg in self.legs:
            if done >= leg.stop or (stop_after is not None and stop_after <= leg.start):
                continue
            fresh = done <= leg.start
            if fresh:
                self._begin(leg)
            self._fit(self._learning(leg), stop_after, resume=not fresh)
            if len(self.progress.history) < leg.stop:
                return

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

    def _begin(self, leg: Leg) -> None:
        begins_stage = leg.start == leg.stage_start and leg.stage > 1
        if begins_stage and self.recipe.distillation is not None and self.recipe.distillation.progressive:
            if world()[0] == 0:  # before anything is pruned: it teaches as it was
                write_model(self.out, self.net.state_dict(), STAGE.format(leg.stage - 1))
            wait_for_all()
        if self.pruning is not None:
            assert isinstance(self.net, BinaryNet)
            self.net.use_real_weights(leg.real)  # no state dict tells either, and filters are weighed with them
            self.net.set_activation(leg.activation)
            batches = itertools.islice(EpochBatches(self.dataset, self.recipe.training, leg.start), WEIGHING_BATCHES)
            self.net = self.pruning.on_epoch_start(self.net, leg.start, (batch[:2] for batch in batches))
        if begins_stage and not leg.real:
            self.net.clip_latents()

    def _teaching_of(self, leg: Leg) -> Teaching | None:
        """Of a progressive chain the network at the end of the stage before; else the teacher."""
        if self.teaching is None or leg.stage == 1 or not self.teaching.recipe.progressive:
            return self.teaching
        before = next(each for each in self.legs if each.stage == leg.stage - 1)
        path = self.out / STAGE.format(leg.stage - 1)
        state = read_state(path)
        teacher = build_net(self.recipe, len(self.dataset.class_names))
        if self.pruning is not None:
            assert isinstance(teacher, BinaryNet)
            teacher = self.pruning.restore(teacher, state)
            # As much of the heavy blocks as there was at the stage's end.
            self.pruning.on_step_start(teacher, leg.stage_start, 0, 1)
        fill_weights(teacher, state, path)
        teacher.use_real_weights(before.real)
        teacher.set_activation(before.activation)
        teacher.fast = self.recipe.training.fast
        recipe = self.teaching.recipe if leg.attention else replace(self.teaching.recipe, attention=0.0)
        return Teaching(teacher, recipe)

    def _learning(self, leg: Leg) -> Learning:
        return Learning(
            self.net,
            self.dataset,
            self.recipe.training,
            leg,
            self.progress,
            learn_thresholds=self.recipe.input.trained,
            teaching=self._teaching_of(leg),
            pruning=self.pruning,
            final_epoch=self.final_epoch,
        )

    def _fit(self, learning: Learning, stop_after: int | None, *, resume: bool) -> None:
        leg, (rank, processes), here = learning.leg, world(), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        if processes > 1:
            sync_norms(learning.net)
        stop = leg.stop if stop_after is None else min(stop_after, leg.stop)
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        with warnings.catch_warnings():
            # Advice on data-loader workers and on log folders, of which there are none here.
            warnings.filterwarnings("ignore", module="lightning")
            trainer = pl.Trainer(
                accelerator="gpu" if accelerator() == "cuda" else "cpu",
                devices=here,  # where a machine has more GPUs, the first ones
                num_nodes=processes // here,
                strategy="ddp" if processes > 1 else "auto",
                max_epochs=stop - leg.start,
                callbacks=[
                    KeepLast(learning, self.out, self.checkpoint, self.history),
                    *([EpochBar(learning, self.console, self.recipe.training.epochs, self.title)] if rank == 0 else []),
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
                trainer.fit(learning, ckpt_path=self.out / self.checkpoint if resume else None, weights_only=True)
            except SystemExit:  # what Lightning makes of Ctrl-C
                raise KeyboardInterrupt from None


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
