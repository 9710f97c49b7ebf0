"""The examples around a network in C: compiled by the tools that their users have, and where they run here, exact."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from avr_tools import has_avr_headers
from owlbit.export.errors import OwlbitError
from owlbit.export.load_model import load_model
from owlbit.export.network import Network, Scores
from owlbit.hw import reference
from owlbit.hw.c.build import generate
from owlbit.hw.c.row_link import Answer, ask, on_microbit
from random_networks import random_images, random_network

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "hw" / "c" / "examples"
AVR_CORE = Path("/usr/share/arduino/hardware/arduino/avr")  # Debian's arduino-core-avr
Images = NDArray[np.uint8]


def missing(*programs: str) -> list[str]:
    return [name for name in programs if shutil.which(name) is None]


needs_arm = pytest.mark.skipif(
    bool(missing("arm-none-eabi-gcc", "qemu-system-arm", "make")),
    reason="not run: Debian's gcc-arm-none-eabi, qemu-system-arm and make are not all there",
)


@pytest.fixture(scope="module")
def digits() -> Network:
    return load_model(ROOT / "models" / "zoo" / "digits" / "model.onnx")


def example(name: str, folder: Path, network: Network, place: str) -> Path:
    """A copy of an example with the C files of a network in its folder `place`."""
    copy = folder / name
    shutil.copytree(EXAMPLES / name, copy)
    (copy / place).mkdir(parents=True)
    generate(network, "network").write(copy / place)
    return copy


def checked(*command: str | Path, folder: Path, given: bytes = b"") -> str:
    done = subprocess.run([str(word) for word in command], cwd=folder, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert b"warning" not in done.stdout + done.stderr, done.stderr.decode()
    return done.stdout.decode()


def printed_answer(line: str) -> Answer:
    """The class and the scores of a line that the examples print."""
    found = re.fullmatch(r"= (\d+)((?: -?\d+)+)", line)
    assert found is not None, line
    return Answer(int(found[1]), np.array(found[2].split(), np.int32))


def classified(elf: Path, images: Images) -> list[Answer]:
    """What the main loop answers on QEMU for frames that it asks for row by row."""
    with on_microbit(elf) as line:
        return [ask(line, image) for image in images]


def assert_answers(answers: list[Answer], network: Network, images: Images) -> None:
    scores = reference.simulate(network, images)
    np.testing.assert_array_equal([each.scores for each in answers], scores)
    if network.score_factors is None:
        np.testing.assert_array_equal([each.best for each in answers], scores.argmax(axis=1))


@needs_arm
def test_a_main_loop_without_an_operating_system(digits: Network, tmp_path: Path) -> None:
    folder = example("bare_metal", tmp_path, digits, "network")
    checked("make", folder=folder)
    images = random_images(np.random.default_rng(0), digits, 4)
    assert_answers(classified(folder / "sensor.elf", images), digits, images)


@needs_arm
def test_a_flipped_weight_is_noticed(digits: Network, tmp_path: Path) -> None:
    last = digits.layers[-1]
    assert isinstance(last, Scores)
    weights = last.weights.copy()
    weights[4, 9] ^= 1
    flipped = Network(digits.input_shape, (*digits.layers[:-1], Scores(weights)))
    folder = example("bare_metal", tmp_path, flipped, "network")
    checked("make", folder=folder)
    images = random_images(np.random.default_rng(0), digits, 2)
    found = np.array([each.scores for each in classified(folder / "sensor.elf", images)])
    assert set(np.flatnonzero((found != reference.simulate(digits, images)).any(axis=0))) == {4}


@needs_arm
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_random_networks_in_the_main_loop(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng, max_size=8, max_channels=20)
    folder = example("bare_metal", tmp_path, network, "network")
    checked("make", folder=folder)
    images = random_images(rng, network, 3)
    assert_answers(classified(folder / "sensor.elf", images), network, images)


class Canned:
    """A line that says what it is given and then falls silent."""

    def __init__(self, says: bytes) -> None:
        self.says, self.heard = says, b""

    def read(self, size: int = 1) -> bytes:
        said, self.says = self.says[:size], self.says[size:]
        return said

    def write(self, data: bytes) -> int:
        self.heard += data
        return len(data)


def test_what_the_host_makes_of_other_answers() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    line = Canned(b"hello\n..= 1 -4 7\r\n")
    found = ask(line, image)
    assert (found.best, found.scores.tolist()) == (1, [-4, 7])
    assert line.heard == bytes([0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11])
    for says, problem in (
        (b"", "a dot that asks for row 0"),
        (b"boot\n" * 1000, "4096 other bytes"),
        (b".", "a dot that asks for row 1"),
        (b".= 0 1\n", "fewer rows"),
        (b"..", "an answer after 2 rows"),
        (b"...\n", "is it built for this network"),
    ):
        with pytest.raises(OwlbitError, match=problem):
            ask(Canned(says), image)


@needs_arm
def test_a_network_that_does_not_fit_says_so(digits: Network, tmp_path: Path) -> None:
    folder = example("bare_metal", tmp_path, digits, "network")
    done = subprocess.run(["make", "RAM_BYTES=0x600"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "do not fit into RAM_BYTES" in done.stderr
    assert not (folder / "sensor.elf").exists()


@pytest.mark.skipif(bool(missing("cmake", "cc")), reason="not run: no cmake or no C compiler")
def test_cmake(digits: Network, tmp_path: Path) -> None:
    folder = example("cmake", tmp_path, digits, "owlbit/network")
    checked("cmake", "-S", ".", "-B", "out", "-DCMAKE_C_FLAGS=-Wall -Wextra -Wconversion -Werror", folder=folder)
    checked("cmake", "--build", "out", folder=folder)
    images = random_images(np.random.default_rng(1), digits, 5)
    printed = checked(folder / "out" / "classify", folder=folder, given=images.tobytes())
    assert_answers([printed_answer(line) for line in printed.splitlines()], digits, images)
    done = subprocess.run([folder / "out" / "classify"], input=images.tobytes()[:-3], capture_output=True, check=False)
    assert done.returncode == 2 and b"expected frames of 256 bytes, got 253" in done.stderr
    shutil.rmtree(folder / "owlbit" / "network")
    done = subprocess.run(["cmake", "-S", ".", "-B", "none"], cwd=folder, capture_output=True, check=False)
    assert done.returncode != 0 and b"expected a folder with network.c" in done.stderr


def test_the_arduino_library_is_whole(digits: Network, tmp_path: Path) -> None:
    """The files and keys that the Arduino library specification asks for."""
    folder = example("arduino", tmp_path, digits, "src")
    lines = (folder / "library.properties").read_text(encoding="utf-8").splitlines()
    keys = dict(line.split("=", 1) for line in lines)
    assert keys.keys() >= {
        *("name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures", "includes")
    }
    assert (folder / "src" / keys["includes"]).is_file()
    assert (folder / "examples" / "classify" / "classify.ino").is_file()


@pytest.mark.skipif(not has_avr_headers(), reason="not run: no avr-gcc with its library; Debian: apt-get install gcc-avr avr-libc")
def test_the_network_compiles_for_an_avr(digits: Network, tmp_path: Path) -> None:
    """`int` has 16 bits there."""
    folder = example("arduino", tmp_path, digits, "src")
    strict = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    checked("avr-gcc", "-mmcu=atmega2560", "-Os", *strict, "-c", "src/network.c", "-o", "network.o", folder=folder)


@pytest.mark.skipif(
    shutil.which("avr-g++") is None or not AVR_CORE.is_dir(),
    reason="not run: no Arduino core; Debian: apt-get install arduino-core-avr",
)
def test_the_sketch_compiles(digits: Network, tmp_path: Path) -> None:
    folder = example("arduino", tmp_path, digits, "src")
    core = [f"-I{AVR_CORE / 'cores' / 'arduino'}", f"-I{AVR_CORE / 'variants' / 'mega'}", "-include", "Arduino.h", "-Isrc"]
    board = ["-mmcu=atmega2560", "-DF_CPU=16000000L", "-DARDUINO=10819", "-DARDUINO_AVR_MEGA2560", "-DARDUINO_ARCH_AVR"]
    options = ["-std=gnu++11", "-Os", "-Wall", "-Wextra", "-Werror", *board, *core]
    checked("avr-g++", *options, "-x", "c++", "-c", "examples/classify/classify.ino", "-o", "sketch.o", folder=folder)


def test_the_zephyr_module_names_files_that_are_there() -> None:
    module = EXAMPLES / "zephyr"
    text = (module / "zephyr" / "module.yml").read_text(encoding="utf-8")
    named = re.findall(r"^  (cmake|kconfig): (\S+)$", text, re.MULTILINE)
    assert [key for key, _ in named] == ["cmake", "kconfig"]
    assert (module / named[0][1] / "CMakeLists.txt").is_file() and (module / named[1][1]).is_file()
    options = set(re.findall(r"^(?:menu)?config (\w+)$", (module / "Kconfig").read_text(encoding="utf-8"), re.MULTILINE))
    used = set(re.findall(r"CONFIG_(OWLBIT\w*)", (module / "CMakeLists.txt").read_text(encoding="utf-8")))
    assert options == used == {"OWLBIT", "OWLBIT_STATIC_ARENA"}


@pytest.mark.skipif("ZEPHYR_BASE" not in os.environ, reason="not run: ZEPHYR_BASE is not set")
def test_the_zephyr_sample_builds(digits: Network, tmp_path: Path) -> None:
    folder = example("zephyr", tmp_path, digits, "network")
    configure = ["cmake", "-GNinja", "-B", str(tmp_path / "build"), "-DBOARD=qemu_cortex_m0"]
    subprocess.run([*configure, str(folder / "sample")], check=True)
    subprocess.run(["cmake", "--build", str(tmp_path / "build")], check=True)
