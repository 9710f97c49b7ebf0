"""The engine in its wrappers: the reference's scores, whatever the ports do; broken frames and damaged images are noticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from owlbit.export.load_model import load_model
from owlbit.export.network import Network, Scores
from owlbit.hw import reference
from owlbit.hw.soc.design import image_bits, memory_bits
from owlbit.hw.soc.image_memory import hex_lines, image_of_flash, main
from owlbit.hw.soc.simulate import WrapperError, build_axis, build_wishbone, run_frames
from owlbit.hw.up5k.build import build_up5k, network_image
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.hw.verilator import RANDOM_INITIAL, missing_tools
from owlbit.models.layer_table import Conv
from owlbit.toolchain.runs.untrained_network import untrained_network
from random_networks import Varied, random_fitting_network, random_images

pytestmark = pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}")
ROOT = Path(__file__).resolve().parents[3]
CORE_IMAGE = ROOT / "hw" / "soc" / "c" / "digits.bin"


@pytest.fixture(scope="module")
def digits() -> Network:
    return load_model(ROOT / "models" / "zoo" / "digits" / "model.onnx")


@pytest.fixture(scope="module")
def odd() -> Network:
    """A frame of three colours whose bytes are no multiple of four, and an odd number of classes."""
    return next(
        network
        for network in (random_fitting_network(np.random.default_rng(seed), max_size=9) for seed in range(99))
        if network.input_shape[0] == 3 and np.prod(network.input_shape) % 4 and network.classes % 2
    )


def image_of(network: Network) -> bytes:
    return network_image(network, compile_network(network))


def frames_for(network: Network, count: int = 4, seed: int = 0) -> NDArray[np.uint8]:
    return random_images(np.random.default_rng(seed), network, count)


def assert_exact(executable: Path, network: Network, *arguments: str, count: int = 4, image: bytes | None = None) -> None:
    frames = frames_for(network, count)
    scores = run_frames(executable, image or image_of(network), network, frames, *arguments)
    np.testing.assert_array_equal(scores, reference.simulate(network, frames))


@pytest.mark.parametrize("seed", [0, 5])
def test_axis_from_flash(digits: Network, odd: Network, seed: int) -> None:
    core = build_axis()
    for network in (digits, odd):
        assert_exact(core, network, f"+seed={seed}")
        assert_exact(core, network, f"+seed={seed}", "+lasts=none")


@pytest.mark.parametrize("seed", [0, 6])
def test_wishbone(digits: Network, odd: Network, seed: int) -> None:
    core = build_wishbone()
    for network in (digits, odd):
        assert_exact(core, network, f"+seed={seed}")
        assert_exact(core, network, f"+seed={seed}", "+master=pipelined")


def test_a_frame_cut_short_is_marked_and_the_next_ones_are_right(odd: Network) -> None:
    """The bench checks that tuser marks this frame alone; the rest of it was taken as 0."""
    frames = frames_for(odd, 5)
    scores = run_frames(build_axis(), image_of(odd), odd, frames, "+short=2", "+seed=3")
    cut = frames.copy()
    order = cut[2].transpose(1, 2, 0).reshape(-1).copy()
    order[len(order) // 2 :] = 0
    cut[2] = order.reshape(*cut.shape[2:], cut.shape[1]).transpose(2, 0, 1)
    np.testing.assert_array_equal(scores, reference.simulate(odd, cut))


def test_a_flipped_weight_is_noticed(digits: Network) -> None:
    last = digits.layers[-1]
    assert isinstance(last, Scores)
    weights = last.weights.copy()
    weights[7, 30] ^= 1
    flipped = Network(digits.input_shape, (*digits.layers[:-1], Scores(weights)))
    frames = frames_for(digits)
    for core in (build_axis(), build_wishbone()):
        scores = run_frames(core, image_of(flipped), digits, frames)
        wrong = np.flatnonzero((scores != reference.simulate(digits, frames)).any(axis=0))
        np.testing.assert_array_equal(wrong, [7])


@pytest.mark.parametrize("build", [build_axis, build_wishbone])
def test_a_damaged_image_is_refused(build: object, odd: Network) -> None:
    assert callable(build)
    image = bytearray(image_of(odd))
    image[len(image) // 2] ^= 4
    with pytest.raises(WrapperError, match="status 3"):
        run_frames(build(), bytes(image), odd, frames_for(odd))


def test_the_core_s_own_network_is_the_zoo_s(digits: Network) -> None:
    assert CORE_IMAGE.read_bytes() == image_of(digits)


def test_the_smallest_memory_is_found_and_a_smaller_one_is_wrong(digits: Network) -> None:
    bits = memory_bits(compile_network(digits))
    assert bits == 11
    assert_exact(build_axis(data_bytes=4, rom=True, memory_bits=bits), digits, "+seed=2")


def test_image_files(digits: Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build_up5k(digits, tmp_path)
    image = image_of_flash(tmp_path / "flash.bin")
    assert image == image_of(digits)
    assert main([str(tmp_path / "flash.bin"), str(tmp_path / "network.hex")]) == 0
    assert f"IMAGE_BITS must be {image_bits(image)} or more" in capsys.readouterr().out
    lines = (tmp_path / "network.hex").read_text(encoding="ascii").splitlines()
    assert lines[0] == "424c574f"  # "OWLB", the lowest byte first
    assert b"".join(int(line, 16).to_bytes(4, "little") for line in lines) == image.ljust(4 * len(lines), b"\0")
    assert "".join(line + "\n" for line in lines) == hex_lines(image)
    (tmp_path / "cut.bin").write_bytes(image[:-1])
    assert main([str(tmp_path / "cut.bin"), str(tmp_path / "none.hex")]) == 2
    assert "was cut off" in capsys.readouterr().err
    assert main([str(tmp_path / "absent.bin"), str(tmp_path / "none.hex")]) == 2
    assert main([]) == 2
    assert not (tmp_path / "none.hex").exists()


@pytest.mark.slow
def test_a_memory_that_is_too_small_is_wrong(digits: Network) -> None:
    small = build_axis(data_bytes=4, rom=True, memory_bits=memory_bits(compile_network(digits)) - 1)
    frames = frames_for(digits)
    try:
        scores = run_frames(small, image_of(digits), digits, frames, max_cycles=10**6)
    except WrapperError:
        return
    assert (scores != reference.simulate(digits, frames)).any()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_random_networks_through_every_wrapper(seed: int) -> None:
    network = random_fitting_network(np.random.default_rng(1000 + seed), max_size=12)
    pauses = f"+seed={seed % 2 * (seed + 1)}"
    assert_exact(build_axis(), network, pauses)
    assert_exact(build_axis(data_bytes=2), network, pauses)
    assert_exact(build_axis(data_bytes=8, rom=True), network, pauses)
    assert_exact(build_wishbone(), network, pauses)
    assert_exact(build_wishbone(pipelined=True), network, pauses, "+master=pipelined")
    assert_exact(build_wishbone(flash=True), network, pauses, "+boot=own")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 3])
def test_small_fifos_stop_the_engine_and_lose_nothing(odd: Network, seed: int) -> None:
    core = build_wishbone(options=["-GPIXEL_BITS=1", "-GSCORE_BITS=1"])
    assert odd.classes > 2
    assert_exact(core, odd, f"+seed={seed}", count=6)
    assert_exact(core, odd, f"+seed={seed}", "+master=pipelined", count=6)


@pytest.mark.slow
def test_as_many_classes_as_the_engine_takes() -> None:
    rng = np.random.default_rng(0)
    network = untrained_network((1, 4, 4), 8, [Conv(64, 3, 1, 1, pool=2)], 256, Varied(rng))
    for core in (build_axis(), build_wishbone(), build_wishbone(options=["-GSCORE_BITS=4"])):
        assert_exact(core, network, "+seed=1", count=3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cifar10_animals", "cifar10_350k"])
def test_zoo_networks(name: str) -> None:
    network = load_model(ROOT / "models" / "zoo" / name / "model.onnx")
    bits = memory_bits(compile_network(network))
    assert_exact(build_axis(data_bytes=4, rom=True, memory_bits=bits), network, count=2)
    assert_exact(build_wishbone(pipelined=True), network, "+master=pipelined", count=2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
def test_whatever_registers_and_memories_hold_at_first(odd: Network, seed: int) -> None:
    start = ("+verilator+rand+reset+2", f"+verilator+seed+{seed}")
    assert_exact(build_axis(options=RANDOM_INITIAL), odd, *start)
    assert_exact(build_wishbone(options=RANDOM_INITIAL), odd, *start)
