"""The bench of training: every form is measured, as ratios to Brevitas' modules."""

from pathlib import Path

from owlbit.toolchain.benchmarks.training import BREVITAS, FAST, Speed, measure, missed, table
from tiny_recipe import TEACHER, recipe_for


def test_every_form_is_measured(tmp_path: Path) -> None:
    speeds = measure(recipe_for(tmp_path, training=TEACHER), rounds=2)
    assert [speed.form for speed in speeds][:3] == [BREVITAS, "owlbit, float32", FAST] and len(speeds) == 5
    assert speeds[0].ratio == 1 and all(speed.images_per_second > 0 for speed in speeds)
    assert len(table(speeds).splitlines()) == 7


def test_a_promise_not_kept_is_told() -> None:
    assert missed([Speed(FAST, 100.0, 2.9)]) and not missed([Speed(FAST, 100.0, 3.1)])
