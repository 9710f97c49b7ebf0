"""One training at a time in a folder; what a killed one left is told and cleared."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.runs.run_folder import CHECKPOINT, RUN
from owlbit.toolchain.runs.run_lock import LOCK, LockedRunError, clear_unfinished, lock_run, run_locks
from sensing_tools import ROOT

OTHER = (
    "import sys, pathlib\n"
    "from owlbit.toolchain.runs.run_lock import lock_run\n"
    "lock_run(pathlib.Path(sys.argv[1]))\n"
    "print('locked', flush=True)\n"
    "sys.stdin.read()\n"
)


def other(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(folder)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "locked\n"
    return process


def test_a_folder_where_a_training_runs_is_refused_and_a_killed_one_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    process = other(tmp_path)
    try:
        with pytest.raises(LockedRunError, match=rf"found that of process {process.pid} on .*; wait for it, or end it first"):
            lock_run(tmp_path)
    finally:
        process.kill()
        process.wait()
    assert (tmp_path / LOCK).exists()
    with caplog.at_level(logging.WARNING), run_locks():
        lock_run(tmp_path)
        assert f"the training of process {process.pid} on" in caplog.text and "was killed" in caplog.text
        assert (tmp_path / LOCK).read_text().startswith(f"process {os.getpid()} on ")
        lock_run(tmp_path)  # a training within a training
    assert not (tmp_path / LOCK).exists()


@pytest.mark.parametrize("kind", ["link", "broken link", "second name", "folder", "named pipe"])
def test_what_is_no_plain_file_is_refused_and_left_as_it_is(kind: str, tmp_path: Path) -> None:
    """A run folder of somebody else may hold them; a link must not have another file overwritten."""
    victim, run = tmp_path / "victim", tmp_path / "run"
    victim.write_text("mine")
    run.mkdir()
    path = run / LOCK
    match kind:
        case "link":
            path.symlink_to(victim)
        case "broken link":
            path.symlink_to(tmp_path / "made")
        case "second name":
            path.hardlink_to(victim)
        case "folder":
            path.mkdir()
        case _:
            os.mkfifo(path)
    with (
        pytest.raises(OwlbitError, match=r"run/\.training\.lock: expected the lock file of a training, .*; remove it"),
        run_locks(),
    ):
        lock_run(run)
    assert victim.read_text() == "mine" and not (tmp_path / "made").exists() and os.path.lexists(path)


def test_a_lock_of_other_content_is_told_in_few_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / LOCK).write_text("[" * 50_000 + "\x1b[31m")
    with caplog.at_level(logging.WARNING), run_locks():
        lock_run(tmp_path)
    assert "the training of another process was killed; its lock is taken over" in caplog.text


def test_a_lock_is_let_go_of_where_a_training_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), run_locks():
        lock_run(tmp_path)
        raise ValueError("no")
    process = other(tmp_path)
    process.communicate("")
    assert process.returncode == 0


def test_what_a_killed_training_was_writing_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    left = [f".{CHECKPOINT}.a1b2c3d4.ckpt", f".{RUN}.x.json"]
    kept = [CHECKPOINT, ".notes", ".model.onnx", "last.ckpt.old"]
    for name in (*left, *kept):
        (tmp_path / name).write_text("")
    clear_unfinished(tmp_path, (CHECKPOINT, RUN))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
