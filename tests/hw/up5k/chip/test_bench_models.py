"""The models of the chip's bench, without a chip: they do what the parts' documents say, and notice what those do not allow."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from owlbit.hw.up5k import simulate

HERE = Path(__file__).parent
MODELS = Path(simulate.__file__).parent / "chip_bench"

# The table that was tried on a board (Maotechh/icesugar-hm01b0 d02fde6), in its order; 0100=01 is written apart.
HM01B0_TABLE = (
    *((0x0103, 1), (0x3067, 0), (0x3060, 8), (0x3059, 0x42), (0x1012, 0), (0x0383, 1), (0x0387, 1), (0x0390, 0), (0x3010, 1)),
    *((0x0340, 1), (0x0341, 4), (0x0342, 1), (0x0343, 0x78), (0x3068, 0x20), (0x0202, 0), (0x0203, 0xBC), (0x0205, 0)),
    *((0x020E, 1), (0x020F, 0), (0x2100, 0), (0x1000, 0), (0x1008, 0), (0x0104, 1)),
)
# YUV and QVGA of openmv/openmv 2958b85, as far as the picture's shape depends on it.
OV7670_TABLE = (
    *((0x12, 0x80), (0x11, 0x01), (0x3A, 0x04), (0x12, 0x00), (0x8C, 0), (0x04, 0), (0x40, 0xC0), (0x14, 0x48), (0x3D, 0xC0)),
    *((0x0C, 4), (0x3E, 0x19), (0x70, 0x3A), (0x71, 0x35), (0x72, 0x11), (0x73, 0xF1), (0xA2, 2), (0xB0, 0x84)),
    *((0x17, 0x15), (0x18, 0x04), (0x32, 0xA4), (0x19, 2), (0x1A, 0x7A), (0x03, 0x0A)),
)


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    executable = tmp_path_factory.mktemp("models") / "check"
    warnings = ["-Wall", "-Wextra", "-Werror"]
    subprocess.run(
        [compiler, "-std=c++17", "-O1", *warnings, f"-I{MODELS}", str(HERE / "models_check.cpp"), "-o", str(executable)], check=True
    )
    return executable


def run(check: Path, *arguments: object, commands: Sequence[str] = ()) -> list[list[str]]:
    """The events, each as its words without the time."""
    done = subprocess.run(
        [str(check), *map(str, arguments)], input="\n".join(commands) + "\n", capture_output=True, text=True, check=True
    )
    return [line.split(" ", 1)[1].split() for line in done.stdout.splitlines()]


def of_kind(events: list[list[str]], kind: str) -> list[str]:
    return [" ".join(words[1:]) for words in events if words[0] == kind]


def hm01b0_write(register: int, value: int) -> str:
    return f"i2c S 48 {register >> 8:02x} {register & 255:02x} {value:02x} P"


def hm01b0_commands(table: Sequence[tuple[int, int]] = HM01B0_TABLE) -> list[str]:
    writes = [hm01b0_write(register, value) for register, value in table]
    reads = ["i2c S 48 00 00 S 49 rN P", "i2c S 48 00 01 S 49 rN P"]
    return [*reads, writes[0], "wait 1000", "i2c S 48 01 00 S 49 rN P", *writes[1:], hm01b0_write(0x0100, 1)]


def ov7670_commands(table: Sequence[tuple[int, int]] = OV7670_TABLE) -> list[str]:
    writes = [f"i2c S 42 {register:02x} {value:02x} P" for register, value in table]
    return ["i2c S 42 0a P", "i2c S 43 rN P", writes[0], "wait 2000", *writes[1:]]


def picture(rows: int, columns: int, frames: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (frames, rows, columns), dtype=np.uint8)


def joined_nibbles(path: Path) -> NDArray[np.uint8]:
    nibbles = np.fromfile(path, np.uint8)
    return (nibbles[0 : len(nibbles) // 2 * 2 : 2] | nibbles[1::2] << 4).astype(np.uint8)


@pytest.mark.parametrize("options", [[], ["gated_pclk=1"], ["skew_ns=40", "duty=0.45"]])
def test_hm01b0_sends_the_picture_low_nibble_first(check: Path, tmp_path: Path, options: list[str]) -> None:
    shown = picture(244, 324, frames=2)
    (tmp_path / "pictures").write_bytes(shown.tobytes())
    commands = [*hm01b0_commands(), "wait 68000", f"write {tmp_path / 'out'}"]
    events = run(check, "camera", "hm01b0", tmp_path / "pictures", "frames=2", *options, commands=commands)
    assert of_kind(events, "fault") == []
    assert of_kind(events, "got") == ["01", "B0", "00"]
    assert set(of_kind(events, "ack")) == {"1"}
    assert of_kind(events, "unstable") == []
    lines = of_kind(events, "line")
    assert len(lines) == 488
    assert set(lines) == {"648 values, PCLK 166.667 ns"}  # 24 MHz / 8 is the pixel clock, two nibbles per pixel
    assert of_kind(events, "vsync") == ["1 after 0 lines", "0 after 244 lines", "1 after 244 lines", "0 after 488 lines"]
    np.testing.assert_array_equal(joined_nibbles(tmp_path / "out"), shown.reshape(-1))


def test_hm01b0_takes_its_line_and_frame_time(check: Path, tmp_path: Path) -> None:
    (tmp_path / "pictures").write_bytes(picture(244, 324).tobytes())
    done = subprocess.run(
        [str(check), "camera", "hm01b0", str(tmp_path / "pictures")],
        input="\n".join([*hm01b0_commands(), "wait 70000"]),
        capture_output=True,
        text=True,
        check=True,
    )
    times = [int(line.split()[0]) for line in done.stdout.splitlines() if " frame " in line]
    assert (times[1] - times[0]) // 1000 == 260 * 752 * 500 // 3  # 260 lines of 376 pixels, two PCLK of 166.7 ns each


def test_hm01b0_walking_pattern_and_swapped_nibbles_are_told_apart(check: Path, tmp_path: Path) -> None:
    table = [*HM01B0_TABLE[:-1], (0x0601, 0x11), HM01B0_TABLE[-1]]
    rows = []
    for options in ([], ["swap_order=1"]):
        commands = [*hm01b0_commands(table), "wait 2000", f"write {tmp_path / 'out'}"]
        run(check, "camera", "hm01b0", "/dev/null", *options, commands=commands)
        rows.append(joined_nibbles(tmp_path / "out")[:9].tolist())
    assert rows[0] == [1, 2, 4, 8, 16, 32, 64, 128, 0]
    assert rows[1] == [16, 32, 64, 128, 1, 2, 4, 8, 0]


def without(table: Sequence[tuple[int, int]], register: int) -> list[tuple[int, int]]:
    return [entry for entry in table if entry[0] != register]


def altered(table: Sequence[tuple[int, int]], register: int, value: int) -> list[tuple[int, int]]:
    return [(at, value if at == register else before) for at, before in table]


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (without(HM01B0_TABLE, 0x1012), "hm01b0: 1012 is not written, 00 at the start, expected 00"),
        (without(HM01B0_TABLE, 0x0104), "hm01b0: 0100=01 without 0104=01 just before it"),
        (altered(HM01B0_TABLE, 0x3059, 0x02), "hm01b0: 3059 is 02 at the start, expected 42"),
        (altered(HM01B0_TABLE, 0x3068, 0x21), "hm01b0: 3068 is 21 at the start, expected 20"),
        (altered(HM01B0_TABLE, 0x0390, 0x04), "hm01b0: 0390=04 is in no published table"),
        ([HM01B0_TABLE[0], (0x1234, 0x56), *HM01B0_TABLE[1:]], "hm01b0: 1234=56 is in no published table"),
        (HM01B0_TABLE[1:], "hm01b0: 3067 written before the reset 0103=01"),
    ],
)
def test_hm01b0_notices_a_wrong_table(check: Path, table: list[tuple[int, int]], fault: str) -> None:
    assert fault in of_kind(run(check, "camera", "hm01b0", "/dev/null", commands=hm01b0_commands(table)), "fault")


def test_hm01b0_without_1012_sends_two_more_pixels_a_line(check: Path) -> None:
    commands = [*hm01b0_commands(without(HM01B0_TABLE, 0x1012)), "wait 3000"]
    lines = of_kind(run(check, "camera", "hm01b0", "/dev/null", commands=commands), "line")
    assert lines and {line.split()[0] for line in lines} == {"652"}


@pytest.mark.parametrize(
    ("commands", "fault"),
    [
        (["i2c S 4a 00 00 P"], "hm01b0: I2C address 0x25, expected 0x24"),
        (["i2c S 48 01 P"], "hm01b0: a write of 1 bytes, expected two of the register and one of data"),
        (["i2c S 48 01 03 01 00 P"], "hm01b0: more than one data byte in a write"),
        (["i2c S 49 rN P"], "hm01b0: a read without the register's two bytes before"),
        ([hm01b0_write(0x0103, 1), hm01b0_write(0x3067, 0)], "hm01b0: a write to 3067 while the reset runs; it is lost"),
        (["half 0.8", "i2c S 48 00 00 P"], "i2c: SCL high of 500 ns, at least 600"),  # the line rises 0.3 us late
        (["half 0.7", "i2c S 48 00 00 P"], "i2c: SCL low of 1175 ns, at least 1300"),
    ],
)
def test_hm01b0_notices_wrong_transfers(check: Path, commands: list[str], fault: str) -> None:
    assert fault in of_kind(run(check, "camera", "hm01b0", "/dev/null", commands=commands), "fault")


def test_hm01b0_absent_wrong_and_stopped(check: Path) -> None:
    read = "i2c S 48 00 00 S 49 rN P"
    assert of_kind(run(check, "camera", "hm01b0", "/dev/null", "absent=1", commands=["i2c S 48 P"]), "ack") == ["0"]
    assert of_kind(run(check, "camera", "hm01b0", "/dev/null", "wrong_id=1", commands=[read]), "got") == ["0A"]
    commands = [*hm01b0_commands(), "wait 120000"]
    events = run(check, "camera", "hm01b0", "/dev/null", "frames=2", commands=commands)
    assert of_kind(events, "frame") == ["0", "1"]
    commands = [*hm01b0_commands(), "wait 20000", hm01b0_write(0x0100, 0), "wait 80000"]
    assert of_kind(run(check, "camera", "hm01b0", "/dev/null", commands=commands), "frame") == ["0"]


def test_ov7670_sends_luma_first(check: Path, tmp_path: Path) -> None:
    shown = picture(240, 320, frames=2)
    (tmp_path / "pictures").write_bytes(shown.tobytes())
    commands = [*ov7670_commands(), "wait 210000", f"write {tmp_path / 'out'}"]
    events = run(check, "camera", "ov7670", tmp_path / "pictures", "clock_mhz=24", "frames=1", commands=commands)
    assert of_kind(events, "fault") == []
    assert of_kind(events, "got") == ["76"]
    assert of_kind(events, "unstable") == []
    lines = of_kind(events, "line")[-240:]
    # 24 MHz / 2 by CLKRC, / 2 by the scaler: PCLK of 6 MHz, but for the few nanoseconds that an edge comes sooner or later.
    assert {line.split(" PCLK")[0] for line in lines} == {"648 values,"}
    assert {round(float(line.split()[3])) for line in lines} == {167}
    values = np.fromfile(tmp_path / "out", np.uint8)[-240 * 648 :].reshape(240, 648)
    np.testing.assert_array_equal(values[:, 0:640:2], shown[0])


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (without(OV7670_TABLE, 0x3A), "ov7670: 3A is not written, 00, expected 04"),
        (altered(OV7670_TABLE, 0x40, 0xD0), "ov7670: 40=D0 is in no published table"),
        (without(OV7670_TABLE, 0x1A), "ov7670: the window has 484 lines, expected 480"),
    ],
)
def test_ov7670_notices_a_wrong_table(check: Path, table: list[tuple[int, int]], fault: str) -> None:
    events = run(check, "camera", "ov7670", "/dev/null", commands=[*ov7670_commands(table), "wait 150000"])
    assert fault in of_kind(events, "fault")


def test_ov7670_notices_wrong_transfers(check: Path) -> None:
    def faults(*commands: str) -> list[str]:
        return of_kind(run(check, "camera", "ov7670", "/dev/null", commands=commands), "fault")

    assert faults("i2c S 42 0a S 43 rN P") == ["ov7670: SCCB knows no repeated START"]
    assert faults("i2c S 44 0a P") == ["ov7670: SCCB address 0x44, expected 0x42 or 0x43"]
    assert faults("i2c S 42 12 80 P", "i2c S 42 11 01 P") == ["ov7670: a write to 11 while the reset runs; it is lost"]


def test_flash_sleeps_until_it_is_woken(check: Path, tmp_path: Path) -> None:
    (tmp_path / "content").write_bytes(bytes(range(256)))
    read = ["cs 0", "byte 03", "byte 00", "byte 00", "byte 10", "byte 00", "byte 00", "cs 1"]
    wake = ["cs 0", "byte AB", "cs 1"]

    def flash(commands: list[str], awake: int = 0) -> tuple[list[str], list[str]]:
        events = run(check, "flash", tmp_path / "content", awake, commands=commands)
        return of_kind(events, "got")[-2:], of_kind(events, "fault")

    assert flash([*wake, "wait 3000", *read]) == (["10", "11"], [])
    assert flash(read, awake=1) == (["10", "11"], [])
    assert flash(read) == (["FF", "FF"], ["flash: read in power-down, 0xAB first"])
    assert flash([*wake, *read]) == (["FF", "FF"], ["flash: read less than 3 us after 0xAB"])
    identify = ["cs 0", "byte 9F", "byte 00", "byte 00", "byte 00", "cs 1"]
    assert flash(identify, awake=1)[1] == ["flash: command 0x9F is not one of 0x03 and 0xAB"]
    assert flash(["cs 0", "byte 03", "byte 00", "cs 1"], awake=1)[1] == ["flash: CS# rose after 16 bits of a command"]


def test_uart_bears_two_percent_and_not_seven(check: Path) -> None:
    for error in (-0.02, 0, 0.02):
        assert run(check, "uart", error, 0.02, 300, 3)[-1] == ["300", "of", "300"]
    events = run(check, "uart", 0.07, 0.0, 300, 3)
    assert int(events[-1][0]) < 300 and of_kind(events, "fault")


def test_spi_host_clocks_both_ways(check: Path) -> None:
    assert of_kind(run(check, "spi", "A5", "01", "FF", "00"), "byte")[1:] == ["5A", "FE", "00", "FF"]
