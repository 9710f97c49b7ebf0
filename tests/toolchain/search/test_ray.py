"""A search on a real Ray cluster of two nodes: a killed worker and a killed head lose no finished trial."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from command_line import owlbit
from owlbit.toolchain.runs.run_folder import read_result
from owlbit.toolchain.search.records import FINISHED
from owlbit.toolchain.search.study import read_trials
from search_cases import SPACE, space_file

LONG = SPACE.replace("epochs = 2", "epochs = 60").replace("prune", "").replace("trials = 2", "trials = 6\nprune = false")


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def family(root: int) -> list[int]:
    """A process and all that came from it."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # ended in between
            continue
    found = [root]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found


def kill(processes: list[int]) -> None:
    for process in processes:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue


def training(nodes: list[subprocess.Popen[bytes]]) -> list[int]:
    """The workers of the nodes that train."""
    found = []
    for process in (each for node in nodes for each in family(node.pid)):
        try:
            if b"train_far" in Path(f"/proc/{process}/cmdline").read_bytes():
                found.append(process)
        except OSError:
            continue
    return found


@contextmanager
def cluster(port: int, folder: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes of two nodes with one processor each, the head first."""
    start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--num-cpus=1", "--disable-usage-stats", "--block"]
    head = ["--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}"]
    environment = {**os.environ, "RAY_worker_niceness": "0"}
    nodes: list[subprocess.Popen[bytes]] = []
    try:
        for options in (head, [f"--address=127.0.0.1:{port}"]):
            nodes.append(
                subprocess.Popen([*start, *options], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
            wait_for(lambda: answers(port))
            time.sleep(5)
        yield nodes
    finally:
        kill([process for node in nodes for process in family(node.pid)])
        for node in nodes:
            node.wait()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def wait_for(condition: Callable[[], object], seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.2)


@pytest.fixture
def short_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for Ray's sockets, whose paths may have no more than 107 bytes."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="owl-ray-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.mark.slow
def test_killing_a_worker_and_the_head_loses_no_finished_trial(tmp_path: Path, short_folder: Path) -> None:
    pytest.importorskip("ray")
    file, out, port = space_file(tmp_path, LONG), tmp_path / "out", free_port()
    command = [sys.executable, "-m", "owlbit.toolchain", "search", str(file), "--out", str(out), "--ray", f"127.0.0.1:{port}"]

    def finished() -> dict[str, float]:
        if not (out / "study.journal").exists():
            return {}
        return {trial.name: trial.accuracy for trial in read_trials(out)[0] if trial.kind == FINISHED}

    with cluster(port, short_folder / "a") as nodes:
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            wait_for(lambda: training(nodes))
            kill(training(nodes)[:1])  # Ray trains the trial again, on either node
            wait_for(lambda: len(finished()) >= 2 or process.poll() is not None)
            assert process.poll() is None
            kill(family(nodes[0].pid))
            _, said = process.communicate(timeout=120)
        finally:
            process.kill()
    before = finished()
    assert process.returncode and 2 <= len(before) < 6
    assert "Traceback" not in said
    gone = owlbit("search", str(file), "--out", str(out), "--ray", f"127.0.0.1:{port}")
    assert gone.code == 2 and f"--ray 127.0.0.1:{port}: expected a Ray cluster that answers within 5 s" in gone.err
    with cluster(port, short_folder / "b"):
        done = subprocess.run([*command, "--trials", "6"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"tpe-0: {len(before)} of 6 trials are there already" in done.stderr
    after = finished()
    assert len(after) == 6 and before.items() <= after.items()


@pytest.mark.slow
def test_the_files_of_a_final_training_come_back(tmp_path: Path, short_folder: Path) -> None:
    pytest.importorskip("ray")
    file, port = space_file(tmp_path, SPACE.replace("finals = 0", "finals = 1")), free_port()
    with cluster(port, short_folder / "a"):
        command = [sys.executable, "-m", "owlbit.toolchain", "search", str(file), "--out", str(tmp_path / "out")]
        done = subprocess.run([*command, "--ray", f"127.0.0.1:{port}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (run,) = (path for path in (tmp_path / "out" / "final").iterdir() if path.is_dir())
    assert read_result(run).epochs == 2
    assert owlbit("export", str(run)).code == 0


def test_an_address_that_does_not_answer(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    file = space_file(tmp_path)
    for address, message in (
        ("127.0.0.1:1", "expected a Ray cluster that answers within 5 s, got none"),
        ("there", "expected HOST:PORT"),
    ):
        ended = owlbit("search", str(file), "--out", str(tmp_path / "out"), "--ray", address)
        assert ended.code == 2 and message in ended.err and ended.err.count("\n") == 1
