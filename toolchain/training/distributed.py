"""Training in several processes, on one machine or several: starting them with torchrun, and who of them writes.

Every process runs the same command; each takes its share of every batch, and gradients and normalisation are those of the whole
batch.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import torch
import torch.distributed as dist

from owlbit.export.errors import OwlbitError

LOG = logging.getLogger(__name__)

MESSAGE = "owlbit: "  # what the command line begins a message with


def accelerator() -> str:
    """What a training runs on: "cuda" where torch finds a GPU, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def world() -> tuple[int, int]:
    """(number of this process, how many there are), as torchrun says."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def join_processes() -> None:
    """Meets the other processes, if there are any, over NCCL with GPUs and over gloo without."""
    if world()[1] > 1 and not dist.is_initialized():
        if accelerator() == "cuda":
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        dist.init_process_group("nccl" if accelerator() == "cuda" else "gloo")


def wait_for_all() -> None:
    """Returns when every process has come here."""
    if world()[1] > 1:
        dist.barrier()


def launch(arguments: Sequence[str], devices: int, nodes: int, rendezvous: str) -> int:
    """Runs `owlbit` with `arguments` in `devices` processes on this machine, one of `nodes`, by torchrun; its exit code.

    `rendezvous`: HOST:PORT where the machines meet, for more than one. Raises OwlbitError where it is missing, a training with so
    many processes cannot be, or one of them ends with a message, which is then this one's.
    """
    if nodes > 1 and not re.fullmatch(r".+:\d+", rendezvous):
        found = f'"{rendezvous}"' if rendezvous else "none"
        raise OwlbitError(f"--rendezvous: expected HOST:PORT of one of the {nodes} machines, at which all meet, got {found}")
    if accelerator() == "cuda" and devices > torch.cuda.device_count():
        raise OwlbitError(f"--devices: expected at most the {torch.cuda.device_count()} GPUs of this machine, got {devices}")
    place = ["--standalone"] if nodes == 1 else ["--rdzv-backend", "c10d", "--rdzv-endpoint", rendezvous]
    command = [sys.executable, "-m", "torch.distributed.run", *place, "--nnodes", str(nodes), "--nproc-per-node", str(devices)]
    environment = {**os.environ}
    environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // devices)))
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        whole = [*command, "--module", "owlbit.toolchain", *arguments]
        code = subprocess.run(whole, check=False, env=environment, stderr=errors).returncode
        errors.seek(0)
        lines = errors.read().splitlines() if code or LOG.isEnabledFor(logging.INFO) else []
    for line in lines:
        if line.startswith(MESSAGE):  # torchrun's own words on it, and those of the processes that waited, help nobody
            raise OwlbitError(line.removeprefix(MESSAGE))
    sys.stderr.writelines(line + "\n" for line in lines)
    return code
