"""`owlbit bench c`: a row per network and the targets, from a real measurement; without tools "not run" stands there."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from owlbit.hw.c.machines import MACHINES, check_tools
from owlbit.hw.external_tools import ToolMissing
from owlbit.toolchain.benchmarks import c_code
from owlbit.toolchain.deploy.model_source import find_model
from owlbit.toolchain.zoo.card import read_cards

(DIGITS,) = [card for card in read_cards() if card.name == "digits"]


def test_without_tools_it_says_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    found = c_code.measure_network(DIGITS, find_model("zoo:digits").load())
    assert (found.size, found.steps, found.seconds) == (None, None, None) and set(found.counted.values()) == {None}
    page = c_code.page([found])
    assert re.search(r"^\| digits +\| 97.15% +\| not run .* exact +\|$", page, re.MULTILINE)
    rows = {row[0]: row[1:] for row in c_code.targets([found]).rows}
    assert rows["arena / largest sum of maps alive at once"] == ("0.50", "1.1", "reached")
    assert [row[2] for row in rows.values()].count("not run") == 4
    assert not c_code.any_missed([found])
    assert c_code.any_missed([replace(found, exact=False)])


@pytest.mark.slow
def test_the_digits_reach_every_target() -> None:
    for key in c_code.COUNTED:
        try:
            check_tools(MACHINES[key])
        except ToolMissing as reason:
            pytest.skip(f"not run: {reason}")
    if shutil.which("gcc") is None:
        pytest.skip("not run: gcc is not installed")
    found = c_code.measure_network(DIGITS, find_model("zoo:digits").load())
    assert found.exact and found.size is not None and (found.steps is None or 500_000 < found.steps < 5_000_000)
    # The time on a shared machine is no test of the code: it is left to the command.
    timed = [row for row in c_code.targets([found]).rows if not row[0].startswith("x86-64")]
    assert {row[3] for row in timed} == {"reached"}
    assert found.size.weights == found.files.plan.weight_bytes + found.files.plan.threshold_bytes
    heavier = replace(found, size=replace(found.size, code=6001))
    assert c_code.any_missed([heavier])
    counted = found.counted["m4"]
    assert counted is not None and np.isfinite(counted.per_word)
