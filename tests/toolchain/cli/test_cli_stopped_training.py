"""A training that is stopped or killed in the middle, from outside, as a user or a full machine does it, and then resumed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

RECIPE = """
name = "tiny"
[data]
source = "digits"
size = [8, 8]
[input]
thresholds = 4
[[layers]]
kind = "conv"
filters = 16
pool = 2
[training]
epochs = 40
"""
OWLBIT = [sys.executable, "-c", "from owlbit.toolchain.cli.app import main; main()"]


def owlbit(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*OWLBIT, *arguments], cwd=place, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_resuming_gives_the_weights_of_an_uninterrupted_training(tmp_path: Path, how: signal.Signals) -> None:
    (tmp_path / "tiny.toml").write_text(RECIPE)
    assert owlbit(tmp_path, "train", "tiny.toml", "--out", "whole").returncode == 0

    training = subprocess.Popen(
        [*OWLBIT, "train", "tiny.toml", "--out", "stopped"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    patience = time.monotonic() + 120
    while not (tmp_path / "stopped" / "last.ckpt").exists():
        assert training.poll() is None
        assert time.monotonic() < patience
        time.sleep(0.02)
    training.send_signal(how)
    _, said = training.communicate(timeout=60)
    assert training.returncode == (130 if how is signal.SIGINT else -signal.SIGKILL)
    assert ("--resume" in said) == (how is signal.SIGINT)
    assert "Traceback" not in said
    assert not (tmp_path / "stopped" / "model.safetensors").exists()

    refused = owlbit(tmp_path, "train", "tiny.toml", "--out", "stopped")
    assert refused.returncode == 2
    assert "resume" in refused.stderr

    assert owlbit(tmp_path, "train", "tiny.toml", "--out", "stopped", "--resume").returncode == 0
    assert (tmp_path / "stopped" / "model.safetensors").read_bytes() == (tmp_path / "whole" / "model.safetensors").read_bytes()
