"""The C files on microcontrollers in QEMU: the reference's integers, the promised instructions and bytes, and no library needed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network
from owlbit.hw.c.build import generate
from owlbit.hw.c.machines import MACHINES, Machine, check_tools, code_size, run_on
from owlbit.hw.external_tools import ToolMissing
from owlbit.hw.reference import simulate
from owlbit.toolchain.data.synthetic import make_frames
from owlbit.toolchain.deploy.model_source import find_model
from random_networks import random_images, random_network

# Instructions for each 32-bit word of weights in the inner loop, at most.
MOST_PER_WORD = {"m4": 20, "rv32-zbb": 8}


SLOW = ("m0", "rv32")  # the same code runs on another machine of QEMU, or has the same flags but one


@pytest.fixture(params=[pytest.param(key, marks=[pytest.mark.slow] if key in SLOW else []) for key in MACHINES])
def key(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    try:
        check_tools(MACHINES[name])
    except ToolMissing as reason:
        pytest.skip(f"not run: {reason}")
    return name


@pytest.fixture
def machine(key: str) -> Machine:
    return MACHINES[key]


def test_the_digits_are_exact_and_take_few_instructions(key: str, machine: Machine, tmp_path: Path) -> None:
    network = find_model("zoo:digits").load()
    images = make_frames(network.input_shape, 3)
    counted = run_on(machine, generate(network), network, images, tmp_path)
    np.testing.assert_array_equal(counted.scores, simulate(network, images))
    assert counted.per_word <= MOST_PER_WORD.get(key, 25)
    # A frame has 2.7 million binary multiplications, 83,000 words of them.
    assert all(400_000 < each < 4_000_000 for each in counted.instructions)


@pytest.mark.slow
@pytest.mark.parametrize("flags", [("-Os",), ("-O3",), ("-O2", "-DOWLBIT_POPCOUNT=2")], ids=" ".join)
def test_random_networks_on_machines(machine: Machine, tmp_path: Path, flags: tuple[str, ...]) -> None:
    for seed in range(6):
        rng = np.random.default_rng(200 + seed)
        network = random_network(rng, max_channels=40)
        images = random_images(rng, network, 3)
        folder = tmp_path / str(seed)
        folder.mkdir()
        counted = run_on(machine, generate(network), network, images, folder, flags)
        np.testing.assert_array_equal(counted.scores, simulate(network, images))


@pytest.mark.parametrize("level", ["-Os", "-O2"])
def test_code_needs_no_library_and_few_bytes(machine: Machine, tmp_path: Path, level: str) -> None:
    """All kernels at once: a network with every kind of layer, a shuffle and factors."""
    network = with_everything()
    size = code_size(machine, generate(network, "net"), tmp_path, (level,))
    assert size.code <= 6000 and size.weights > 0
    names = subprocess.run([f"{machine.compiler}nm", "-u", "net.o"], cwd=tmp_path, capture_output=True, text=True, check=True)
    # Of the compiler's own library nothing but the arithmetic of floats that ranks classes.
    floats = ("__aeabi_f", "__aeabi_i2f", "__addsf3", "__mulsf3", "__floatsisf", "__gtsf2")
    assert [name for name in names.stdout.split()[1::2] if not name.startswith(floats)] == []


def with_everything() -> Network:
    """A random network with every kind of layer, and factors."""
    for seed in range(10_000):
        rng = np.random.default_rng(seed)
        network = random_network(rng)
        if len({type(layer) for layer in network.layers}) == 7:
            factors = rng.uniform(1, 2, network.classes).astype(np.float32)
            return Network(network.input_shape, network.layers, score_factors=factors)
    raise AssertionError


def test_a_program_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    machine = MACHINES["m0-microbit"]
    try:
        check_tools(machine)
    except ToolMissing as reason:
        pytest.skip(f"not run: {reason}")
    network = find_model("zoo:cifar10_1mb").load()
    images = make_frames(network.input_shape, 48)
    with pytest.raises(OwlbitError, match=r"^c: expected a program of at most 262,144 bytes of code and constants"):
        run_on(machine, generate(network), network, images, tmp_path)


def test_a_missing_compiler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolMissing, match=r"expected arm-none-eabi-gcc, .*apt install gcc-arm-none-eabi"):
        check_tools(MACHINES["m4"])
    with pytest.raises(ToolMissing, match=r"expected riscv64-unknown-elf-gcc, .*apt install gcc-riscv64-unknown-elf"):
        check_tools(MACHINES["rv32"])
