"""`owlbit build --target finn:PART` folds for a rate, for a part and by a file, writes its page, and refuses what does not fit."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from owlbit.toolchain.cli.app import app

pytest.importorskip("finn.custom_op", reason="finn-plus is not installed; `make finn` brings it, to Python 3.11")

SMALL = "finn:xc7s15ftgb196-1"


def owlbit(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def build(out: Path, *words: str | Path, target: str = SMALL) -> Result:
    return owlbit("build", "zoo:digits", "--target", target, "--out", out, *words)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digit reader for a thousand frames per second on the smallest part."""
    out = tmp_path_factory.mktemp("finn") / "digits"
    done = build(out, "--fps", "1000")
    assert done.exit_code == 0, done.output
    return out


@pytest.mark.slow
def test_the_page_tells_of_the_folding_that_was_written(built: Path) -> None:
    found = json.loads((built / "finn.json").read_text(encoding="utf-8"))
    assert found["estimates"]["frames_per_second"] >= 1000
    assert {one["part"]["device"]: one["this_folding_fits"] for one in found["parts"]}["xc7s15"]
    layers = {layer["name"]: layer["folding"] for layer in found["estimates"]["layers"]}
    folding = json.loads((built / "folding.json").read_text(encoding="utf-8"))
    assert folding.pop("Defaults") == {} and set(folding) <= set(layers)
    for name, settings in folding.items():
        assert all(f"{attribute} {settings[attribute]}" in layers[name] for attribute in ("PE", "SIMD") if attribute in settings)
    assert "539 kB" in (built / "finn.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_folding_file_of_a_build_gives_the_same_build(built: Path, tmp_path: Path) -> None:
    done = build(tmp_path / "again", "--folding", built / "folding.json", "--to", "step_owlbit_fold", target="finn:xc7z020clg400-1")
    assert done.exit_code == 0, done.output
    first, again = (json.loads((folder / "finn.json").read_text(encoding="utf-8")) for folder in (built, tmp_path / "again"))
    assert first["estimates"] == again["estimates"]


@pytest.mark.slow
def test_without_a_rate_the_part_is_filled(built: Path, tmp_path: Path) -> None:
    done = build(tmp_path / "full", "--to", "step_owlbit_fold")
    assert done.exit_code == 0, done.output
    slow, full = (json.loads((folder / "finn.json").read_text(encoding="utf-8")) for folder in (built, tmp_path / "full"))
    assert full["estimates"]["frames_per_second"] > slow["estimates"]["frames_per_second"]
    assert full["estimates"]["luts"] <= 0.7 * 8_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "content", "message"),
    [
        (["--fps", "1e9"], None, r"at most [\d,.]+ frames/s at 100 MHz, which \w+ allows"),
        ([], {"MVAU_hls_0": {"PE": 5}}, "expected settings for every layer with weights"),
        ([], {"MVAU_hls_77": {"PE": 1, "SIMD": 1}}, "got MVAU_hls_77; a folding file fits one network only"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, words: list[str], content: object, message: str) -> None:
    if content:
        (tmp_path / "folding.json").write_text(json.dumps(content), encoding="utf-8")
        words = ["--folding", str(tmp_path / "folding.json")]
    assert_refused(tmp_path / "out", SMALL, words, message)


@pytest.mark.parametrize(
    ("target", "words", "message"),
    [
        ("finn:xc7z021clg400-1", [], "did you mean .*xc7z020"),
        ("finn:xc7z020", [], "expected a part with its package and speed"),
        ("finn:xc7z045ffg900-2", [], "expected a device whose resources are known here, got xc7z045"),
        (SMALL, ["--folding", "none.json"], "none.json: .* cannot be read"),
    ],
)
def test_what_cannot_be_built_is_refused_before_anything_is_written(
    tmp_path: Path, target: str, words: list[str], message: str
) -> None:
    assert_refused(tmp_path / "out", target, words, message)
    assert not (tmp_path / "out").exists()


def assert_refused(out: Path, target: str, words: list[str], message: str) -> None:
    """One message on the error stream, exit code 2."""
    done = build(out, *words, target=target)
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith("owlbit: ") and done.stderr.count("\n") == 1
    assert re.search(message, done.stderr), done.stderr
