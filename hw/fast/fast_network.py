"""Running a packed network on images: in blocks, over threads, in memory that does not grow with the number of images."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from owlbit.export.machine import usable_cores
from owlbit.export.network import Ints, Network
from owlbit.hw.fast.kernels import BLOCK, SEGMENT, WORD, run_images
from owlbit.hw.fast.plan_network import Plan, plan_network
from owlbit.hw.fast.program import Word, Words

# Binary MACs that a thread takes at a time, some milliseconds: enough to forget what starting it costs, few enough that all threads
# end together. And the bytes of images that it copies at most.
TASK_MACS = 5_000_000_000
TASK_BYTES = 16 << 20
# Bytes that the maps of one block may take: large images go through in smaller blocks.
ARENA = 64 << 20


class Workspace:
    """What one thread writes to, kept from call to call: the system takes longer to hand out memory than a small batch to run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.window = aligned(plan.window_words * SEGMENT)
        self.outputs = aligned(plan.output_words * SEGMENT)
        self.arena, self.block = aligned(0), 0

    def arena_for(self, block: int) -> Words:
        """The maps of `block` images, whose borders are zero."""
        if block != self.block:
            # One segment more than the maps: the last vectors of a map may reach past its end.
            size = self.plan.arena_words * block + SEGMENT
            if size > len(self.arena):
                self.arena = aligned(size)
            else:
                self.arena[:size] = 0
            self.block = block
        return self.arena


@dataclass(frozen=True, eq=False)
class FastNetwork:
    """A network packed for this processor: made by `compile_fast`, good for any number of batches, from several threads at once."""

    network: Network
    plan: Plan
    spare: list[Workspace] = field(default_factory=list, repr=False)

    def simulate(self, images: NDArray[np.uint8], threads: int | None = None) -> Ints:
        """Scores int32 [N, classes] of uint8 images [N, C, H, W], which may be a memory map; as many threads as cores unless told.

        Raises NetworkError on any other images, as the reference does, and ValueError for less than one thread.
        """
        self.network.check_images(images)
        threads = usable_cores() if threads is None else threads
        if threads < 1:
            raise ValueError(f"expected at least one thread, got {threads}")
        scores = np.empty((len(images), self.network.classes), np.int32)
        task = self._images_a_task(len(images), threads)
        starts = iter(range(0, len(images), task))
        threads = min(threads, -(-len(images) // task))
        if threads == 1:
            self._work(images, scores, task, starts)
            return scores
        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(self._work, images, scores, task, starts) for _ in range(threads)]:
                done.result()
        return scores

    def watch(self, image: NDArray[np.uint8]) -> tuple[Ints, NDArray[np.int64]]:
        """(scores int32 [classes], ones int64 [layers - 1]) of one image uint8 [C, H, W], in the calling thread.

        `ones`: how many bits of each layer's output are 1, the scores left out. Raises NetworkError on any other image.
        """
        self.network.check_images(image[None])
        space = self._take_workspace()
        scores = np.empty((1, self.network.classes), np.int32)
        pixels = np.array(image[None], order="C")
        arena = space.arena_for(1)
        run_images(self.plan.program, pixels, 1, arena, space.window, space.outputs, scores)
        # Of one image a map's words lie side by side; its border is 0.
        extents = ((each.place, each.place + each.words * each.rows * each.columns) for each in self.plan.maps)
        ones = np.array([np.bitwise_count(arena[start:end]).sum(dtype=np.int64) for start, end in extents])
        self.spare.append(space)
        return scores[0], ones

    def _images_a_task(self, count: int, threads: int) -> int:
        """Whole blocks where there are enough images for all threads, else equal shares, each of them worth a thread."""
        enough = -(-TASK_MACS // self.plan.macs)
        if count < threads * BLOCK:
            return -(-count // min(threads, max(1, count // enough)))
        most = TASK_BYTES // int(np.prod(self.network.input_shape))
        return max(1, min(enough, most) // BLOCK) * BLOCK

    def _take_workspace(self) -> Workspace:
        try:
            return self.spare.pop()
        except IndexError:
            return Workspace(self.plan)

    def _work(self, images: NDArray[np.uint8], scores: Ints, task: int, starts: Iterator[int]) -> None:
        """One thread: takes tasks until none is left. `starts` is shared; the next of a range is atomic, as is a list's pop."""
        space = self._take_workspace()
        for start in starts:
            # A copy of its own: contiguous and writable, whatever the caller's array is.
            pixels = np.array(images[start : start + task], order="C")
            for first, last, block in self._blocks(len(pixels)):
                own = scores[start + first : start + last]
                arena = space.arena_for(block)
                run_images(self.plan.program, pixels[first:last], block, arena, space.window, space.outputs, own)
        self.spare.append(space)

    def _blocks(self, count: int) -> Iterator[tuple[int, int, int]]:
        """(first, last, images a block): whole blocks, then what remains as one block of its own size."""
        size = max(1, min(BLOCK, ARENA // max(1, self.plan.arena_words * WORD // 8)))
        whole = count // size * size
        if whole:
            yield 0, whole, size
        if whole < count:
            yield whole, count, count - whole


def aligned(words: int) -> Words:
    """Zeros that begin at a multiple of 64 bytes: a vector then never lies across two cache lines."""
    size = np.dtype(Word).itemsize
    memory = np.zeros(words + 64 // size, Word)
    skip = -memory.ctypes.data % 64 // size
    return memory[skip : skip + words]


def compile_fast(network: Network) -> FastNetwork:
    """Packs a network; worth keeping where several batches go through the same one."""
    return FastNetwork(network, plan_network(network))


def simulate(network: Network, images: NDArray[np.uint8], threads: int | None = None) -> Ints:
    """Scores int32 [N, classes] of uint8 images [N, C, H, W]: the reference's integers. Raises NetworkError on any other images."""
    network.check_images(images)
    return compile_fast(network).simulate(images, threads)
