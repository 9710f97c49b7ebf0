"""How long an epoch takes on this machine's processor, about: from a short measurement and the sizes of the layers.

Fitted to trainings of five of this repository's recipes, one thread on an AMD EPYC with AVX-512, against products of matrices that
are too small to be shared among cores: a binary multiply-accumulate takes as long as 4.4 floating-point operations there (forwards,
and backwards for inputs and weights), a value of a map as 730 (normalisation, sign and their gradients, which wait for memory), a
step 2 ms more. The five are met within 30 %; more threads, other processors and other memory make it worse, so read it as a factor
of two. In the fast form in float32 they take 0.8 and 410, fitted to three recipes on an AMD EPYC with AVX2 alone. A GPU is many
times as quick.
"""

from __future__ import annotations

import math
import time

import numpy as np

from owlbit.export.network import Network
from owlbit.export.network_cost import layer_costs
from owlbit.toolchain.recipes.recipe import Recipe
from owlbit.toolchain.runs.processor import cores, fast_precision, native_bfloat16

PER_MAC, PER_VALUE, STEP_SECONDS = 4.4, 730, 2e-3
FAST_PER_MAC, FAST_PER_VALUE = 0.8, 410
BFLOAT16_SHARE, EMULATED_BFLOAT16 = 0.4, 8.0  # of the time in float32, on a processor that has it, and on one that has not
SHARED_FROM = 20_000_000  # multiply-accumulates per image from which training uses all cores
SHARED_GAIN = 0.7  # of what so many cores could do at best
SIDE, ROUNDS = 64, 300


def epoch_seconds(recipe: Recipe, network: Network, images: int) -> float:
    """Seconds for an epoch of `images` training images, without a teacher's; `network`: that of `recipe`."""
    costs = layer_costs(network)
    macs = sum(cost.macs for cost in costs)
    values = sum(cost.feature_bits for cost in costs if cost.kind in ("thermometer", "conv", "linear", "skip"))  # before pooling
    per_mac, per_value = cost_of(recipe.training.precision, native_bfloat16())
    operations = images * (per_mac * macs + per_value * values)
    workers = max(1.0, SHARED_GAIN * cores()) if macs >= SHARED_FROM else 1.0
    return operations / operations_per_second() / workers + STEP_SECONDS * max(1, images // recipe.training.batch)


def cost_of(precision: str, native: str) -> tuple[float, float]:
    """Floating-point operations that a multiply-accumulate and a value of a map take; `native`: of `native_bfloat16`."""
    form = fast_precision(native) if precision == "auto" else precision
    if form == "float32-fast":
        return FAST_PER_MAC, FAST_PER_VALUE
    share = 1.0 if form == "float32" else BFLOAT16_SHARE if native else EMULATED_BFLOAT16
    return share * PER_MAC, share * PER_VALUE


def operations_per_second() -> float:
    """Floating-point operations per second of one core: in the quickest of many products of small float32 matrices."""
    matrix = np.random.default_rng(0).random((SIDE, SIDE), np.float32)
    best = math.inf
    for _ in range(ROUNDS):
        start = time.perf_counter()
        matrix @ matrix
        best = min(best, time.perf_counter() - start)
    return 2 * SIDE**3 / max(best, 1e-7)
