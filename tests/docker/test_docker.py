"""The container images: what they pin fits the project, and, where there is a Docker engine, one is built, run and looked at."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker/compose.yml"
IMAGE = "owlbit-sense"
MOST_OWN_BYTES = 450 * 10**6  # above the base image, which here and there is another


def docker_missing() -> str:
    """Why nothing can be built here; empty where it can."""
    if shutil.which("docker") is None:
        return "no docker on the path"
    try:
        asked = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False, timeout=30)
    except subprocess.TimeoutExpired:
        return "the docker engine does not answer"
    return "" if asked.returncode == 0 else "no docker engine answers"


def compose_command() -> list[str]:
    """Docker's compose, as its plugin or as the older program; empty where there is neither."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else []


def test_what_the_image_pins_is_what_the_project_asks_for() -> None:
    lines = (ROOT / "docker/sense.txt").read_text(encoding="utf-8").splitlines()
    pinned = {}
    for line in lines:
        if not line.startswith("#"):
            name, version = line.split("==")
            pinned[name] = version
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [Requirement(text) for text in (*project["dependencies"], *project["optional-dependencies"]["sense"])]
    for each in wanted:
        if each.name in pinned:
            assert each.specifier.contains(pinned[each.name]), f"{each} is pinned to {pinned[each.name]}"
    assert {each.name for each in map(Requirement, project["optional-dependencies"]["sense"])} <= set(pinned)
    left_out = {each.name for each in wanted} - set(pinned)
    assert left_out == {"jinja2", "pooch"}
    training = {Requirement(text).name for text in project["optional-dependencies"]["train"]}
    assert training & set(pinned) == set()
    dockerfile = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8")
    assert f"'{next(text for text in project['optional-dependencies']['bitstream'] if 'yosys' in text)}'" in dockerfile


def ask(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@pytest.fixture
def compose() -> list[str]:
    """Docker's compose on our file, under a project name of the tests' own; skips where there is none."""
    if why := docker_missing():
        pytest.skip(why)
    if not (command := compose_command()):
        pytest.skip("neither `docker compose` nor docker-compose is installed")
    return [*command, "-f", str(COMPOSE), "-p", "owlbit-test"]


@pytest.mark.slow
def test_compose_builds_an_image_that_shows_the_page_and_ends_cleanly(compose: list[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    here = {**os.environ, "OWLBIT_PORT": str(port)}
    try:
        subprocess.run([*compose, "up", "--build", "-d", "sense"], check=True, env=here, timeout=1800)
        container = ask("docker", "ps", "-q", "--filter", "label=com.docker.compose.project=owlbit-test")
        until = time.monotonic() + 120
        while not seen_well(port):
            assert time.monotonic() < until, ask("docker", "logs", container)
            time.sleep(1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as reply:
            assert b"<title>owlbit" in reply.read()
        assert ask("docker", "exec", container, "id", "-u") == "10001"
        installed = ask("docker", "exec", container, "ls", "/opt/owlbit/lib/python3.11/site-packages").split()
        assert {"torch", "brevitas", "lightning", "scipy"} & set(installed) == set()
        assert own_bytes() < MOST_OWN_BYTES
        read_only = subprocess.run(["docker", "exec", container, "touch", "/opt/owlbit/x"], capture_output=True, check=False)
        assert read_only.returncode != 0
        until = time.monotonic() + 120
        while not ask("docker", "exec", container, "cat", "/runs/events.jsonl"):
            assert time.monotonic() < until, "no event came"
            time.sleep(1)
        ask("docker", "stop", "--time", "20", container)
        assert ask("docker", "inspect", container, "--format", "{{.State.ExitCode}}") == "0"
        logs = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=True)
        events = [json.loads(line) for line in logs.stdout.splitlines()]
        assert events and "Traceback" not in logs.stderr and f"{len(events)} events" in logs.stderr
    finally:
        subprocess.run([*compose, "down", "-v"], check=False, env=here, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("given", ["a-token-of-the-host", ""])
def test_the_containers_page_needs_its_token(compose: list[str], given: str) -> None:
    """The one that compose hands over, or, without one, the random one in the log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    here = {**os.environ, "OWLBIT_PORT": str(port), "OWLBIT_TOKEN": given}
    picture = (ROOT / "docs/zoo.png").read_bytes()
    try:
        subprocess.run([*compose, "up", "--build", "-d", "sense"], check=True, env=here, timeout=1800)
        container = ask("docker", "ps", "-q", "--filter", "label=com.docker.compose.project=owlbit-test")
        until = time.monotonic() + 120
        while not seen_well(port):
            assert time.monotonic() < until, ask("docker", "logs", container)
            time.sleep(1)
        logs = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=True).stderr
        found = re.search(r"open http://localhost:8000/#token=(\S+) ", logs)
        assert found and (found[1] == given or (not given and len(found[1]) == 22)), logs
        for token, status in (("", 401), (found[1] + "x", 401), (found[1], 200)):
            assert post(port, picture, token) == status
        assert commanded(port, "") == "refused" and commanded(port, found[1]) == "setting"
    finally:
        subprocess.run([*compose, "down", "-v"], check=False, env=here, timeout=120)


def post(port: int, picture: bytes, token: str) -> int:
    """The status with which the page answers a picture."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/picture", picture, {"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(asked, timeout=30) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


def commanded(port: int, token: str) -> str:
    """What the page says to a command: "refused", or "setting" where it was obeyed."""
    from websockets.sync.client import connect

    with connect(f"ws://127.0.0.1:{port}/live") as socket:
        if token:
            socket.send(json.dumps({"token": token}))
        socket.send(json.dumps({"light": 50}))
        while True:
            message = socket.recv(timeout=30)
            said = json.loads(message) if isinstance(message, str) else {}
            if said.get("kind") == "refused" or (said.get("kind") == "setting" and said["lux"] == 50):
                return str(said["kind"])


@pytest.mark.slow
def test_the_training_image_verifies_its_demo_with_every_simulator(compose: list[str]) -> None:
    """None may say "not run": the image brings all that the checks need, the packed bitstream's among them."""
    train = [*compose, "--profile", "train"]
    try:
        subprocess.run([*train, "build", "train"], check=True, timeout=3600)
        demo = subprocess.run([*train, "run", "--rm", "-T", "train"], capture_output=True, text=True, check=False, timeout=1800)
        assert demo.returncode == 0, demo.stdout + demo.stderr
        show = [*train, "run", "--rm", "-T", "--entrypoint", "cat", "train", "/runs/demo/verification.json"]
        rows = json.loads(ask(*show))
        assert len(rows) == 7 and all(row["status"] == "exact" for row in rows[1:]), rows
    finally:
        subprocess.run([*train, "down", "-v"], check=False, timeout=120)


def seen_well(port: int) -> bool:
    """Whether the container says that frames come, and has taken some."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as reply:
            return bool(json.load(reply)["frames"] > 10)
    except OSError:
        return False


def own_bytes() -> int:
    """The size of the image's own layers: all that lie above its base."""
    base = next(
        line.split("=", 1)[1] for line in (ROOT / "docker/Dockerfile").read_text().splitlines() if line.startswith("ARG PYTHON=")
    )
    size = [int(ask("docker", "image", "inspect", name, "--format", "{{.Size}}")) for name in (IMAGE, base)]
    return size[0] - size[1]
