"""Training for a fixed time: rates, views, tables of logits, batches, and a network that learns within seconds."""

from __future__ import annotations

import io
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from command_line import owlbit
from owlbit.export.errors import OwlbitError
from owlbit.export.settings import SettingError
from owlbit.hw.fast import simulate
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.networks.device_form import DeviceForm
from owlbit.toolchain.data.dataset import Dataset, Labelled, Variations
from owlbit.toolchain.deploy.export_run import export_run
from owlbit.toolchain.recipes.recipe import Recipe, load_recipe
from owlbit.toolchain.recipes.training import Distillation
from owlbit.toolchain.runs.build_net import build_net
from owlbit.toolchain.runs.history import read_history
from owlbit.toolchain.runs.run_folder import read_result
from owlbit.toolchain.training.augment import vary
from owlbit.toolchain.training.distillation import distilled
from owlbit.toolchain.training.timed import train_timed as timed
from owlbit.toolchain.training.timed.batches import DeviceBatch, ResidentImages
from owlbit.toolchain.training.timed.clock import Clock, rate_factor
from owlbit.toolchain.training.timed.run_timed import train_for_minutes
from owlbit.toolchain.training.timed.step import TrainingStep
from owlbit.toolchain.training.timed.views import fill_table, views_of

CPU = torch.device("cpu")
RECIPE = """
name = "bright"
[data]
source = "npz"
path = "unused.npz"
size = [8, 8]
flip = true
shift = 1
[input]
thresholds = 4
[[layers]]
kind = "conv"
filters = 16
pool = 2
[training]
batch = 32
rate = 0.02
label_smoothing = 0.0
estimator = "triangular"
precision = "bfloat16"
"""


def recipe(tmp_path: Path, more: str = "", text: str = RECIPE) -> Recipe:
    path = tmp_path / "recipe.toml"
    path.write_text(text + more)
    return load_recipe(path)


def bright_rows(count: int = 256) -> Dataset:
    """Noise with a bright upper half (class 0) or lower half (class 1)."""
    generator = np.random.default_rng(0)
    labels = np.arange(count) % 2
    images = generator.integers(0, 120, (count, 1, 8, 8), dtype=np.uint8)
    for image, label in zip(images, labels.tolist(), strict=True):
        image[:, 4 * label : 4 * label + 4] += 100
    part = Labelled(images, labels.astype(np.int64))
    return Dataset(part, part, None, ("upper", "lower"), part, Variations(flip=True, shift=1))


def test_a_clock_counts_from_where_it_starts() -> None:
    moments: Iterator[float] = iter([100.0, 103.0, 110.0])
    clock = Clock(10, lambda: next(moments))
    assert clock.done == 0.3 and clock.elapsed == 10


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_the_rate_rises_then_falls_to_zero(optimiser: str) -> None:
    factors = [rate_factor(done, optimiser) for done in np.linspace(0, 1, 201).tolist()]
    top = int(np.argmax(factors))
    assert factors[0] < 0.1 and 0.9 < max(factors) <= 1 and factors[-1] == 0 and 0 < top < 50
    assert (np.diff(factors[: top + 1]) > 0).all() and (np.diff(factors[top:]) < 0).all()
    assert rate_factor(1.5, optimiser) == 0  # a step that ends after the time


def test_views_are_moves_and_mirror_images() -> None:
    views = views_of(Variations(flip=True, shift=4))
    assert views is not None and len(views) == 72
    pairs = {(bool(flip), *move) for flip, move in zip(views.mirrored, views.moves.T.tolist(), strict=True)}
    assert len(pairs) == 72 and (True, 4, -4) in pairs
    still = views_of(Variations())
    assert still is not None and len(still) == 1
    assert views_of(Variations(flip=True, shift=4, cutout=8)) is None
    assert views_of(Variations(light="mixed")) is None


def test_a_table_holds_the_logits_of_what_is_shown(tmp_path: Path) -> None:
    dataset = bright_rows(37)
    net = build_net(recipe(tmp_path), 2).eval()
    views = views_of(dataset.variations)
    assert views is not None
    shares: list[float] = []
    table = fill_table(views, torch.from_numpy(dataset.train.images), lambda images: net.logits(images), shares.append)
    assert table.shape == (len(views), 37, 2) and table.dtype == torch.float16 and shares[-1] == 1
    feed = ResidentImages(dataset, CPU, (views, table)).batches(16, seed=5)
    for batch in itertools.islice(feed, 6):  # more than one epoch of two batches
        assert batch.logits is not None and batch.images.dtype == torch.uint8
        with torch.no_grad():
            np.testing.assert_array_equal(batch.logits.half(), net.logits(batch.images).half())


