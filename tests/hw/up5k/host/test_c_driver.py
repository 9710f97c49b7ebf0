"""The C driver: compiles without a warning, and against a chip on a pseudo-terminal gives what the Python client gives."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from avr_tools import has_avr_headers
from board_builds import gray_network
from board_device import Chip, on_a_port, packet
from owlbit.export.network import Network
from owlbit.hw.reference import simulate
from owlbit.hw.up5k.build import network_image
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.hw.up5k.wake_policy import ChipPolicy
from random_networks import random_images

C = Path(__file__).resolve().parents[4] / "hw" / "up5k" / "host" / "c"
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror", f"-I{C}"]
ARDUINO = Path("/usr/share/arduino/hardware/arduino/avr")  # Debian's arduino-core-avr
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="not run: no gcc on the path")


def compiled(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("c") / "owlbit_linux"
    sources = [str(C / "examples" / "linux" / "owlbit_linux.c"), str(C / "owlbit_host.c")]
    compiled(["gcc", *STRICT, "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", *sources, "-o", str(out)])
    return out


@pytest.fixture(scope="module")
def network() -> Network:
    return gray_network(7)


@pytest.fixture
def chip(network: Network) -> Chip:
    image = network_image(network, compile_network(network), ChipPolicy(1, 2, 0, 3, (9,)))
    return Chip(network, image, random_images(np.random.default_rng(2), network, 5))


def run(program: Path, port: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(program), port, *arguments], capture_output=True, text=True, check=False, timeout=60)


@needs_gcc
def test_every_request(program: Path, chip: Chip, network: Network, tmp_path: Path) -> None:
    noise = b"\xa5\x01\xff\xff\xa5\x02\x10\x00" + packet(6, b"\x03")[:-1]
    frame = random_images(np.random.default_rng(3), network, 1)[0]
    (tmp_path / "frame").write_bytes(frame.transpose(1, 2, 0).tobytes())
    with on_a_port(chip, noise=noise) as port:
        status = run(program, port, "status")
        shape = f"{network.input_shape[1]}x{network.input_shape[2]}x1, {network.classes} classes"
        assert status.stdout == f"{network.name} on icesugar: state 2, error 0, {shape}, 0 frames, self-test 1\n", status.stderr
        assert run(program, port, "selftest").stdout == "self-test passed\n"
        pushed = json.loads(run(program, port, "push", str(tmp_path / "frame")).stdout)
        assert pushed["scores"] == simulate(network, frame[None])[0].tolist()
        assert run(program, port, "wake", "2", "3", "70000", "9").returncode == 0
        assert chip.policy == ChipPolicy(2, 3, 70_000, 9, (9,))
        refused = run(program, port, "wake", "4", "3", "0", "0")
        assert (refused.returncode, refused.stderr) == (1, "refused (code 3)\n")
        chip.drop_acks, chip.drop_requests = 1, 1
        again = json.loads(run(program, port, "push", str(tmp_path / "frame")).stdout)
        assert again["scores"] == pushed["scores"]
        chip.wrong_by = 1
        assert run(program, port, "selftest").returncode == 1


@needs_gcc
def test_camera_frames(program: Path, chip: Chip, network: Network) -> None:
    with on_a_port(chip, period_s=0.01) as port:
        lines = [json.loads(line) for line in run(program, port, "listen", "12").stdout.splitlines()]
    assert chip.frames is not None
    assert len(lines) == 12
    for line in lines:
        assert line["scores"] == simulate(network, chip.frames[None, line["frame"] % 5])[0].tolist()
    assert {line["wake"] for line in lines} == {True, False}


@needs_gcc
def test_damaged_packets_and_silence_are_survived(program: Path, chip: Chip) -> None:
    """Noise between frames: some begin like packets, some are packets with a flipped bit."""
    rng = np.random.default_rng(1)
    camera = chip.camera

    def noisy() -> bytes:
        good = camera()
        damaged = bytearray(good)
        damaged[int(rng.integers(len(damaged)))] ^= 1 << int(rng.integers(8))
        return rng.bytes(int(rng.integers(1, 30))) + bytes(damaged) + b"\xa5\x01" + good

    chip.camera = noisy  # type: ignore[method-assign]
    with on_a_port(chip, period_s=0.01) as port:
        lines = [json.loads(line) for line in run(program, port, "listen", "40").stdout.splitlines()]
    frames = [line["frame"] for line in lines]
    assert len(lines) == 40
    assert frames == sorted(set(frames))
    chip.silent = True
    with on_a_port(chip) as port:
        assert run(program, port, "status").stderr == "no answer\n"
    assert run(program, "/dev/null", "status").returncode == 2


@needs_gcc
@pytest.mark.parametrize("optimisation", ["-O0", "-Os", "-O3"])
def test_it_compiles_without_a_warning(tmp_path: Path, optimisation: str) -> None:
    compiled(["gcc", *STRICT, optimisation, "-c", str(C / "owlbit_host.c"), "-o", str(tmp_path / "host.o")])
    (tmp_path / "uses.cpp").write_text('#include "owlbit_host.h"\nint main() { owlbit_host host; (void)host; return 0; }\n')
    compiled(
        ["gcc", "-x", "c++", "-Wall", "-Wextra", "-Werror", f"-I{C}", "-c", str(tmp_path / "uses.cpp"), "-o", str(tmp_path / "u")]
    )


@pytest.mark.skipif(not has_avr_headers(), reason="not run: no avr-gcc with its library; Debian: apt-get install gcc-avr avr-libc")
def test_it_compiles_for_an_arduino_and_fits(tmp_path: Path) -> None:
    out = tmp_path / "host.o"
    small = ["-mmcu=atmega328p", "-Os", "-DOWLBIT_MOST_CLASSES=32"]
    compiled(["avr-gcc", *STRICT, *small, "-c", str(C / "owlbit_host.c"), "-o", str(out)])
    flash = subprocess.run(["avr-size", "-A", str(out)], capture_output=True, text=True, check=True).stdout
    used = sum(int(line.split()[1]) for line in flash.splitlines() if line.startswith(".text"))
    assert used < 8 * 1024  # of the 32 KB of an ATmega328P


@pytest.mark.skipif(
    shutil.which("avr-g++") is None or not ARDUINO.is_dir(),
    reason="not run: no Arduino core; Debian: apt-get install arduino-core-avr",
)
def test_the_sketch_compiles(tmp_path: Path) -> None:
    sketch = C / "examples" / "arduino" / "owlbit_wake" / "owlbit_wake.ino"
    core = [f"-I{ARDUINO / 'cores' / 'arduino'}", f"-I{ARDUINO / 'variants' / 'standard'}", "-include", "Arduino.h"]
    board = ["-mmcu=atmega328p", "-DF_CPU=16000000L", "-DARDUINO=10819", "-DARDUINO_AVR_UNO", "-DARDUINO_ARCH_AVR"]
    options = ["-std=gnu++11", "-Os", "-Wall", "-Wextra", "-Werror", "-DOWLBIT_MOST_CLASSES=32", f"-I{C}", *board, *core]
    compiled(["avr-g++", *options, "-x", "c++", "-c", str(sketch), "-o", str(tmp_path / "sketch.o")])


@pytest.mark.skipif("ZEPHYR_BASE" not in os.environ, reason="not run: ZEPHYR_BASE is not set")
def test_the_zephyr_example_builds(tmp_path: Path) -> None:
    example = C / "examples" / "zephyr"
    overlay = tmp_path / "owlbit.overlay"
    overlay.write_text("/ { aliases { owlbit-uart = &uart0; }; };\n")
    configure = ["cmake", "-GNinja", "-B", str(tmp_path / "build"), f"-DDTC_OVERLAY_FILE={overlay}", "-DBOARD=qemu_cortex_m3"]
    subprocess.run([*configure, str(example)], check=True)
    subprocess.run(["cmake", "--build", str(tmp_path / "build")], check=True)
