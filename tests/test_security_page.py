"""docs/security.md lists every limit with its value, and the messages that it quotes are those that are given."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from owlbit.export import limits as file_limits
from owlbit.export.errors import OwlbitError
from owlbit.export.files import read_limited
from owlbit.export.settings import read_toml
from owlbit.toolchain.data import limits as picture_limits
from owlbit.toolchain.sensing.ranges import ENERGY, SENSOR
from owlbit.toolchain.sensing.sensor import check_light
from owlbit.toolchain.sensing.server import limits as page_limits
from owlbit.toolchain.sensing.settings import default_settings

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `([A-Z_]+)` \| ([\d,]+) \|", PAGE, re.MULTILINE))
LIMITS = {
    name: value for module in (file_limits, picture_limits, page_limits) for name, value in vars(module).items() if name.isupper()
}


def test_every_limit_stands_there_with_its_value() -> None:
    assert {name: f"{value:,g}" if isinstance(value, float) else f"{value:,}" for name, value in LIMITS.items()} == ROWS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#" * (file_limits.TEXT_BYTES + 1), "expected at most 262,144 bytes, found more"),
        ("a = " + "[" * 21 + "]" * 21, "expected a TOML file, got: tables or lists more than 20 deep in one another"),
        ("a = " + "[" * 3000, "expected a TOML file, got: "),
        ("a = 0x1" + "f" * 1024, "expected a TOML file, got: an integer of 4,097 bits, up to 4,096 are read"),
        ("a = " + "9" * 4301, "expected a TOML file, got: "),
        (".".join(["a"] * 202) + " = 1", "expected a TOML file, got: 201 dots in line 1, up to 200 are read"),
    ],
    ids=["bytes", "depth", "recursion", "bits", "digits", "dots"],
)
def test_a_text_beyond_a_limit_is_refused_in_its_words(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(OwlbitError) as caught:
        read_toml(path, "a recipe")
    assert str(caught.value).startswith(f"{path}: {message}") and "\n" not in str(caught.value)


def test_a_file_that_never_ends_is_not_read_to_its_end() -> None:
    with pytest.raises(OwlbitError, match="expected at most 1,000 bytes, found more"):
        read_limited(Path("/dev/zero"), 1000)


def test_the_light_that_the_page_quotes() -> None:
    with pytest.raises(OwlbitError) as caught:
        check_light(1e25)
    assert f"`{caught.value}`" in PAGE


def test_every_number_of_the_settings_has_a_range_that_holds_its_default() -> None:
    settings = default_settings()
    for name, allowed in SENSOR.items():
        assert allowed.low <= getattr(settings.sensor, name) <= allowed.high
    for name, allowed in ENERGY.items():
        assert allowed.low <= getattr(settings.energy, name).value <= allowed.high
    shares = {"lens_transmission", "reflectance", "filter_transmission", "quantum_efficiency"}  # checked as such
    numbers = {name for name, value in vars(settings.sensor).items() if isinstance(value, float)}
    assert numbers == set(SENSOR) | shares and set(vars(settings.energy)) == set(ENERGY)


def test_a_signal_ends_a_session_within_five_seconds_whatever_hangs() -> None:
    from owlbit.toolchain.sensing.server.limited_server import LEAVING_S
    from owlbit.toolchain.sensing.server.serve import LAST_FRAME_S
    from owlbit.toolchain.sensing.sinks import DRAIN_S

    assert LEAVING_S + LAST_FRAME_S + DRAIN_S < 5
