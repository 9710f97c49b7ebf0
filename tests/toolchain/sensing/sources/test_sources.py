"""Folders, videos and the scene: what they give, what they refuse, and what they survive."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from owlbit.export.network import Network, Scores, Thermometer
from owlbit.toolchain.sensing.sources.open_source import open_source
from owlbit.toolchain.sensing.sources.scene import LIGHT_EVERY, LIGHTS, Scene, light_at
from owlbit.toolchain.sensing.sources.source import CorruptFrame, Source, SourceError, SourceGone
from random_networks import random_network
from sensing_tools import demo_network


def save(path: Path, value: int, size: tuple[int, int] = (16, 16)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).save(path)


def opened(path: Path, notices: list[str] | None = None, **options: object) -> Source:
    told: list[str] = [] if notices is None else notices
    return open_source(str(path), demo_network(), notify=told.append, **options)  # type: ignore[arg-type]


def names(source: Source, count: int) -> list[str]:
    shots = [source.read() for _ in range(count)]
    return [shot.name if shot else "end" for shot in shots]


def test_a_folder_gives_its_pictures_in_order_and_begins_again(tmp_path: Path) -> None:
    for name, value in (("b.png", 20), ("a.png", 10), ("3/x.png", 30)):
        save(tmp_path / name, value)
    (tmp_path / "notes.txt").write_text("no picture")
    source = opened(tmp_path, hold=2)
    shots = [source.read() for _ in range(8)]
    assert [(shot.name, shot.label, int(shot.frame[0, 0, 0])) for shot in shots if shot] == [
        *[("3/x.png", 3, 30)] * 2,
        *[("a.png", None, 10)] * 2,
        *[("b.png", None, 20)] * 2,
        *[("3/x.png", 3, 30)] * 2,
    ]


def test_once_ends_after_the_last_picture(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 1)
    source = opened(tmp_path, hold=1, repeat=False)
    assert names(source, 3) == ["a.png", "end", "end"]


def test_pictures_may_come_and_go_and_the_folder_vanish_and_return(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    save(folder / "a.png", 1)
    source = opened(folder, hold=1)
    assert names(source, 1) == ["a.png"]
    save(folder / "b.png", 1)
    assert names(source, 2) == ["a.png", "b.png"]
    shutil.rmtree(folder)
    for _ in range(2):
        with pytest.raises(SourceGone, match="no pictures there any more"):
            source.read()
    save(folder / "c.png", 1)
    assert names(source, 2) == ["c.png", "c.png"]


def test_a_corrupt_picture_is_passed_over(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 1)
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:40])
    save(tmp_path / "c.png", 1)
    source = opened(tmp_path, hold=1)
    assert names(source, 1) == ["a.png"]
    with pytest.raises(CorruptFrame, match=r"passed over: .*b\.png: expected a picture, could not read it"):
        source.read()
    assert names(source, 2) == ["c.png", "a.png"]


def test_only_corrupt_pictures_are_a_source_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    source = opened(tmp_path)
    with pytest.raises(CorruptFrame):
        source.read()
    with pytest.raises(SourceGone, match="none of the 1 pictures there can be read"):
        source.read()


def test_another_size_is_scaled_with_one_notice_or_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 7, (64, 48))
    save(tmp_path / "b.png", 7, (64, 48))
    notices: list[str] = []
    source = opened(tmp_path, notices, hold=1)
    frames = [source.read() for _ in range(4)]
    assert all(shot is not None and shot.frame.shape == (1, 16, 16) for shot in frames)
    assert notices == [f"{tmp_path}/a.png: frames of 48x64 are cropped and scaled to 16x16 (rows x columns)"]
    with pytest.raises(SourceError, match=r"expected frames of 16x16 .* got 48x64; scale them, or leave out --strict"):
        opened(tmp_path, strict=True).read()


def test_what_is_no_source_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=r"expected pictures .* in this folder or its sub-folders, found none"):
        opened(tmp_path / "empty")
    with pytest.raises(SourceError, match="no such file or folder; expected scene, webcam"):
        opened(tmp_path / "missing")
    five = Network((5, 2, 2), (Thermometer(np.ones((5, 1), np.int32)), Scores(np.ones((2, 20), np.uint8))))
    with pytest.raises(SourceError, match="takes 5 channels, which no picture has"):
        open_source(str(tmp_path), five, notify=print)


def test_a_video_without_pyav_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "v.mp4").write_bytes(b"")
    with pytest.raises(SourceError, match=r"videos and cameras need PyAV; `pip install --editable '\.\[sense\]'` brings it"):
        opened(tmp_path / "v.mp4")


def test_the_scene_is_seeded_and_fits_any_network() -> None:
    first, again, other = (Scene(demo_network(), seed) for seed in (1, 1, 2))
    differs = False
    for _ in range(300):
        one, same, different = first.read(), again.read(), other.read()
        assert one is not None and same is not None and different is not None
        np.testing.assert_array_equal(one.frame, same.frame)
        assert (one.name, one.label, one.light) == (same.name, same.label, same.light)
        differs |= not np.array_equal(one.frame, different.frame)
    assert differs
    strange = random_network(np.random.default_rng(0), max_size=9, colours=range(3, 4))
    shot = Scene(strange).read()
    assert shot is not None and shot.frame.shape == strange.input_shape and shot.frame.dtype == np.uint8


def test_a_digit_is_labelled_only_while_it_is_whole() -> None:
    scene = Scene(demo_network(), 3)
    shots = [scene.read() for _ in range(600)]
    for shot in shots:
        assert shot is not None
        assert (shot.label is not None) == shot.name.startswith("a ")
        assert shot.label is None or shot.name == f"a {shot.label}"
    assert {shot.name.split()[0] for shot in shots if shot} == {"nothing", "part", "a"}


def test_light_of_the_scene_changes_slowly() -> None:
    lights = [light_at(index) for index in range(LIGHT_EVERY * len(LIGHTS))]
    assert set(LIGHTS) <= set(lights)
    assert max(abs(np.diff(np.log(lights)))) < 0.06
