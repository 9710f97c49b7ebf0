"""The bench of training: every form is measured, as ratios to Brevitas' modules, and the target depends on the processor."""

from pathlib import Path

import pytest

from owlbit.toolchain.benchmarks import training
from owlbit.toolchain.benchmarks.training import BREVITAS, FAST, HALVES, PLAIN, Speed, measure, missed, table
from owlbit.toolchain.runs.processor import processor
from tiny_recipe import TEACHER, recipe_for


def test_every_form_is_measured_and_the_processor_named(tmp_path: Path) -> None:
    speeds = measure(recipe_for(tmp_path, training=TEACHER), rounds=2)
    assert [speed.form for speed in speeds][:4] == [BREVITAS, PLAIN, FAST, HALVES] and len(speeds) == 7
    assert speeds[0].ratio == 1 and all(speed.images_per_second > 0 for speed in speeds)
    assert len(table(speeds).splitlines()) == 3 + 9 and processor() in table(speeds)


@pytest.mark.parametrize(("native", "form", "least"), [("AMX-BF16", HALVES, 3), ("", FAST, 2)])
def test_a_missed_target_is_told(monkeypatch: pytest.MonkeyPatch, native: str, form: str, least: float) -> None:
    monkeypatch.setattr(training, "native_bfloat16", lambda: native)
    others = [Speed(other, 100.0, 0.5) for other in (FAST, HALVES) if other != form]
    assert missed([Speed(form, 100.0, least - 0.1), *others]) and not missed([Speed(form, 100.0, least + 0.1), *others])
    assert f"the target is {least} times" in table(others)
