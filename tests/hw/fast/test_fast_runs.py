"""How the fast simulator runs: batches, threads, any kind of array, the reference's refusals, the cache, and the machine code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.export.network_cost import layer_costs, total_cost
from owlbit.hw import fast, reference
from owlbit.hw.fast.kernels import BLOCK, HAS_VECTOR_POPCOUNT, WORD
from random_networks import random_images, random_network

ROOT = Path(__file__).resolve().parents[3]
NETWORK = random_network(np.random.default_rng(11), max_size=9, min_size=6, max_channels=70, strides=(1,))
STRIDED = random_network(np.random.default_rng(12), max_size=9, min_size=6, max_channels=70, strides=(2,), blocks=3)
IMAGES = random_images(np.random.default_rng(1), NETWORK, 5 * BLOCK)


@pytest.mark.parametrize("threads", [1, 2, 3, None])
@pytest.mark.parametrize("count", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 4 * BLOCK + 7])
@pytest.mark.parametrize("network", [NETWORK, STRIDED], ids=["plain", "strided"])
def test_any_batch_on_any_threads(network: Network, count: int, threads: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    # So little work would else stay on one thread.
    monkeypatch.setattr("owlbit.hw.fast.fast_network.TASK_MACS", 1)
    images = random_images(np.random.default_rng(count), network, count)
    scores = fast.compile_fast(network).simulate(images, threads)
    assert scores.dtype == np.int32
    np.testing.assert_array_equal(scores, reference.simulate(network, images))


def test_one_packed_network_serves_batch_after_batch() -> None:
    packed = fast.compile_fast(NETWORK)
    expected = reference.simulate(NETWORK, IMAGES)
    for first, last in ((0, 3), (3, 3 + BLOCK), (5, 6), (0, len(IMAGES))):
        np.testing.assert_array_equal(packed.simulate(IMAGES[first:last]), expected[first:last])


def test_any_memory_layout(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", IMAGES)
    frozen = IMAGES.copy()
    frozen.setflags(write=False)
    given: list[NDArray[np.uint8]] = [
        frozen,
        np.asfortranarray(IMAGES),
        np.repeat(IMAGES, 2, axis=0)[::2],
        IMAGES[:, :, ::-1][:, :, ::-1],
        np.load(tmp_path / "images.npy", mmap_mode="r"),
    ]
    expected = reference.simulate(NETWORK, IMAGES)
    for images in given:
        np.testing.assert_array_equal(fast.simulate(NETWORK, images), expected)


@pytest.mark.parametrize(
    "images",
    [
        IMAGES[:0],
        IMAGES[0],
        IMAGES[:, :, :-1],
        np.concatenate([IMAGES, IMAGES], axis=1),
        IMAGES.astype(np.int32),
        IMAGES.astype(np.int16) - 1,
        IMAGES / np.float32(255),
    ],
    ids=["none", "no batch", "too low", "too many colours", "int32", "negative", "float"],
)
def test_refuses_what_the_reference_refuses_in_its_words(images: NDArray[Any]) -> None:
    with pytest.raises(OwlbitError) as theirs:
        reference.simulate(NETWORK, images)
    with pytest.raises(OwlbitError) as ours:
        fast.simulate(NETWORK, images)
    with pytest.raises(OwlbitError) as packed:
        fast.compile_fast(NETWORK).simulate(images)
    assert str(ours.value) == str(packed.value) == str(theirs.value)


def test_work_is_shared_once_it_is_worth_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The threads are counted, not timed."""
    started: list[str] = []
    packed = fast.compile_fast(NETWORK)
    macs = total_cost(layer_costs(NETWORK)).macs
    real = packed._work

    def work(*args: Any) -> None:
        started.append(threading.current_thread().name)
        real(*args)

    object.__setattr__(packed, "_work", work)
    for images_worth_a_thread, count, expected in (
        (1, 8, 2),
        (8, 8, 1),
        (4, 8, 2),
        (BLOCK, 2 * BLOCK, 2),
        (4 * BLOCK, 4 * BLOCK, 1),
    ):
        monkeypatch.setattr("owlbit.hw.fast.fast_network.TASK_MACS", images_worth_a_thread * macs)
        started.clear()
        packed.simulate(IMAGES[:count], threads=2)
        assert len(started) == expected, (images_worth_a_thread, count)


def test_large_images_go_through_in_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = reference.simulate(STRIDED, random_images(np.random.default_rng(2), STRIDED, BLOCK))
    packed = fast.compile_fast(STRIDED)
    for images in (1, 5):
        monkeypatch.setattr("owlbit.hw.fast.fast_network.ARENA", images * packed.plan.arena_words * WORD // 8)
        np.testing.assert_array_equal(packed.simulate(random_images(np.random.default_rng(2), STRIDED, BLOCK)), expected)


def test_no_threads_are_refused() -> None:
    with pytest.raises(ValueError, match="expected at least one thread, got 0"):
        fast.simulate(NETWORK, IMAGES, threads=0)


RUN = """
import sys
sys.path.insert(0, "tests/helpers")
import numpy as np
from random_networks import random_images, random_network
from owlbit.hw import fast, reference
from owlbit.hw.fast import kernels
for seed in range(4):
    network = random_network(np.random.default_rng(seed), max_size=12, max_channels=70)
    images = random_images(np.random.default_rng(seed), network, 40)
    assert np.array_equal(fast.simulate(network, images), reference.simulate(network, images))
stats = kernels.run_images.stats
print("WORD", kernels.WORD, "COMPILED", sum(stats.cache_misses.values()), "LOADED", sum(stats.cache_hits.values()))
if "--assembly" in sys.argv:
    print(*kernels.run_images.inspect_asm().values())
"""


def run_apart(*args: str, **environment: str) -> str:
    """What RUN prints in a Python of its own."""
    command = [sys.executable, "-c", RUN, *args]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True).stdout


def test_compiled_code_is_kept_on_disk_and_is_popcounts_on_vectors(tmp_path: Path) -> None:
    first = run_apart("--assembly", NUMBA_CACHE_DIR=str(tmp_path))
    assert "COMPILED 1 LOADED 0" in first
    if HAS_VECTOR_POPCOUNT:
        assert len(re.findall(r"\bvpopcntd\s.*%zmm", first)) >= 8
        # No popcount goes word by word, and signs are pushed by one instruction.
        assert not re.search(r"\bpopcnt[lq]?\s", first)
        assert re.search(r"\bvpshldd\s.*%zmm", first)
    assert "COMPILED 0 LOADED 1" in run_apart(NUMBA_CACHE_DIR=str(tmp_path))


@pytest.mark.skipif("x86_64" not in os.uname().machine, reason="compiles for an x86 processor without AVX-512")
def test_without_a_popcount_instruction_bytes_are_looked_up_in_vectors(tmp_path: Path) -> None:
    features = "+sse4.2,+popcnt,+avx,+avx2,+fma,+bmi,+bmi2"
    printed = run_apart("--assembly", NUMBA_CACHE_DIR=str(tmp_path), NUMBA_CPU_NAME="haswell", NUMBA_CPU_FEATURES=features)
    assert "WORD 64 COMPILED 1" in printed
    assert len(re.findall(r"\bvpshufb\s.*%ymm", printed)) >= 16
    assert "%zmm" not in printed and not re.search(r"\bpopcnt[lq]?\s", printed)


def test_runs_where_nothing_can_be_written(tmp_path: Path) -> None:
    """Neither the package's folder nor the user's: compiled for this process alone."""
    script = f"import numba.core.caching as c\nc.CacheImpl._locator_classes = []\n{RUN}"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)
    assert "LOADED 0" in done.stdout