def test_batches_are_varied_and_repeatable() -> None:
    dataset = bright_rows(50)
    first, again, other = (list(itertools.islice(ResidentImages(dataset, CPU).batches(16, seed), 7)) for seed in (1, 1, 2))
    for mine, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(mine.images, same.images)
        np.testing.assert_array_equal(mine.labels, same.labels)
    assert any((mine.images != others.images).any() for mine, others in zip(first, other, strict=True))
    assert first[0].logits is None
    originals = {image.tobytes() for image in dataset.train.images}
    assert sum(image.numpy().tobytes() not in originals for image in first[0].images) > 8


def test_data_that_are_drawn_anew_are_others_in_the_next_epoch() -> None:
    part = bright_rows(32).train

    def drawn(generator: np.random.Generator) -> Labelled:
        return Labelled(generator.integers(0, 256, part.images.shape, dtype=np.uint8), part.labels)

    dataset = Dataset(part, part, None, ("a", "b"), part, draw_train=drawn)
    first, second = itertools.islice(ResidentImages(dataset, CPU).batches(32, 0), 2)
    assert not np.array_equal(np.sort(first.images, axis=0), np.sort(second.images, axis=0))


def test_a_step_is_the_optimisers_on_the_distilled_loss(tmp_path: Path) -> None:
    read = recipe(tmp_path)
    distillation = Distillation("run", weight=0.9, temperature=3.0)
    torch.manual_seed(0)
    net, twin = build_net(read, 2).train(), build_net(read, 2).train()
    twin.load_state_dict(net.state_dict())
    assert isinstance(net, BinaryNet) and isinstance(twin, BinaryNet)
    dataset = bright_rows(32)
    batch = DeviceBatch(torch.from_numpy(dataset.train.images), torch.from_numpy(dataset.train.labels), torch.randn(32, 2))
    step = TrainingStep(net, DeviceForm(net), read.training, distillation)
    step.set_rate(0.02)
    step(batch)
    logits = DeviceForm(twin)(batch.images)
    assert batch.logits is not None
    loss = distilled(torch.nn.functional.cross_entropy(logits, batch.labels), logits, batch.logits, distillation)
    own = twin.thermometer.latents
    others = [parameter for parameter in twin.parameters() if parameter is not own]
    optimiser = torch.optim.Adam([{"params": others, "lr": 0.02}, {"params": [own], "lr": 0.1}])
    torch.autograd.backward(loss)
    optimiser.step()
    twin.limit_latents()
    for (name, mine), others_ in zip(net.named_parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(mine.detach(), others_.detach(), rtol=1e-5, atol=1e-6, err_msg=name)


class CountedClock(Clock):
    """A clock on which every look at the share that is over takes a hundredth of the time, whatever else the machine does."""

    looks = 0

    @property
    def elapsed(self) -> float:
        return self.looks * self.seconds / 100

    @property
    def done(self) -> float:
        self.looks += 1
        return self.elapsed / self.seconds


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timed, "Clock", CountedClock)


def quiet() -> Console:
    return Console(file=io.StringIO(), width=120)


def test_a_network_learns_within_its_time(tmp_path: Path, counted: None) -> None:
    console, kept = quiet(), list[int]()
    read, dataset = recipe(tmp_path), bright_rows()
    net, told = timed.train_timed(read, dataset, 100, console, compiled=False, keep=lambda _: kept.append(1))
    assert told.steps == 99 and told.epochs == 99 / 8 and told.device == "the processor"
    assert [record.epoch for record in told.history] == [2, 5, 7, 10, 12] and len(kept) == 4
    assert told.history[-1].validation_accuracy > 0.95 and told.history[-1].accuracy > 0.95
    assert told.history[0].flipped_signs > 0 and sum(record.seconds for record in told.history) == pytest.approx(100)
    assert "images/s" in console.file.getvalue()  # type: ignore[attr-defined]
    assert (
        not net.training and (net(torch.from_numpy(dataset.train.images)).argmax(1).numpy() == dataset.train.labels).mean() > 0.95
    )


def test_a_training_ends_when_its_time_is_over(tmp_path: Path) -> None:
    began = time.monotonic()
    _, told = timed.train_timed(recipe(tmp_path), bright_rows(), 4, quiet(), compiled=False)
    assert told.steps > 0 and 3.5 < told.seconds < 20 and time.monotonic() - began < 20  # a busy machine may be late by a step


