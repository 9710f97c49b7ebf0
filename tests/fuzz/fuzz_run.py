"""`make fuzz`: damaged inputs of every kind, one after the other, for so many minutes, and a table of what became of them.

    python tests/fuzz/fuzz_run.py --minutes 60 --keep runs/fuzz

Every input is made from a seed: the same seed gives the same inputs. What ends badly is kept in the folder, to be read again with
`fuzz_worker.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from fuzz_bytes import Draw, mutate_bytes
from fuzz_images import array, mutate_array, mutate_picture, picture
from fuzz_npz import mutate_npz
from fuzz_onnx import mutate_onnx
from fuzz_toml import mutate_toml

ROOT = Path(__file__).resolve().parents[2]
WORKER = Path(__file__).with_name("fuzz_worker.py")
SECONDS, BYTES = 10, 10**9  # processor time and memory that one input may take
SILENCE_S = 120  # on a machine that does other things besides, for an answer


@cache
def networks() -> tuple[tuple[bytes, bytes], ...]:
    """(QONNX file, npz) of some small networks: random ones as owlbit writes them, and the demo's."""
    from owlbit.export.network_file import save_network
    from owlbit.export.qonnx.write import write_qonnx
    from random_networks import random_network

    made = []
    with tempfile.TemporaryDirectory() as name:
        for seed in range(4):
            network = random_network(np.random.default_rng(seed))
            write_qonnx(network, Path(name) / "model.onnx")
            save_network(network, Path(name) / "network.npz")
            made.append(((Path(name) / "model.onnx").read_bytes(), (Path(name) / "network.npz").read_bytes()))
    made.append(((ROOT / "models/zoo/digits/model.onnx").read_bytes(), made[0][1]))
    return tuple(made)


@cache
def recipes() -> tuple[bytes, ...]:
    return tuple(
        path.read_bytes() for path in sorted((ROOT / "models/recipes").glob("*.toml")) if b"extends" not in path.read_bytes()
    )


@cache
def flash() -> bytes:
    from owlbit.hw.up5k.build import compile_flash
    from sensing_tools import demo_network

    return compile_flash(demo_network())


_STATE = {
    **{
        "target": "finn:xc7z020clg400-1",
        "part": "xc7z020clg400-1",
        "board": None,
        "network": "n",
        "model_digest": "",
        "clock_ns": 10.0,
    },
    **{"frames_per_second": None, "folding": None, "finn": "1", "vivado": None, "steps": [{"name": "a", "seconds": 1.0}]},
}
_EPOCH = {
    **{"epoch": 0, "stage": 1, "loss": 1.5, "accuracy": 0.5, "validation_loss": 1.0, "validation_accuracy": 0.5},
    **{"flipped_signs": 0.1, "thresholds": [[1, 2]], "seconds": 1.0},
}
_RESULT = {
    **{"best_epoch": 1, "epochs": 2, "validation_accuracy": 0.5, "test_accuracy": None, "test_images": 0},
    **{"seconds": 1.0, "weight_bits": 8, "thresholds": [[1, 2]]},
}
_FACTS = {"class_names": ["a", "b"], "data_folder": "/", "data_path": None, "processor": ""}
RECORDS = tuple(json.dumps(each).encode() for each in (_STATE, [_EPOCH], _RESULT, _FACTS))
DEEP = (b"[" * 100_000, b'{"target": ' * 5000, b'{"target": ' + b"9" * 5000 + b"}", b"[" + b"1," * 10_000 + b"1]")


def damaged_network(draw: Draw) -> bytes:
    """A flash image whose network, not its bitstream, is damaged."""
    from owlbit.hw.up5k.compiler.flash_format import FLASH_OFFSET

    return flash()[:FLASH_OFFSET] + mutate_bytes(flash()[FLASH_OFFSET:], draw)


def record(draw: Draw) -> bytes:
    if draw.random() < 0.1:
        return DEEP[int(draw.integers(len(DEEP)))]
    return mutate_bytes(RECORDS[int(draw.integers(len(RECORDS)))], draw)


def damaged_picture(draw: Draw) -> tuple[bytes, str]:
    data, name = picture(draw)
    return mutate_picture(data, draw), "jpg" if name == "jpeg" else name


# By kind: (an input, how its file's name ends) drawn.
INPUTS: Mapping[str, Callable[[Draw], tuple[bytes, str]]] = {
    "qonnx": lambda draw: (mutate_onnx(networks()[int(draw.integers(5))][0], draw), "onnx"),
    "npz": lambda draw: (mutate_npz(networks()[int(draw.integers(5))][1], draw), "npz"),
    "recipe": lambda draw: (mutate_toml(recipes()[int(draw.integers(len(recipes())))], draw), "toml"),
    "board": lambda draw: (mutate_toml((ROOT / "hw/up5k/boards/icesugar.toml").read_bytes(), draw), "toml"),
    "comparison": lambda draw: (mutate_toml((ROOT / "models/comparisons/encodings.toml").read_bytes(), draw), "toml"),
    "settings": lambda draw: (mutate_toml((ROOT / "toolchain/sensing/settings.toml").read_bytes(), draw), "toml"),
    "images": damaged_picture,
    "upload": damaged_picture,
    "array": lambda draw: (mutate_array(array(draw), draw), "npy"),
    "record": lambda draw: (record(draw), "json"),
    "flash": lambda draw: (mutate_bytes(flash(), draw), "bin"),
    "chip": lambda draw: (damaged_network(draw), "bin"),  # needs Verilator, and some minutes to begin with
}


