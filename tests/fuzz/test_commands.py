"""What a viewer may say: any JSON at all is obeyed or refused, and the loop's numbers stay in their ranges."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.sensing.loop import Loop
from owlbit.toolchain.sensing.plain_json import to_json
from owlbit.toolchain.sensing.ranges import ENERGY, LIGHT, MISMATCH
from owlbit.toolchain.sensing.server.web import obey, read_command
from owlbit.toolchain.sensing.server.wire import standing
from sensing_tools import Script, demo_network

NUMBERS = some.integers() | some.integers(-(10**400), 10**400) | some.floats() | some.booleans() | some.none()
VALUES = some.recursive(
    NUMBERS | some.text(), lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner, max_size=3)
)
KEYS = some.sampled_from(["light", "mismatch", "energy", "value", "do", "token"])
NAMED = some.sampled_from([*ENERGY, "pause", "resume", "step"])
COMMANDS = some.dictionaries(KEYS | some.text(), VALUES | NAMED, max_size=3) | VALUES
LOOP = Loop(demo_network(), Script([]), realtime=False)


@settings(max_examples=300, deadline=None)
@given(COMMANDS)
def test_any_command_is_obeyed_or_refused(command: Any) -> None:
    try:
        obey(command, LOOP)
    except OwlbitError as error:
        assert "\n" not in str(error) and len(str(error)) < 1000
    setting = LOOP.controls.read()
    assert LIGHT.low <= setting.lux <= LIGHT.high and MISMATCH.low <= setting.mismatch_mv <= MISMATCH.high
    for name, allowed in ENERGY.items():
        assert allowed.low <= getattr(LOOP.energy, name).value <= allowed.high
    json.loads(to_json(standing(LOOP)), parse_constant=lambda name: 1 / 0)


@settings(max_examples=200, deadline=None)
@given(some.text() | some.binary())
def test_any_text_is_a_command_or_none(text: str | bytes) -> None:
    try:
        read_command({"text": text} if isinstance(text, str) else {"bytes": text})
    except OwlbitError as error:
        assert "expected a command" in str(error)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_what_is_written_is_json_without_nan(content: Any) -> None:
    def same(read: Any, written: Any) -> bool:
        if isinstance(written, float) and not math.isfinite(written):
            return read is None
        if isinstance(written, list):
            return len(read) == len(written) and all(map(same, read, written))
        if isinstance(written, dict):
            return set(read) == set(written) and all(same(read[name], value) for name, value in written.items())
        return bool(read == written)

    assert same(json.loads(to_json(content), parse_constant=lambda name: 1 / 0), content)
