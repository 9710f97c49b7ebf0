"""The most that this processor's vector popcounts can do: the limit against which the fast simulator is measured.

A binary multiply-accumulate is one bit of `count += popcount(x ^ w)`. The loops here do that and nothing else: eight accumulators
stay in registers, all operands in the first-level cache, no window is packed, nothing is compared and nothing stored.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from owlbit.hw.fast.fast_network import aligned
from owlbit.hw.fast.kernels import LANES, SEGMENT, WORD, count_mismatches, load, store, zeros
from owlbit.hw.fast.program import Words

STEPS = 32
# Tens of milliseconds: starting the threads must not count.
REPEATS = 400_000


@njit(nogil=True)
def tile(x, w, repeats):  # type: ignore[no-untyped-def]
    """Two vectors of x against four words of w: six loads for eight counts."""
    for _ in range(repeats):
        a0, a1, b0, b1, c0, c1, d0, d1 = zeros(), zeros(), zeros(), zeros(), zeros(), zeros(), zeros(), zeros()
        for i in range(STEPS):
            x0, x1 = load(x, i * SEGMENT), load(x, i * SEGMENT + LANES)
            a0, a1 = count_mismatches(a0, x0, w, 4 * i), count_mismatches(a1, x1, w, 4 * i)
            b0, b1 = count_mismatches(b0, x0, w, 4 * i + 1), count_mismatches(b1, x1, w, 4 * i + 1)
            c0, c1 = count_mismatches(c0, x0, w, 4 * i + 2), count_mismatches(c1, x1, w, 4 * i + 2)
            d0, d1 = count_mismatches(d0, x0, w, 4 * i + 3), count_mismatches(d1, x1, w, 4 * i + 3)
        for k, counts in enumerate((a0, a1, b0, b1, c0, c1, d0, d1)):
            store(x, k * LANES, counts)


@njit(nogil=True)
def stream(x, w, repeats):  # type: ignore[no-untyped-def]
    """Eight vectors of x against one word of w, which stays in a register."""
    for r in range(repeats):
        a0, a1, b0, b1, c0, c1, d0, d1 = zeros(), zeros(), zeros(), zeros(), zeros(), zeros(), zeros(), zeros()
        word = r % len(w)
        for i in range(STEPS // 4):
            at, next_at = 4 * i * SEGMENT, 4 * i * SEGMENT + LANES
            a0, a1 = count_mismatches(a0, load(x, at), w, word), count_mismatches(a1, load(x, next_at), w, word)
            at, next_at = at + SEGMENT, next_at + SEGMENT
            b0, b1 = count_mismatches(b0, load(x, at), w, word), count_mismatches(b1, load(x, next_at), w, word)
            at, next_at = at + SEGMENT, next_at + SEGMENT
            c0, c1 = count_mismatches(c0, load(x, at), w, word), count_mismatches(c1, load(x, next_at), w, word)
            at, next_at = at + SEGMENT, next_at + SEGMENT
            d0, d1 = count_mismatches(d0, load(x, at), w, word), count_mismatches(d1, load(x, next_at), w, word)
        for k, counts in enumerate((a0, a1, b0, b1, c0, c1, d0, d1)):
            store(x, k * LANES, counts)


# Counts of a whole vector in one repeat.
LOOPS = ((tile, STEPS * 8), (stream, STEPS * 2))


def operands() -> tuple[Words, Words]:
    """Vectors and words of one thread, 4 KiB and less, both of a thread's own."""
    rng = np.random.default_rng(0)
    x, w = aligned(STEPS * SEGMENT), aligned(STEPS * 4)
    for array in (x, w):
        array[:] = rng.integers(0, 1 << WORD, len(array), dtype=np.uint64)
    return x, w


def measure(threads: int) -> float:
    """Bits a second that `threads` threads together xor, count and add, by the quicker loop, once."""
    rates = []
    for loop, counts in LOOPS:
        given = [operands() for _ in range(threads)]
        loop(*given[0], 1)
        with ThreadPoolExecutor(threads) as pool:
            start = time.perf_counter()
            list(pool.map(lambda own, loop=loop: loop(*own, REPEATS), given))
            seconds = time.perf_counter() - start
        rates.append(threads * REPEATS * counts * LANES * WORD / seconds)
    return max(rates)
