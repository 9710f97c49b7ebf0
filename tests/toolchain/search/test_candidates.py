"""Candidates are judged by the compiler itself, and only those that fit are trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from owlbit.export.errors import OwlbitError
from owlbit.hw.c.build import describe_build, generate
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.hw.up5k.compiler.cost_model import CLOCK_HZ
from owlbit.toolchain.checks.targets import fit_ecp5, network_of
from owlbit.toolchain.search.candidates import Candidate, Judge, check_space, nearest, nobody_fits
from owlbit.toolchain.search.space_file import read_space
from search_cases import SPACE, space_file


def judged(folder: Path, text: str = SPACE, **chosen: Any) -> Candidate:
    values = {"layers[1].repeat": 1, **chosen}
    judge = Judge(read_space(space_file(folder, text)), lambda data: 2)
    return judge.propose(lambda parameter: values.get(parameter.key, parameter.first()))


def test_figures_are_those_of_the_compiler(tmp_path: Path) -> None:
    candidate = judged(tmp_path)
    assert candidate.recipe is not None and candidate.fits and candidate.distance == 0
    network = network_of(candidate.recipe, 2)
    cycles = compile_network(network).cycles_per_frame
    # thermometer 3 colours x 2, 8 filters of 3x3 over 6 channels, 8 over 8, two classes over 8x4x4
    bits = 8 * 9 * 6 + 8 * 9 * 8 + 2 * 8 * 4 * 4
    assert (candidate.figures["bits"], candidate.figures["cycles"]) == (bits, cycles)
    assert candidate.figures["fps"] == CLOCK_HZ / cycles


def test_a_part_of_the_ecp5_is_judged_by_its_own_cost_model(tmp_path: Path) -> None:
    text = SPACE.replace('"up5k"', '"ecp5-25f"').replace('["accuracy", "bits"]', '["accuracy", "cycles"]')
    candidate = judged(tmp_path, text)
    assert candidate.recipe is not None and candidate.fits
    (fit,) = fit_ecp5(network_of(candidate.recipe, 2), ["ecp5-25f"])
    assert {name: candidate.figures[name] for name in ("cycles", "fps", "luts")} == fit.figures
    tight = judged(tmp_path, text.replace("bits = 4000", "luts = 10"))
    assert not tight.fits and tight.reason.startswith("luts: expected at most 10, got ")


def test_c_files_are_judged_by_their_bytes(tmp_path: Path) -> None:
    text = SPACE.replace('"up5k"', '"c"').replace('["accuracy", "bits"]', '["accuracy", "bytes"]')
    candidate = judged(tmp_path, text)
    assert candidate.recipe is not None and candidate.fits
    build = describe_build(network := network_of(candidate.recipe, 2), generate(network))
    names = ("weight_bytes", "threshold_bytes", "arena_bytes", "window_bytes")
    assert candidate.figures["bytes"] == sum(build[name] for name in names)
    assert judged(tmp_path, text.replace("bits = 4000", "bytes = 99")).reason.startswith("bytes: expected at most 99, got ")


def test_what_is_left_out_does_not_make_another_candidate(tmp_path: Path) -> None:
    left_out: list[dict[str, Any]] = [{"layers[1].repeat": 0, "layers[1].groups": groups} for groups in (1, 2)]
    one, other = (judged(tmp_path, **chosen) for chosen in left_out)
    assert one.identity == other.identity != judged(tmp_path).identity


@pytest.mark.parametrize(
    ("text", "chosen", "reason"),
    [
        (SPACE, {"layers[1].groups": 3}, "layers[1].groups: expected a divisor of the 8 input channels, got 3 groups"),
        (SPACE.replace("4000", "800"), {}, "bits: expected at most 800, got 1,264"),
        (SPACE.replace("bits = 4000", "fps = 1e6"), {}, "fps: expected at least 1,000,000, got"),
        (SPACE.replace("pool = 2", "pool = 4"), {}, "up5k: pool1 pools 4x4 every 4x4; 2x2 every 2x2 fits"),
        (SPACE.replace("[training]", '[training]\nnumbers = "real"'), {}, 'training.numbers = "real" makes a float network'),
        (SPACE.replace("bits = 4000", "luts = 100"), {}, "luts is not known of up5k"),
    ],
)
def test_what_does_not_fit_says_why(text: str, chosen: dict[str, Any], reason: str, tmp_path: Path) -> None:
    candidate = judged(tmp_path, text, **chosen)
    assert not candidate.fits and candidate.distance > 0
    assert candidate.reason.startswith(reason)


def test_an_unknown_target(tmp_path: Path) -> None:
    with pytest.raises(OwlbitError, match=r'expected a target of up5k, .*, got "vp6000"'):
        judged(tmp_path, SPACE.replace('"up5k"', '"vp6000"'))


def test_the_closest_candidate_is_named(tmp_path: Path) -> None:
    text = SPACE.replace("4000", "100")
    larger: dict[str, Any] = {"layers[0].filters": 24}
    small, large = judged(tmp_path, text), judged(tmp_path, text, **larger)
    closest = nearest(nearest(None, large), small)
    assert closest is small and nearest(small, large) is small
    message = str(nobody_fits(read_space(space_file(tmp_path, text)), closest, 2))
    assert "meets the constraints (target up5k, bits <= 100), found none among 2; the closest has" in message
    assert "layers[0].filters = 8" in message and "bits: expected at most 100, got 1,264" in message


def test_a_mistake_of_the_file_is_not_taken_for_a_bad_choice(tmp_path: Path) -> None:
    space = read_space(space_file(tmp_path, SPACE.replace("pool = 2", "pol = 2")))
    with pytest.raises(
        OwlbitError, match=r'space\.toml: .* found none: layers\[0\]\.pol: expected a known key \(did you mean "pool"'
    ):
        check_space(Judge(space, lambda data: 2))
