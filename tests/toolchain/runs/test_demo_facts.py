"""demo.json is read back as it was written; a demo that has not ended has nothing to tell, and a damaged file is named."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from owlbit.export.errors import OwlbitError
from owlbit.hw.verification import Row
from owlbit.toolchain.runs.demo_facts import FACTS, DemoFacts, read_demo_facts, write_demo_facts

FOUND = DemoFacts({"train": 60.5}, 60.5, 2000, 0.97, 62_000, 9_000, 10_280, [Row("rtl", "exact", 8, 1.5, 10_280)])


def test_facts_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    assert read_demo_facts(tmp_path) is None
    write_demo_facts(tmp_path, DemoFacts({}, 0.0))
    assert read_demo_facts(tmp_path) is None
    write_demo_facts(tmp_path, FOUND)
    assert read_demo_facts(tmp_path) == FOUND
    write_demo_facts(tmp_path, replace(FOUND, cycles_per_frame=None))
    assert read_demo_facts(tmp_path) == replace(FOUND, cycles_per_frame=None)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"flash_bytes": "many"}, r'flash_bytes: expected an integer, got the text "many"'),
        (
            {"verification": [{"backend": "rtl", "status": "well", "images": 1, "seconds": 1}]},
            r"verification\[0\]\.status: expected one of",
        ),
    ],
)
def test_damaged_facts_are_named_with_the_key(tmp_path: Path, changes: dict[str, object], why: str) -> None:
    write_demo_facts(tmp_path, FOUND)
    (tmp_path / FACTS).write_text(json.dumps({**json.loads((tmp_path / FACTS).read_text()), **changes}))
    with pytest.raises(OwlbitError, match=rf"demo\.json: expected what `owlbit demo` writes, could not read it \({why}"):
        read_demo_facts(tmp_path)
