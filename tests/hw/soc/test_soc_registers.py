"""Every register of the Wishbone wrapper, the image's memory, overflow and interrupts, by single bus transfers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from owlbit.export.network import Network
from owlbit.hw import reference
from owlbit.hw.soc.design import RTL, C
from owlbit.hw.soc.simulate import build_wishbone, run_script
from owlbit.hw.up5k.build import network_image
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.hw.up5k.compiler.flash_format import FLASH_OFFSET, MAGIC, VERSION
from owlbit.hw.verilator import missing_tools
from random_networks import random_fitting_network, random_images

pytestmark = pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}")
DRIVER = (C / "owlbit_soc.h").read_text(encoding="utf-8")
NAMES = ("ID", "VERSION", "CONTROL", "STATUS", "SHAPE", "CLASSES", "LEVELS", "FRAMES", "SCORE", "PIXELS", "PIXELS_END", "IMAGE")
AT = {name: int(re.search(rf"OWLBIT_SOC_{name} = (\w+)", DRIVER)[1], 16) for name in NAMES}  # type: ignore[index]
BOOTED, ERROR, IDLE, WAITS, RESULT, FULL, OVERFLOW = (1 << bit for bit in range(7))
IRQ_RESULT, IRQ_ERROR = 0x100, 0x200
MASTERS = ("classic", "pipelined")


def write(name: str, value: int, select: int = 15, offset: int = 0) -> str:
    return f"w {AT[name] + offset:x} {value:x} {select:x}"


def read(name: str, offset: int = 0) -> str:
    return f"r {AT[name] + offset:x}"


def bus(*lines: str, master: str = "classic", seed: int = 0) -> list[int]:
    return [word for word, _ in run_script(build_wishbone(), lines, f"+master={master}", f"+seed={seed}")]


def words_of(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4)]


@pytest.fixture(scope="module")
def network() -> Network:
    return random_fitting_network(np.random.default_rng(7), max_size=7, max_channels=20)


@pytest.fixture(scope="module")
def boot(network: Network) -> list[str]:
    """Writes the image, starts, and waits until it has booted."""
    image = network_image(network, compile_network(network))
    lines = [write("IMAGE", word, offset=4 * index) for index, word in enumerate(words_of(image))]
    return [*lines, write("CONTROL", 1), f"i {16 * len(image) + 2000:x}"]


@pytest.fixture(scope="module")
def frames(network: Network) -> NDArray[np.uint8]:
    return random_images(np.random.default_rng(1), network, 3)


def send(frame: NDArray[np.uint8]) -> list[str]:
    """A frame, slowly enough for the FIFO."""
    words = words_of(frame.transpose(1, 2, 0).tobytes())
    lines = [write("PIXELS" if index + 1 < len(words) else "PIXELS_END", word) for index, word in enumerate(words)]
    return [part for line in lines for part in (line, "i 80")]


@pytest.mark.parametrize("master", MASTERS)
def test_after_reset(master: str) -> None:
    found = bus(*(read(name) for name in NAMES[:-1]), read("ID", 0x100), "r fffc", master=master)
    version = VERSION << 8 | 1 | 4 << 16 | 8 << 20 | 15 << 24
    assert found[:4] == [int.from_bytes(MAGIC, "big"), version, 0, found[3]]
    assert found[3] & (BOOTED | WAITS | RESULT | FULL | OVERFLOW) == 0
    assert found[6] == 256 << 16 | 16
    assert found[7:] == [0] * 6


@pytest.mark.parametrize("master", MASTERS)
@pytest.mark.parametrize("seed", [0, 9])
def test_the_image_s_memory(master: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    at = rng.permutation(32768)[:60] * 4
    memory: dict[int, int] = {}
    lines = []
    for place in (*at, *at[::2], *at[::3]):
        value, select = int(rng.integers(2**32)), int(rng.integers(1, 16)) if place in memory else 15
        mask = sum(0xFF << 8 * lane for lane in range(4) if select >> lane & 1)
        memory[place] = memory.get(place, 0) & ~mask | value & mask
        lines.append(write("IMAGE", value, select, int(place)))
    lines += [read("IMAGE", int(place)) for place in at]
    assert bus(*lines, master=master, seed=seed) == [memory[place] for place in at]


def test_control_takes_bytes(boot: list[str]) -> None:
    found = bus(
        *boot, write("CONTROL", 0x300, 2), read("CONTROL"), write("CONTROL", 0, 12), read("CONTROL"), write("CONTROL", 0, 1)
    )
    assert found == [0x301, 0x301]


@pytest.mark.parametrize("seed", [0, 4])
def test_shape_frames_and_scores(network: Network, boot: list[str], frames: NDArray[np.uint8], seed: int) -> None:
    colours, rows, columns = network.input_shape
    lines = [*boot, read("STATUS"), read("SHAPE"), read("CLASSES")]
    for frame in frames:
        lines += [*send(frame), "i 20000", read("STATUS"), read("LEVELS"), *[read("SCORE")] * (network.classes + 1), read("STATUS")]
    found = bus(*lines, read("FRAMES"), write("CONTROL", 0), read("FRAMES"), read("SHAPE"), seed=seed)
    assert found[:3] == [BOOTED | IDLE, rows << 16 | columns, colours << 16 | network.classes]
    assert found[-3:-1] == [len(frames), 0]
    for index, scores in enumerate(reference.simulate(network, frames)):
        part = found[3 + index * (network.classes + 4) :][: network.classes + 4]
        # The FIFO's output holds one of the scores that wait.
        assert part[:2] == [BOOTED | IDLE | WAITS | RESULT, (256 - network.classes + 1) << 16 | 16]
        expected = [0x80000000 | int(score) & 0xFFFF for score in scores]
        expected[-1] |= 0x40000000
        assert part[2:-1] == [*expected, 0]
        assert part[-1] == BOOTED | IDLE


def test_a_short_frame_is_marked(network: Network, boot: list[str], frames: NDArray[np.uint8]) -> None:
    lines = [*boot, write("PIXELS_END", 0xFF, 1), "i 20000", *[read("SCORE")] * network.classes]
    found = bus(*lines, *send(frames[0]), "i 20000", *[read("SCORE")] * network.classes)
    order = np.zeros(frames[0].size, np.uint8)
    order[0] = 0xFF
    colours, rows, columns = network.input_shape
    short = order.reshape(rows, columns, colours).transpose(2, 0, 1)
    expected = reference.simulate(network, np.stack([short, frames[0]]))
    assert [word & 0xFFFF for word in found] == [int(score) & 0xFFFF for score in expected.reshape(-1)]
    assert [word >> 29 & 1 for word in found] == [1] * network.classes + [0] * network.classes


def test_single_bytes_make_the_same_frame(network: Network, boot: list[str], frames: NDArray[np.uint8]) -> None:
    rng, lines = np.random.default_rng(0), list(boot)
    for value in frames[0].transpose(1, 2, 0).reshape(-1):
        lane = int(rng.integers(4))
        lines += [write("PIXELS", int(value) << 8 * lane | int(rng.integers(2**32)) & ~(0xFF << 8 * lane), 1 << lane), "i 40"]
    lines += [write("PIXELS", 0, 0), "i 20000", *[read("SCORE")] * network.classes, read("FRAMES")]
    found = bus(*lines)
    assert [word & 0xFFFF for word in found[:-1]] == [int(score) & 0xFFFF for score in reference.simulate(network, frames[:1])[0]]
    assert found[-1] == 1


def test_pixels_before_booting_overflow() -> None:
    lines = [write("CONTROL", 0x201), *[write("PIXELS", 0)] * 18]
    found = run_script(build_wishbone(), [*lines, read("STATUS"), "i 1", write("PIXELS", 0), read("STATUS"), read("LEVELS")])
    words, interrupts = zip(*found, strict=True)
    # 16 words lie in the FIFO, one at its output and one in the unit that makes bytes of it.
    assert (words[0] & OVERFLOW, words[1] & OVERFLOW, words[2] & 0xFFFF) == (0, OVERFLOW, 0)
    assert interrupts == (False, True, True)
    again = run_script(build_wishbone(), [*lines, write("PIXELS", 0), write("CONTROL", 0x200), read("STATUS"), read("LEVELS")])
    assert again[0][0] & OVERFLOW == 0 and again[1] == (256 << 16 | 16, False)


def test_interrupts(network: Network, boot: list[str], frames: NDArray[np.uint8]) -> None:
    lines = [*boot, write("CONTROL", 0x101), read("ID"), *send(frames[0]), "i 20000", read("ID"), "i 1"]
    lines += [*[read("SCORE")] * (network.classes - 1), "i 1", read("SCORE"), "i 1", read("ID")]
    found = [irq for _, irq in run_script(build_wishbone(), lines)]
    assert (found[0], found[1], found[2], found[-1]) == (False, True, True, False)


def test_a_refused_image_says_so() -> None:
    found = run_script(build_wishbone(), [write("IMAGE", 0), write("CONTROL", 0x201), "i 1000", read("STATUS")])
    assert found[0][0] & (ERROR | BOOTED) == ERROR
    assert found[0][1]


@pytest.mark.parametrize("master", MASTERS)
def test_a_restart_says_nothing_of_the_last_image(boot: list[str], master: str) -> None:
    core = build_wishbone(pipelined=master == "pipelined")
    lines = [*boot, read("STATUS"), write("CONTROL", 0), write("CONTROL", 1), read("STATUS"), read("STATUS")]
    lines += ["i 40000", read("STATUS"), write("IMAGE", 0), write("CONTROL", 0), write("CONTROL", 1), "i 1000", read("STATUS")]
    lines += [write("CONTROL", 0), write("CONTROL", 1), read("STATUS")]
    found = [word & (BOOTED | ERROR) for word, _ in run_script(core, lines, f"+master={master}")]
    assert found == [BOOTED, 0, 0, BOOTED, ERROR, 0]


def test_another_network_after_a_stop(network: Network, boot: list[str], frames: NDArray[np.uint8]) -> None:
    """In the middle of a frame the engine is stopped; what comes then is the other network's, from its first pixel."""
    other = random_fitting_network(np.random.default_rng(8), max_size=6, max_channels=20)
    image = network_image(other, compile_network(other))
    images = random_images(np.random.default_rng(2), other, 1)
    lines = [*boot, *send(frames[0])[:4], write("CONTROL", 0)]
    lines += [write("IMAGE", word, offset=4 * index) for index, word in enumerate(words_of(image))]
    lines += [write("CONTROL", 1), f"i {16 * len(image) + 2000:x}", *send(images[0]), "i 20000", *[read("SCORE")] * other.classes]
    assert [word & 0xFFFF for word in bus(*lines)] == [int(score) & 0xFFFF for score in reference.simulate(other, images)[0]]


def test_the_wrappers_know_the_image_s_format() -> None:
    text = (RTL / "owlbit_wishbone.v").read_text(encoding="utf-8")
    assert f"32'h{MAGIC.hex().upper()}" in text
    assert f"8'd{VERSION}, 8'd1}}" in text
    for name in ("owlbit_wishbone", "owlbit_axis", "owl_stream"):
        assert f"NETWORK = 24'h{FLASH_OFFSET:06X}" in (RTL / f"{name}.v").read_text(encoding="utf-8")


def test_the_driver_has_the_registers_of_the_page() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "soc_registers.md").read_text(encoding="utf-8")
    for name, offset in AT.items():
        if name != "IMAGE":
            assert f"| 0x{offset:02X} | `{name}` |" in page
    assert f"| 0x{AT['IMAGE']:06X} " in page
