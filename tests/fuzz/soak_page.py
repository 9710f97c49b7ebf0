"""`make soak`: an hour of `owlbit sense` under damaged requests and frames; memory, descriptors and threads must stay as they are.

    python tests/fuzz/soak_page.py --minutes 60

At most ten connections per second, one after the other, each with a damaged request or damaged websocket frames. Events go to a
file and to a webhook that no one answers. Every command that changes the loop is undone by a well-formed one, so that frames and
events go on.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from fuzz_requests import send

CONNECTIONS_PER_S = 10
MOST_BYTES_MORE = 8 << 20  # at the end, of what was resident after a fifth of the time
MOST_DESCRIPTORS_MORE, MOST_THREADS_MORE = 8, 4
ANSWER_S = 300  # a machine that is busy with other work answers late; a page that hangs does not answer at all
END_S = 5


@dataclass(frozen=True)
class Sample:
    """The process at one time: seconds since its start, frames and connections so far, bytes resident, descriptors, threads."""

    seconds: float
    frames: int
    connections: int
    resident: int
    descriptors: int
    threads: int

    def row(self) -> str:
        """A row of the table that is printed."""
        resident = f"{self.resident / 1e6:.1f}"
        figures = (f"{self.seconds / 60:.1f}", self.frames, self.connections, resident, self.descriptors, self.threads)
        return f"| {' | '.join(map(str, figures))} |"


HEAD = "| minute | frames | connections | resident MB | descriptors | threads |\n|---|---|---|---|---|---|"


def sample(process: int, address: str, connections: int, started: float) -> Sample:
    """What /proc and /healthz say of it.

    Raises:
        OSError: the process ended, or the page does not answer.
    """
    with urllib.request.urlopen(f"http://{address}/healthz", timeout=ANSWER_S) as reply:
        frames = int(json.load(reply)["frames"])
    folder = Path(f"/proc/{process}")
    status = (folder / "status").read_text()
    resident, threads = (int(found[1]) for key in ("VmRSS", "Threads") if (found := re.search(rf"{key}:\s+(\d+)", status)))
    descriptors = len(list((folder / "fd").iterdir()))
    return Sample(time.monotonic() - started, frames, connections, resident * 1024, descriptors, threads)


def set_right(address: str) -> None:
    """Light, mismatch and the energy's constant as they were, and the loop going: what damaged commands may have changed."""
    commands = ('{"light": 200}', '{"mismatch": 1}', '{"energy": "core_volts", "value": 1.2}', '{"do": "resume"}')
    with contextlib.suppress(OSError, WebSocketException), connect(f"ws://{address}/live", open_timeout=ANSWER_S) as viewer:
        for command in commands:
            viewer.send(command)
        until = time.monotonic() + ANSWER_S
        while not is_right(viewer.recv(timeout=ANSWER_S)) and time.monotonic() < until:
            pass


def is_right(message: str | bytes) -> bool:
    """Whether the page says in it that all is as `set_right` wants it."""
    said = json.loads(message) if isinstance(message, str) else {}
    right = {"lux": 200, "mismatch_mv": 1, "paused": False}
    return said.get("kind") == "setting" and right.items() <= said.items() and said["energy"]["core_volts"] == 1.2


def problems(samples: list[Sample]) -> list[str]:
    """What grew: the last sample against the one after a fifth of the time."""
    first, last = samples[len(samples) // 5], samples[-1]
    found = []
    if last.resident - first.resident > MOST_BYTES_MORE:
        found.append(f"memory: {(last.resident - first.resident) / 1e6:.1f} MB more")
    if last.descriptors - first.descriptors > MOST_DESCRIPTORS_MORE:
        found.append(f"descriptors: {last.descriptors - first.descriptors} more")
    if last.threads - first.threads > MOST_THREADS_MORE:
        found.append(f"threads: {last.threads - first.threads} more")
    if any(later.frames <= earlier.frames for earlier, later in pairwise(samples)):
        found.append("frames: none came for some time")
    return found


def soak(minutes: float, folder: Path, every_s: float = 60) -> tuple[list[Sample], list[str], dict[str, int]]:
    """Runs it for so long: (a sample at least `every_s` seconds, what was wrong, counts of what is on the disk at the end)."""
    from serving import sensing

    events = folder / "events.jsonl"
    samples: list[Sample] = []
    wrong: list[str] = []
    with sensing("--events", str(events), "--webhook", "http://127.0.0.1:9/") as (process, address, said):
        host, _, port = address.partition(":")
        started = time.monotonic()
        connections = 0
        while not samples or samples[-1].seconds < 60 * minutes:
            draw = np.random.default_rng([connections, 11])
            send((host, int(port)), draw)
            connections += 1
            if connections % CONNECTIONS_PER_S == 0:
                set_right(address)
            if process.poll() is not None:
                wrong.append(f"the process ended with status {process.returncode} after {connections} connections")
                break
            if not samples or time.monotonic() - started > samples[-1].seconds + every_s:
                try:
                    samples.append(sample(process.pid, address, connections, started))
                except OSError as error:
                    wrong.append(f"the page did not answer within {ANSWER_S} s after {connections} connections: {error}")
                    break
                print(samples[-1].row(), flush=True)
            time.sleep(max(0.0, started + connections / CONNECTIONS_PER_S - time.monotonic()))
        wrong += problems(samples) if samples else []
        wrong += ending(process)
    wrong += tracebacks(said)
    return samples, wrong, {"events": len(events.read_text().splitlines()), "lines on standard error": len(said)}


def tracebacks(said: list[str]) -> list[str]:
    """The last line of each traceback on standard error, with their number."""
    ends: Counter[str] = Counter()
    for number, line in enumerate(said):
        if "Traceback" in line:
            after = (each.strip() for each in said[number + 1 :] if not each.startswith(" "))
            ends[next(after, "cut off")] += 1
    return [f"{count} tracebacks: {end}" for end, count in ends.items()]


def ending(process: subprocess.Popen[str]) -> list[str]:
    """Ends it by SIGTERM; what was wrong with that."""
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    status, took = process.wait(120), time.monotonic() - asked
    return [f"it ended with status {status} after {took:.1f} s"] if status or took > 3 * END_S else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    arguments = parser.parse_args()
    print(HEAD)
    with tempfile.TemporaryDirectory() as name:
        _, wrong, counts = soak(arguments.minutes, Path(name))
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    print("\n".join(wrong) or "flat")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))
    main()
