"""The settings file and the code's defaults are one; a user's file changes what it names; the energy formula by hand."""

from __future__ import annotations

import json
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest

from owlbit.export.errors import OwlbitError
from owlbit.hw.up5k.bitstream.plan import ENGINE_JSON
from owlbit.hw.up5k.board import load_board
from owlbit.toolchain.sensing.sensor import Sensor
from owlbit.toolchain.sensing.settings import DEFAULTS, default_settings, load_settings
from owlbit.toolchain.sensing.wake import WakePolicy
from sensing_tools import demo_network


def test_the_file_says_what_the_code_does() -> None:
    settings = default_settings()
    assert settings.sensor == Sensor()
    assert settings.policy == WakePolicy()
    content = tomllib.loads(DEFAULTS.read_text())
    assert set(content["sensor"]) == {each.name for each in fields(Sensor)}
    assert set(content["wake"]) == {each.name for each in fields(WakePolicy)}
    for name, table in content["energy"].items():
        assert table["unit"] and table["source"].split()[0].strip(":") in (
            "measured",
            "nominal",
            "assumption",
            "extrapolated",
            "this",
        ), name


def test_a_users_file_changes_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    energy = '[energy.sensor_watts]\nvalue = 0.002\nsource = "my board"\n'
    path.write_text('[sensor]\nread_noise = 9\n[wake]\nmargin = 5\nquiet = ["3", "0"]\n' + energy)
    settings = load_settings(path)
    assert settings.sensor == Sensor(read_noise=9.0)
    assert settings.policy_for(demo_network()) == WakePolicy(margin=5, quiet=(3, 0))
    assert (settings.energy.sensor_watts.value, settings.energy.sensor_watts.source) == (0.002, "my board")
    assert settings.energy.core_volts == default_settings().energy.core_volts
    assert load_settings(None) == default_settings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sensor]\nread_nose = 1.0", 'sensor.read_nose: expected a known key .did you mean "read_noise".'),
        ("[sensor]\nread_noise = -1.0", "sensor: read_noise: expected a number of at least 0, got -1"),
        ("[sensor]\nread_noise = 'much'", 'sensor.read_noise: expected a number, got the text "much"'),
        ("[wake]\nneeded = 9", "expected k of n frames"),
        (
            "[wake]\nhold_off_s = 3.0",
            "wake.hold_off_s: expected hold_off_frames in its place, .* for 3.0 s at 30 frames/s write hold_off_frames = 90",
        ),
        ("[wake]\nquiet = 3", "wake.quiet: expected a list of class names, got 3"),
        ("[energy.volts]\nvalue = 1", "energy.volts: expected one of core_volts"),
        ("[energy.core_volts]\nvalue = -1", "energy.core_volts: expected a table with a value of at least 0, got -1"),
        ("[energy]\ncore_volts = 1", "energy.core_volts: expected a table with a value"),
        ("[lens]\nf = 2", "expected the tables .sensor., .wake. and .energy.NAME., got lens"),
        ("sensor = ", "expected settings as TOML"),
    ],
)
def test_what_no_setting_can_be_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(OwlbitError, match=message) as caught:
        load_settings(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_missing_file_and_unknown_class_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OwlbitError, match="expected settings as TOML, could not read them"):
        load_settings(tmp_path / "none.toml")
    (tmp_path / "mine.toml").write_text('[wake]\nquiet = ["cat"]')
    with pytest.raises(OwlbitError, match=r"wake\.quiet: expected names of 0, 1, .* got 'cat'"):
        load_settings(tmp_path / "mine.toml").policy_for(demo_network())


def test_energy_by_hand() -> None:
    model = default_settings().energy
    cells = json.loads(ENGINE_JSON.read_text(encoding="utf-8"))["used"]["logic cells"]
    busy_amps = 1162e-6 + cells * 1.63e-13 * 24e6
    assert model.busy_amps() == pytest.approx(busy_amps)
    assert model.clock_stops.value == 0
    assert model.frame_joules(24_000, 0.02, 0, False)["fpga"] == pytest.approx(1.2 * (1162e-6 * 0.019 + busy_amps * 0.001))
    model = model.changed("clock_stops", 1)
    joules = model.frame_joules(cycles=24_000, frame_s=0.02, comparisons=4096, event=True)
    assert joules["fpga"] == pytest.approx(1.2 * (92.1e-6 * 0.019 + busy_amps * 0.001))
    assert joules["array"] == pytest.approx(4096 * 1e-12 + 0.5e-3 * 0.02)
    assert joules["host"] == pytest.approx(0.05)
    overrun = model.frame_joules(cycles=10**9, frame_s=0.02, comparisons=0, event=False)
    assert overrun["fpga"] == pytest.approx(1.2 * busy_amps * 0.02)
    assert overrun["host"] == 0


def test_a_board_decides_whether_its_clock_stops() -> None:
    board = load_board("icesugar")
    model = default_settings().energy.changed("clock_stops", 1).on_board(board)
    assert (model.clock_stops.value, model.clock_stops.source) == (0, "the bitstream of the board icesugar")
    assert default_settings().energy.on_board(replace(board, clock_gating=True)).clock_stops.value == 1
    busy_amps = 1162e-6 + model.cells.value * 1.63e-13 * 30e6
    joules = model.frame_joules(30_000, 0.02, 0, False, clock_hz=30e6)
    assert joules["fpga"] == pytest.approx(1.2 * (1162e-6 * 0.019 + busy_amps * 0.001))
