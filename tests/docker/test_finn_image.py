"""The container of docker/finn: built, and run up to the edge where Vivado would be needed. Minutes, and only where Docker runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "owlbit-finn-test"
USER = os.getuid() or 12345  # never root


def docker(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def image() -> str:
    if shutil.which("docker") is None:
        pytest.skip("docker is not installed")
    if docker("info").returncode:
        pytest.skip("no Docker engine runs here")
    built = docker("build", "-f", str(ROOT / "docker/finn/Dockerfile"), "-t", IMAGE, str(ROOT))
    assert built.returncode == 0, (built.stdout + built.stderr)[-3000:]
    return IMAGE


@pytest.mark.slow
def test_without_vivado_it_builds_up_to_the_edge_and_says_so(image: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    folder = ["--user", f"{USER}:{USER}", "--volume", f"{tmp_path}:/data"]
    done = docker("run", "--rm", *folder, image, "build", "zoo:digits", "--target", "finn:xc7z020clg400-1", "--out", "/data/digits")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "step_hw_codegen is the last step that needs no Vivado" in done.stdout
    state = json.loads((tmp_path / "digits" / "build.json").read_text(encoding="utf-8"))
    assert state["state"] == "done" and state["vivado"] is None
    assert (tmp_path / "digits" / "build.json").stat().st_uid == USER
    assert any((tmp_path / "digits").rglob("*.cpp"))  # generated HLS
    assert (tmp_path / "digits" / "finn.html").is_file()


@pytest.mark.slow
def test_nothing_runs_as_root(image: str) -> None:
    done = docker("run", "--rm", "--entrypoint", "id", image, "-u")
    assert done.stdout.strip() not in ("", "0")


@pytest.mark.slow
def test_a_vivado_that_is_not_mounted_is_named(image: str) -> None:
    done = docker("run", "--rm", "--env", "XILINX_VIVADO=/opt/Xilinx/Vivado/2024.2", image, "--help")
    assert done.returncode == 2
    assert "expected a mounted Vivado at /opt/Xilinx/Vivado/2024.2" in done.stderr


@pytest.mark.slow
def test_a_mounted_vivado_is_put_on_the_path_before_owlbit_runs(image: str, tmp_path: Path) -> None:
    """A folder with the shape of an installation stands in for Vivado; only the entry point's part is tested."""
    tmp_path.chmod(0o755)  # the container's user is another one
    settings = tmp_path / "Vivado" / "2024.2" / "settings64.sh"
    settings.parent.mkdir(parents=True)
    settings.write_text("echo sourced with the licence of $XILINXD_LICENSE_FILE >&2\n", encoding="utf-8")
    words = ["--volume", f"{tmp_path}:/opt/Xilinx:ro", "--env", "XILINX_VIVADO=/opt/Xilinx/Vivado/2024.2"]
    done = docker("run", "--rm", *words, "--env", "XILINXD_LICENSE_FILE=2100@server", image, "--help")
    assert done.returncode == 0 and "Usage" in done.stdout
    assert "sourced with the licence of 2100@server" in done.stderr
