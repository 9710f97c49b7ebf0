"""`owlbit sense` without a page: events as JSON lines, a clean end, one message for what cannot be used, no torch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from owlbit.toolchain.cli.app import app
from owlbit.toolchain.sensing.options import SenseOptions
from sensing_tools import ROOT, printed_by


def sense(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["sense", "--headless", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_events_are_lines_of_json_on_standard_output_and_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    code, out, err = sense("--frames", "1000", "--full-speed", "--events", str(path))
    assert code == 0
    assert path.read_text() == out
    events = [json.loads(line) for line in out.splitlines()]
    assert events and all(event["decision"] == event["label"] for event in events if event["label"] is not None)
    assert [event["index"] for event in events] == sorted(event["index"] for event in events)
    assert "1,000 frames" in err and f"{len(events)} events" in err and "estimated power" in err


def test_every_option_reaches_the_session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    taken: list[SenseOptions] = []
    for name in ("run_live", "run_sweeps"):
        monkeypatch.setattr(f"owlbit.toolchain.cli.sense.{name}", lambda *given: taken.append(given[-1]))
    wanted = SenseOptions(
        source="here",
        light=5.0,
        mismatch=7.0,
        rate=12.0,
        level="rtl",
        converter="adc",
        bubbles="keep",
        expose_for=90.0,
        headless=True,
        host="0.0.0.0",
        port=81,
        token="a secret",
        frames=3,
        full_speed=True,
        once=True,
        hold=2,
        strict=True,
        events=tmp_path / "events.jsonl",
        webhook="http://127.0.0.1:9",
        seed=4,
        against=(Path("a"), Path("b")),
        folder=tmp_path / "out",
        chips=5,
        images=11,
    )
    plain, arguments = SenseOptions(), []
    for field in fields(SenseOptions):
        value = getattr(wanted, field.name)
        assert value != getattr(plain, field.name), field.name  # else its option could be dropped unnoticed
        option = {"folder": "--out"}.get(field.name, "--" + field.name.replace("_", "-"))
        values = value if isinstance(value, tuple) else (value,)
        arguments += [option] if value is True else [word for each in values for word in (option, str(each))]
    for mode in ([], ["--monte-carlo"]):
        assert CliRunner().invoke(app, ["sense", *arguments, *mode]).exit_code == 0
    assert taken == [wanted, wanted]
    assert CliRunner().invoke(app, ["sense"]).exit_code == 0
    assert taken[2] == plain


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--light", "-5"], "light: expected an illuminance of at least 0 lux, got -5"),
        (["--mismatch", "-1"], "mismatch: expected at least 0 mV, got -1"),
        (["--rate", "0"], "frame rate: expected more than 0 frames per second"),
        (["--level", "gates"], "level 'gates': expected one of fast, rtl"),
        (["--converter", "film"], "converter: expected one of comparators, adc"),
        (["--bubbles", "pop"], "bubbles: expected one of count, keep"),
        (["--source", "nowhere"], "nowhere: no such file or folder; expected scene, webcam"),
        (["--webhook", "here"], "webhook: expected an http or https URL"),
        (["--settings", "none.toml"], "none.toml: expected settings as TOML"),
        (["nothing.onnx"], "nothing.onnx: no such file or folder"),
        (["--level", "rtl", "--bubbles", "keep"], "level rtl: the engine takes a byte a pixel"),
    ],
)
def test_bad_input_is_one_message(arguments: list[str], message: str) -> None:
    code, out, err = sense("--frames", "2", "--full-speed", *arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("owlbit: ") and err.count("\n") == 1 and message in err


def test_a_folder_without_pictures_and_strict_sizes(tmp_path: Path) -> None:
    code, _, err = sense("--source", str(tmp_path))
    assert code == 2 and "expected pictures" in err and err.count("\n") == 1
    Image.new("L", (40, 40), 9).save(tmp_path / "a.png")
    code, _, err = sense("--source", str(tmp_path), "--strict", "--frames", "3")
    assert code == 2 and "expected frames of 16x16" in err and err.count("\n") == 1
    code, _, err = sense("--source", str(tmp_path), "--once", "--hold", "3", "--full-speed")
    assert code == 0 and "cropped and scaled to 16x16" in err and "3 frames" in err


def test_settings_shown_are_settings_taken(tmp_path: Path) -> None:
    code, out, _ = sense("--show-settings")
    assert code == 0
    (tmp_path / "mine.toml").write_text(out)
    code, _, err = sense("--settings", str(tmp_path / "mine.toml"), "--frames", "3", "--full-speed")
    assert code == 0 and "3 frames" in err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_cleanly_with_events_flushed(tmp_path: Path, number: int, status: int) -> None:
    path = tmp_path / "events.jsonl"
    command = [sys.executable, "-m", "owlbit.toolchain", "sense", "--headless", "--rate", "1000", "--events", str(path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 120
        while not (path.exists() and path.read_text().count("\n") >= 2):
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == status
    assert "Traceback" not in err and "frames" in err.splitlines()[-1]
    lines = path.read_text().splitlines()
    assert lines == out.splitlines() and len(lines) >= 2
    assert all(json.loads(line)["name"] for line in lines)


def test_a_reader_that_leaves_does_not_stop_it(tmp_path: Path) -> None:
    """Standard output is a pipe that nobody reads: told once, and the file still gets every event."""
    reading, writing = os.pipe()
    os.close(reading)
    path = tmp_path / "events.jsonl"
    command = [
        sys.executable,
        "-m",
        "owlbit.toolchain",
        "sense",
        "--headless",
        "--full-speed",
        "--frames",
        "1000",
        "--events",
        str(path),
    ]
    done = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, timeout=120)
    os.close(writing)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("events are no longer written there") == 1 and "Traceback" not in done.stderr
    assert path.read_text().count("\n") >= 2


def test_sensing_imports_no_torch() -> None:
    script = (
        "import sys\n"
        "from owlbit.toolchain.sensing.options import SenseOptions\n"
        "from owlbit.toolchain.sensing.session import build_loop\n"
        "from owlbit.toolchain.sensing.settings import load_settings\n"
        "import owlbit.toolchain.sensing.monte_carlo.systems\n"
        "from sensing_tools import demo_network\n"
        "loop = build_loop(demo_network(), load_settings(None), SenseOptions(full_speed=True))\n"
        "next(loop.frames())\n"
        "print(sorted({'torch', 'brevitas', 'lightning', 'matplotlib'} & set(sys.modules)))\n"
    )
    assert printed_by(script) == "[]"
