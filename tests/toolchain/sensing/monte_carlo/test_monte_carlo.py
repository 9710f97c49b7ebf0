"""Monte-Carlo: its figures are those of the parts, its interval covers as often as it says, its files hold what it printed."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from owlbit.export.errors import OwlbitError
from owlbit.export.load_model import load_model
from owlbit.hw import fast, reference
from owlbit.toolchain.deploy.model_source import find_model
from owlbit.toolchain.sensing.converters import bit_planes
from owlbit.toolchain.sensing.monte_carlo import measure as monte_carlo
from owlbit.toolchain.sensing.monte_carlo.measure import Condition, conditions, interval, measure
from owlbit.toolchain.sensing.monte_carlo.run import CSV, PLOT, TABLE, run_monte_carlo
from owlbit.toolchain.sensing.monte_carlo.systems import BIT_PLANES, DEMO, UNIFORM, labelled_frames, systems_for
from owlbit.toolchain.sensing.sensor import Sensor
from sensing_tools import demo_network


def test_an_ideal_sensor_has_the_accuracy_of_the_integer_network() -> None:
    network = demo_network()
    data = labelled_frames(network, "scene", 200)
    expected = float((reference.simulate(network, data.images).argmax(1) == data.labels).mean())
    systems = systems_for(DEMO, network, [])
    condition = Condition("mismatch", 0.0, "mV", 0.0, 200.0, 30.0)
    points = list(measure(systems, data, Sensor().ideal(), condition, chips=2))
    assert len(points) == len(systems) == 5
    for point in points:
        if point.system.startswith("learned"):
            assert point.accuracy == expected
        assert point.accuracy > (0.85 if point.system.startswith("bit planes") else 0.93)
        assert point.low <= point.accuracy <= point.high


def test_the_comparison_networks_are_as_good_as_the_docs_say() -> None:
    data = labelled_frames(demo_network(), "scene", 2000)
    planes = fast.simulate(load_model(BIT_PLANES), bit_planes(data.images)).argmax(1)
    uniform = fast.simulate(find_model(UNIFORM).load(), data.images).argmax(1)
    assert (float((planes == data.labels).mean()), float((uniform == data.labels).mean())) == (0.9020, 0.9660)


def test_darkness_and_mismatch_cost_accuracy() -> None:
    network = demo_network()
    data = labelled_frames(network, "scene", 100)
    systems = systems_for(DEMO, network, [])[:1]

    def accuracy(mismatch: float, lux: float, rate: float) -> float:
        (point,) = measure(systems, data, Sensor(), Condition("", 0, "", mismatch, lux, rate), chips=2)
        return point.accuracy

    assert accuracy(0, 1000, 30) > 0.9
    assert accuracy(100, 1000, 30) < 0.8
    assert accuracy(0, 0.1, 30) < 0.5
    assert accuracy(0, 10, 3000) < accuracy(0, 10, 30) - 0.1


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Chips and frames both have their own effect; the two-way bootstrap is meant to be wide enough, not exact."""
    draw = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        chance = 0.9 + 0.05 * draw.standard_normal((20, 1)) + 0.05 * draw.standard_normal((1, 150))
        low, high = interval(draw.random((20, 150)) < chance, trial)
        truth = 0.9 - (np.maximum(0.9 + 0.05 * np.sqrt(2) * draw.standard_normal(20000) - 1, 0)).mean()
        covered += low <= truth <= high
    assert covered >= 180


def test_the_sweeps_span_several_decades() -> None:
    by_sweep = {name: [c.value for c in conditions(Sensor(), 200, 30) if c.sweep == name] for name in ("light", "frame rate")}
    for values in by_sweep.values():
        assert max(values) / min(values) >= 1000
    for condition in conditions(Sensor(mismatch_mv=3.0), 50, 20):
        held = {"mismatch": condition.mismatch_mv, "light": condition.lux, "frame rate": condition.rate}
        assert held.pop(condition.sweep) == condition.value
        assert set(held.items()) <= {("mismatch", 3.0), ("light", 50), ("frame rate", 20)}


def test_files_hold_the_table_a_csv_and_a_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, values in (("MISMATCHES", (0.0, 2.0)), ("LIGHTS", (1.0, 100.0)), ("RATES", (30.0, 300.0))):
        monkeypatch.setattr(monte_carlo, name, values)
    network = demo_network()
    data, systems = labelled_frames(network, "scene", 40), systems_for(DEMO, network, [])
    out = tmp_path / "mc"
    text = run_monte_carlo(systems, data, out, Sensor(), chips=2, notify=lambda _: None)
    assert (out / TABLE).read_text() == text
    with (out / CSV).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 * len(systems)
    for row in rows:
        assert f"{float(row['accuracy']):.1%} [{float(row['low']):.1%}, {float(row['high']):.1%}]" in text
        assert (row["chips"], row["images"]) == ("2", "40")
    with Image.open(out / PLOT) as picture:
        assert min(picture.size) > 400
    again = run_monte_carlo(systems, data, out, Sensor(), chips=2, notify=lambda _: None)
    assert again == text
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(OwlbitError, match="holds other files"):
        run_monte_carlo(systems, data, tmp_path / "other", Sensor(), chips=2)


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    network = demo_network()
    with pytest.raises(OwlbitError, match=r"zoo:cifar10_1mb: expected frames of .1, 16, 16."):
        systems_for(DEMO, network, [Path("zoo:cifar10_1mb")])
    with pytest.raises(OwlbitError, match="images: expected 2,000 at most"):
        labelled_frames(network, "scene", 2001)
    (tmp_path / "cat").mkdir()
    Image.new("L", (16, 16)).save(tmp_path / "cat" / "a.png")
    with pytest.raises(OwlbitError, match=r"expected sub-folders named like the classes, 0, 1, .* got cat"):
        labelled_frames(network, str(tmp_path), 10)
    with pytest.raises(OwlbitError, match="chips: expected at most 10,000, got 1,000,000,000"):
        run_monte_carlo([], labelled_frames(network, "scene", 1), tmp_path / "out", Sensor(), chips=10**9)
    with pytest.raises(OwlbitError, match="chips: expected at least 2, got 1"):
        run_monte_carlo([], labelled_frames(network, "scene", 1), tmp_path / "out", Sensor(), chips=1)