@dataclass
class Counts:
    """What became of the inputs of one kind: how many by outcome, the most that one took, and those that ended badly."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    most_bytes: int = 0
    bad: list[str] = field(default_factory=list)


class Worker:
    """A process that reads inputs; begun anew when one has ended it."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def ask(self, kind: str, path: Path) -> dict[str, object]:
        """Its answer; outcome "crash" where it died, "hang" where none came."""
        process = self.process or self._begin()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{kind}\t{path}\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], SILENCE_S)[0]:
            self.end()
            return {"outcome": "hang", "detail": f"no answer within {SILENCE_S} s", "seconds": float(SILENCE_S), "bytes": 0}
        line = process.stdout.readline()
        if not line:
            status = process.wait()
            self.process = None
            return {"outcome": "crash", "detail": f"the process ended with status {status}", "seconds": 0.0, "bytes": 0}
        answer: dict[str, object] = json.loads(line)
        return answer

    def _begin(self) -> subprocess.Popen[str]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER)], cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.process.stdout.readline()  # it has begun
        return self.process

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def working() -> Iterator[Worker]:
    worker = Worker()
    try:
        yield worker
    finally:
        worker.end()


def fuzz(worker: Worker, kind: str, seeds: range, folder: Path, counts: Counts) -> Counts:
    """Gives `worker` the input of each seed, adds to `counts`, and keeps in `folder` those that end badly."""
    for seed in seeds:
        data, suffix = INPUTS[kind](np.random.default_rng([seed, *kind.encode()]))
        place = folder / "now"
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"{kind}_{seed}.{suffix}"
        path.write_bytes(data)
        answer = worker.ask(kind, path)
        outcome, seconds, size = str(answer["outcome"]), float(str(answer["seconds"])), int(str(answer["bytes"]))
        if outcome in ("accepted", "refused") and seconds > SECONDS:
            outcome = "slow"
        elif outcome in ("accepted", "refused") and size > BYTES:
            outcome = "memory"
        counts.outcomes[outcome] += 1
        counts.seconds, counts.most_bytes = max(counts.seconds, seconds), max(counts.most_bytes, size)
        if outcome not in ("accepted", "refused"):
            shutil.copy(path, folder / path.name)
            counts.bad.append(f"{path.name}: {outcome}: {str(answer['detail'])[:600]}")
        shutil.rmtree(place)
    return counts


def table(counts: Mapping[str, Counts]) -> str:
    """Markdown."""
    bad = ("wrong", "traceback", "lines", "crash", "hang", "slow", "memory")
    lines = [f"| input | tried | accepted | refused | {' | '.join(bad)} | most s | most MB |", "|---" * (len(bad) + 6) + "|"]
    for kind, each in counts.items():
        found = each.outcomes
        figures = [found.total(), found["accepted"], found["refused"], *(found[name] for name in bad)]
        lines.append(f"| {kind} | {' | '.join(map(str, figures))} | {each.seconds:.2f} | {each.most_bytes / 1e6:.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1_000_000, help="the first; the fast tests take those from 0")
    parser.add_argument("--keep", type=Path, default=ROOT / "runs" / "fuzz", help="where inputs go that end badly")
    parser.add_argument("--only", choices=[*INPUTS, "requests"], action="append")
    arguments = parser.parse_args()
    kinds = arguments.only or [*INPUTS, "requests"]
    counts = {kind: Counts() for kind in kinds}
    until, seed = time.monotonic() + 60 * arguments.minutes, arguments.seed
    with working() as worker:
        while time.monotonic() < until:
            for kind in kinds:
                if kind == "requests":
                    from fuzz_requests import fuzz_requests

                    fuzz_requests(range(seed, seed + 100), counts[kind])
                else:
                    share = 200 if kind == "qonnx" else 50
                    fuzz(worker, kind, range(seed, seed + share), arguments.keep, counts[kind])
            seed += 200
            print(
                f"{(until - time.monotonic()) / 60:.1f} minutes left, {sum(len(each.bad) for each in counts.values())} bad",
                file=sys.stderr,
            )
    print(table(counts))
    for each in counts.values():
        print("\n".join(each.bad))
    sys.exit(any(each.bad for each in counts.values()))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests" / "helpers"))
    main()
