"""The loop: exact, seeded, steerable from other threads, and not stopped by what goes wrong at its source."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from owlbit.export.errors import OwlbitError
from owlbit.hw import reference
from owlbit.toolchain.sensing.controls import Controls
from owlbit.toolchain.sensing.converters import bits_network, make_converter
from owlbit.toolchain.sensing.frame_record import FrameRecord
from owlbit.toolchain.sensing.loop import Loop
from owlbit.toolchain.sensing.options import SenseOptions
from owlbit.toolchain.sensing.sensor import Sensor
from owlbit.toolchain.sensing.session import build_loop
from owlbit.toolchain.sensing.settings import default_settings
from owlbit.toolchain.sensing.sources.open_source import open_source
from owlbit.toolchain.sensing.sources.scene import Scene
from owlbit.toolchain.sensing.sources.source import CorruptFrame, Shot, SourceGone
from owlbit.toolchain.sensing.wake import WakePolicy, decide
from sensing_tools import Script, demo_network, digits, shots


def run(count: int, sensor: Sensor | None = None, **options: object) -> list[FrameRecord]:
    loop = Loop(demo_network(), Script(shots(count)), sensor=sensor, realtime=False, **options)  # type: ignore[arg-type]
    return list(loop.frames())


def test_an_ideal_sensor_gives_the_integer_networks_bits_scores_and_activity() -> None:
    network = demo_network()
    images, _ = digits(20)
    outputs = reference.activations(network, images)
    for index, record in enumerate(run(20, Sensor().ideal())):
        np.testing.assert_array_equal(record.seen, images[index])
        np.testing.assert_array_equal(record.bits, outputs[0][index])
        np.testing.assert_array_equal(record.scores, outputs[-1][index])
        np.testing.assert_array_equal(record.activity, [output[index].mean() for output in outputs[:-1]])
        assert (record.decision, record.margin) == decide(outputs[-1][index])


@pytest.mark.parametrize(("converter", "bubbles"), [("comparators", "count"), ("comparators", "keep"), ("adc", "count")])
def test_scores_of_a_real_sensor_are_the_references_for_its_bits(converter: str, bubbles: str) -> None:
    network, sensor = demo_network(), Sensor(mismatch_mv=10)
    made = make_converter(converter, sensor, network, bubbles)
    records = run(20, sensor, converter=made, controls=Controls(3.0, 10.0))
    expected = reference.simulate(bits_network(network), np.stack([record.bits for record in records]))
    np.testing.assert_array_equal([record.scores for record in records], expected)
    ideal = reference.simulate(network, digits(20)[0])
    assert not np.array_equal(expected, ideal)


def test_the_same_seeds_give_the_same_records_and_others_do_not() -> None:
    first, again, other = (run(5, chip_seed=seed, noise_seed=1) for seed in (0, 0, 1))
    np.testing.assert_array_equal([m.electrons for m in first], [m.electrons for m in again])
    assert not np.array_equal([m.electrons for m in first], [m.electrons for m in other])


def test_controls_act_at_the_next_frame() -> None:
    controls = Controls(200.0, 0.0)
    first, second, *_ = shots(2)
    steps = [first, lambda: (controls.set_light(1.0), controls.set_mismatch(30.0)), second]  # type: ignore[func-returns-value]
    loop = Loop(demo_network(), Script(steps), controls=controls, realtime=False)  # type: ignore[arg-type]
    bright, dark = loop.frames()
    assert (bright.lux, dark.lux) == (200.0, 1.0)
    assert (bright.mismatch_mv, dark.mismatch_mv) == (0.0, 30.0)
    assert dark.electrons.mean() < bright.electrons.mean() / 10


def test_time_cycles_latency_duty_and_energy_belong_together() -> None:
    loop = Loop(demo_network(), Script(shots(3)), frames_per_second=50, realtime=False)
    records = list(loop.frames())
    assert [record.time_s for record in records] == [0, 1 / 50, 2 / 50]
    for record in records:
        assert record.cycles is not None and record.latency_s is not None
        assert record.latency_s == record.cycles / 24e6
        assert record.duty == pytest.approx(record.latency_s * 50)
        expected = loop.energy.frame_joules(record.cycles, 1 / 50, 16 * 256, record.event is not None)
        assert record.energy_j == expected
    assert sum(loop.tally.joules.values()) == pytest.approx(sum(record.energy_total_j for record in records))


def test_running_accuracy_counts_labelled_frames_only() -> None:
    unlabelled = [Shot(shot.frame, "unknown") for shot in shots(10)]
    loop = Loop(demo_network(), Script([*shots(50), *unlabelled]), sensor=Sensor().ideal(), realtime=False)
    list(loop.frames())
    images, labels = digits(50)
    right = int((reference.simulate(demo_network(), images).argmax(1) == labels).sum())
    assert (loop.tally.frames, loop.tally.labelled, loop.tally.right) == (60, 50, right)
    assert loop.tally.accuracy == right / 50


def test_corrupt_frames_and_a_vanished_source_are_told_once_and_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("owlbit.toolchain.sensing.loop.RETRY_S", 0.01)
    one, two, three = shots(3)
    gone = [SourceGone("camera: gone") for _ in range(3)]
    source = Script([one, CorruptFrame("torn"), CorruptFrame("torn"), two, *gone, three])
    told: list[str] = []
    loop = Loop(demo_network(), source, realtime=False, notify=told.append)
    assert [record.name for record in loop.frames()] == [shot.name for shot in (one, two, three)]
    assert told == ["torn", "camera: gone; trying again every 0.01 s"]
    assert (loop.tally.corrupt, loop.tally.gone) == (2, 1)
    assert source.closed == 4


def test_stop_ends_a_loop_whose_source_never_comes_back() -> None:
    class Gone(Script):
        def read(self) -> Shot | None:
            raise SourceGone("never")

    loop = Loop(demo_network(), Gone([]))
    threading.Timer(0.2, loop.controls.stop).start()
    started = time.monotonic()
    assert list(loop.frames()) == []
    assert time.monotonic() - started < 5


def test_pause_step_and_stop_from_another_thread() -> None:
    loop = Loop(demo_network(), Scene(demo_network()), frames_per_second=500)
    loop.controls.pause()
    seen: list[FrameRecord] = []
    thread = threading.Thread(target=lambda: seen.extend(loop.frames()))
    thread.start()
    time.sleep(0.3)
    assert seen == [] and loop.tally.frames == 0
    loop.controls.step()
    loop.controls.step()
    wait_for(lambda: loop.tally.frames == 2)
    time.sleep(0.3)
    assert loop.tally.frames == 2
    loop.controls.resume()
    wait_for(lambda: loop.tally.frames > 5)
    loop.controls.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert [record.index for record in seen] == list(range(len(seen)))


def wait_for(condition: object, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < until, "expected the loop to go on"
        time.sleep(0.01)


def test_shown_pictures_take_the_place_of_the_sources() -> None:
    one, two, three = shots(3)
    loop = Loop(demo_network(), Script([one, two]), realtime=False)
    loop.controls.show(three.frame[:, :8], "torn upload")
    loop.controls.show(three.frame, "upload", frames=2)
    assert [record.name for record in loop.frames()] == ["upload", "upload", one.name, two.name]


def test_realtime_keeps_the_frame_rate_and_full_speed_does_not_wait() -> None:
    started = time.monotonic()
    list(Loop(demo_network(), Script(shots(20)), frames_per_second=40).frames())
    assert time.monotonic() - started >= 19 / 40
    slow = Loop(demo_network(), Script(shots(20)), frames_per_second=1e-3, realtime=False)
    assert len(list(slow.frames())) == 20  # in the time of its frames it would take hours


def test_a_frozen_record_cannot_be_written_to() -> None:
    record = run(1)[0]
    for array in (record.bits, record.seen, record.electrons, record.scores, record.activity):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_the_scene_is_quiet_then_something_comes_and_the_host_is_woken() -> None:
    loop = Loop(demo_network(), open_source("scene", demo_network(), notify=print), realtime=False)
    records = []
    for record in loop.frames():
        records.append(record)
        if record.index == 999:
            break
    quiet = [record for record in records if record.name == "nothing"]
    labelled = [record for record in records if record.label is not None]
    events = [record.event for record in records if record.event]
    assert len(quiet) > 500 and len(labelled) > 100
    assert not any(record.event for record in quiet)
    assert events and all(event.margin >= 60 for event in events)
    assert np.mean([record.decision == record.label for record in labelled]) > 0.9
    assert {record.lux for record in records} != {200.0}


def test_no_events_where_the_policy_asks_too_much() -> None:
    loop = Loop(demo_network(), Script(shots(100)), policy=WakePolicy(margin=10_000), realtime=False)
    assert not any(record.event for record in loop.frames())


def test_impossible_controls_are_refused() -> None:
    controls = Controls()
    with pytest.raises(OwlbitError, match="light: expected an illuminance of at least 0 lux, got -1"):
        controls.set_light(-1)
    with pytest.raises(OwlbitError, match="mismatch: expected at least 0 mV, got nan"):
        controls.set_mismatch(float("nan"))
    with pytest.raises(OwlbitError, match="frame rate"):
        Loop(demo_network(), Script([]), frames_per_second=0)


def test_a_board_turns_the_contrast_gate_off_and_gives_its_clock(capsys: pytest.CaptureFixture[str]) -> None:
    loop = build_loop(demo_network(), default_settings(), SenseOptions(board="icesugar", full_speed=True))
    assert (loop.policy.contrast, loop.clock_hz, loop.energy.clock_stops.value) == (0.0, 30_000_000, 0)
    record = next(iter(loop.frames()))
    assert record.cycles is not None
    assert record.latency_s == record.cycles / 30e6
    assert "board icesugar: the contrast gate is off, as the chip has none; the clock does not stop" in capsys.readouterr().err
