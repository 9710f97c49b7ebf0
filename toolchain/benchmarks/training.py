"""How fast training is: `owlbit bench training` prints images/s of one step in every form, all in one run.

One network (models/recipes/cifar10_1mb.toml), one batch of random images, one Adam: forward, backward and step. The forms take
turns, so that what else a machine does falls on all of them; ratios are medians of the rounds' own ratios.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from owlbit import models
from owlbit.models.networks.binary_net import BinaryNet
from owlbit.models.networks.brevitas_twin import brevitas_twin
from owlbit.toolchain.recipes.recipe import Recipe, load_recipe
from owlbit.toolchain.runs.build_net import build_net, teacher_recipe
from owlbit.toolchain.runs.processor import fast_precision, native_bfloat16, processor
from owlbit.toolchain.training.memory import keep_memory

RECIPE = Path(models.__file__).parent / "recipes" / "cifar10_1mb.toml"
BATCH, ROUNDS, CLASSES = 128, 7, 10
BREVITAS, PLAIN, FAST, HALVES = "Brevitas' modules, float32", "owlbit, float32", "owlbit, float32-fast", "owlbit, bfloat16"
# The speed that the form of precision = "auto" must reach, as a multiple of the speed of Brevitas' modules.
TARGETS = {HALVES: 3.0, FAST: 2.0}


@dataclass(frozen=True)
class Speed:
    """`form`; `images_per_second`: median of the rounds; `ratio`: to Brevitas' modules, median of the rounds' ratios."""

    form: str
    images_per_second: float
    ratio: float


def forms(recipe: Recipe) -> dict[str, Callable[[], None]]:
    """One training step of each form, by name."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (BATCH, *recipe.input_shape), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, CLASSES, (BATCH,), generator=generator)
    temperature = nn.Parameter(torch.tensor(0.05))

    def of_twin() -> Callable[[], None]:
        twin = brevitas_twin(_net(recipe, None), pool_first=True).train()
        floats = images.float()
        return _step(twin, lambda: twin(floats) * temperature, labels)

    def of_net(recipe: Recipe, fast: torch.dtype | None) -> Callable[[], None]:
        net = _net(recipe, fast)
        return _step(net, lambda: net.logits(images), labels)

    assert recipe.distillation is not None
    floating = teacher_recipe(recipe, recipe.distillation)
    return {
        BREVITAS: of_twin(),
        PLAIN: of_net(recipe, None),
        FAST: of_net(recipe, torch.float32),
        HALVES: of_net(recipe, torch.bfloat16),
        "float network of the same layers, float32": of_net(floating, None),
        "float network of the same layers, float32-fast": of_net(floating, torch.float32),
        "float network of the same layers, bfloat16": of_net(floating, torch.bfloat16),
    }


def _net(recipe: Recipe, fast: torch.dtype | None) -> BinaryNet:
    torch.manual_seed(0)
    net = build_net(recipe, CLASSES)
    assert isinstance(net, BinaryNet)
    net.fast = fast
    return net.train()


def _step(module: nn.Module, logits: Callable[[], Tensor], labels: Tensor) -> Callable[[], None]:
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        loss = F.cross_entropy(logits(), labels)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()

    return step


def measure(recipe: Recipe | None = None, rounds: int = ROUNDS) -> list[Speed]:
    """The speed of every form, the first one Brevitas' own modules."""
    keep_memory()
    steps = forms(load_recipe(RECIPE) if recipe is None else recipe)
    for step in steps.values():
        step()  # compiles, and fills what is allocated once
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - start)
    base = seconds[BREVITAS]
    return [
        Speed(name, BATCH / median(taken), median(slow / quick for slow, quick in zip(base, taken, strict=True)))
        for name, taken in seconds.items()
    ]


def table(speeds: list[Speed]) -> str:
    """Markdown: the name of the processor and the target on it, then one row per form."""
    form = auto_form()
    lines = [
        f"Processor: {processor()}.",
        f'Here precision = "auto" is {form.removeprefix("owlbit, ")}; the target is {TARGETS[form]:.0f} times Brevitas\' modules.',
        "",
    ]
    lines += ["| training step, batch 128 | images/s | times Brevitas' modules |", "|---|---|---|"]
    lines += [f"| {speed.form} | {speed.images_per_second:,.0f} | {speed.ratio:.1f} |" for speed in speeds]
    return "\n".join(lines)


def auto_form() -> str:
    """The form of precision = "auto" on this processor."""
    return {"bfloat16": HALVES, "float32-fast": FAST}[fast_precision(native_bfloat16())]


def missed(speeds: list[Speed]) -> bool:
    """Whether the form of precision = "auto" misses its target."""
    form = auto_form()
    return next(speed.ratio for speed in speeds if speed.form == form) < TARGETS[form]
