"""What tests of several folders share: the wheel, and one tiny trained run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

# Tests that run side by side share the cores, where threads of torch would wait for each other in loops. Before torch is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from installing import ROOT, build
from tiny_recipe import quiet, recipe_for


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built once."""
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel") / "out")


@pytest.fixture(scope="session")
def one_training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the one tiny training of all tests took place; tests take `trained`, a copy."""
    from owlbit.toolchain.training.train import train  # torch only where a test needs it

    folder = tmp_path_factory.mktemp("trained")
    train(recipe_for(folder), folder / "run", console=quiet())
    return folder


@pytest.fixture
def trained(one_training: Path, tmp_path: Path) -> Path:
    """`tmp_path` with images.npz, recipe.toml and the finished run "run", as `tiny_recipe.recipe_for` and a training left them."""
    shutil.copytree(one_training, tmp_path, dirs_exist_ok=True)
    return tmp_path