def test_a_teacher_teaches_by_its_table(tmp_path: Path, counted: None) -> None:
    more = '[distillation]\nteacher = "teacher"\nweight = 1.0\ncache_logits = true\n'
    read, dataset = recipe(tmp_path, more), bright_rows()
    teacher, _ = timed.train_timed(recipe(tmp_path), dataset, 100, quiet(), compiled=False)
    liars = Labelled(dataset.train.images, 1 - dataset.train.labels)
    nobody = Dataset(liars, dataset.validation, None, dataset.class_names, liars, dataset.variations)
    console = quiet()
    _, told = timed.train_timed(read, nobody, 100, console, teacher, compiled=False)
    assert told.history[-1].validation_accuracy > 0.9  # of the true labels, which the teacher alone knew
    assert "18 views" in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("stages = 2\n", r"training\.stages: expected 1 with --minutes, got 2"),
        ('[distillation]\nteacher = "float"\n', r"distillation\.teacher: expected the folder of a finished run with"),
        ("[pruning]\ntarget_bits = 100\n", r"pruning: expected no such table with --minutes"),
    ],
)
def test_what_it_has_not_is_refused(tmp_path: Path, more: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        timed.check_timed(recipe(tmp_path, more))


def test_memory_that_is_too_small_names_a_batch_that_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compute = TrainingStep._compute

    def small_device(self: TrainingStep, images: torch.Tensor, labels: torch.Tensor, taught: torch.Tensor | None) -> torch.Tensor:
        if len(images) > 10:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return compute(self, images, labels, taught)

    monkeypatch.setattr(TrainingStep, "_compute", small_device)
    with pytest.raises(OwlbitError, match=r"training\.batch: expected one that fits the memory of the processor, got 32; 8 fits"):
        timed.train_timed(recipe(tmp_path), bright_rows(), 5, quiet(), compiled=False)


def test_too_little_time_is_said(tmp_path: Path) -> None:
    with pytest.raises(OwlbitError, match="give it more minutes"):
        timed.train_timed(recipe(tmp_path), bright_rows(), 1e-6, quiet(), compiled=False)
    began = time.monotonic() - 60  # reading the images took that minute
    with pytest.raises(OwlbitError, match="give it more minutes"):
        train_for_minutes(recipe(tmp_path), tmp_path / "run", 1, compiled=False, dataset=bright_rows(), began=began)


def test_moves_of_a_view_are_those_of_the_augmentation() -> None:
    views = views_of(Variations(flip=True, shift=1))
    assert views is not None
    image = torch.arange(9, dtype=torch.uint8).view(1, 1, 3, 3)
    seen = {vary(image, views.draws(torch.tensor([number])), 0).numpy().tobytes() for number in range(len(views))}
    assert len(seen) == len(views) == 18


def test_a_run_for_a_fixed_time_is_a_run_like_any_other(tmp_path: Path, counted: None) -> None:
    read, dataset = recipe(tmp_path), bright_rows()
    np.savez(tmp_path / "unused.npz", images=dataset.train.images, labels=dataset.train.labels)
    out = tmp_path / "run"
    result = train_for_minutes(read, out, 100 / 60, compiled=False, console=quiet())
    assert result.validation_accuracy > 0.9 and result.epochs == result.best_epoch + 1
    assert read_result(out) == result
    facts = json.loads((out / "timed.json").read_text())
    assert facts["steps"] == 99 and facts["device"] == "the processor" and "history" not in facts
    assert [record.epoch for record in read_history(out / "history.json")][-1] == result.best_epoch
    network = export_run(out)
    assert (simulate(network, dataset.train.images).argmax(1) == dataset.train.labels).mean() > 0.9
    with pytest.raises(OwlbitError, match=r"expected no earlier run, found recipe\.toml"):
        train_for_minutes(read, out, 1, compiled=False, console=quiet())
    assert train_for_minutes(read, out, 100 / 60, overwrite=True, compiled=False, console=quiet()).validation_accuracy > 0.9


@pytest.mark.parametrize("more", [("--resume",), ("--devices", "2")])
def test_a_fixed_time_needs_one_new_training_on_one_device(tmp_path: Path, more: tuple[str, ...]) -> None:
    recipe(tmp_path)
    done = owlbit("train", str(tmp_path / "recipe.toml"), "--out", str(tmp_path / "run"), "--minutes", "1", *more)
    assert done.code == 2 and "--minutes: expected a " in done.err
    assert not (tmp_path / "run").exists()
