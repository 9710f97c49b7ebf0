"""One table of the flash image's bits: the RTL's header and the README come from it, and a field that moves moves on both sides."""

from __future__ import annotations

import itertools
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from owlbit.export.network import Network, Scores
from owlbit.hw import reference
from owlbit.hw.up5k.bitstream import fields_header as written
from owlbit.hw.up5k.bitstream.build import build_bitstream
from owlbit.hw.up5k.bitstream.plan import TOP, rtl_sources
from owlbit.hw.up5k.build import compile_flash
from owlbit.hw.up5k.compiler import compile_network, descriptor, flash_format, passes
from owlbit.hw.up5k.fields import ENTRY, LAST, RECORDS, SLOT, START, Field, Record
from owlbit.hw.up5k.simulate import BENCH, ChipError, run_chip, simulate_rtl
from owlbit.hw.verilator import missing_tools, verilate
from owlbit.toolchain.runs.untrained_network import random_bits
from random_networks import random_conv, random_images, random_thermometer

needs_verilator = pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}")


def rtl_lines() -> list[str]:
    """The lines of the RTL without their comments."""
    return [line.split("//")[0] for path in rtl_sources() for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_header_of_the_rtl_is_the_tables() -> None:
    assert written.FIELDS_HEADER.read_text(encoding="utf-8") == written.fields_header(), "run `make fields`"


def test_the_readme_quotes_the_table() -> None:
    page = written.README.read_text(encoding="utf-8")
    assert written.with_tables(page) == page, "run `make fields`"
    assert all(f"| `{field.name}` |" in page for record in RECORDS for field in record.fields)


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(written.FieldsError, match="expected the lines <!-- the tables"):
        written.with_tables("# A page\n")


def test_a_bitstream_of_another_header_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tmp_path / "owl_fields.vh"
    monkeypatch.setattr(written, "FIELDS_HEADER", changed)
    with pytest.raises(written.FieldsError, match=r"owl_fields\.vh: expected what hw/up5k/fields\.py says"):
        build_bitstream(tmp_path)
    changed.write_text(written.fields_header().replace("47:40", "47:41"))
    with pytest.raises(written.FieldsError, match="run `make fields`"):
        build_bitstream(tmp_path)


def test_the_rtl_reads_every_field() -> None:
    text = "\n".join(rtl_lines())
    for record in RECORDS:
        for field in record.fields:
            name = written.macro(record, field).removesuffix("(i)")
            assert re.search(rf"`{name}\b", text), f"no Verilog reads {name}"


def test_the_rtl_names_no_bit_of_a_record_by_number() -> None:
    numbered = re.compile(r"\b(tile_[012]|header|entry|table_data|b_where|slot_1)\[\d")
    assert [line.strip() for line in rtl_lines() if numbered.search(line)] == []


def test_packing() -> None:
    assert SLOT.pack(write=1, fill=0, nibble=2, quarter=5) == 0b1_0_10_00000101
    assert ENTRY.pack(threshold=[1, 2, 3, 256], ends_byte=True, ends_pixel=False) == 1 | 2 << 9 | 3 << 18 | 256 << 27 | 1 << 36
    assert LAST.pack(scores=4, odd=1) == 3 << 16 | 1 << 18
    assert START.pack(even=[1, 2, 3, 4], even_high=[0] * 4, odd=[0] * 4, odd_high=[0, 0, 0, 1]) == 0x8004_0003_0002_0001
    assert Field("step", 4, 8, "", wraps=True).encode(-1) == 0xFF0
    assert Record("wide", "", (Field("a", 60, 8, ""),)).pack_words(a=0x5A) == [0xA << 60, 0x5]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"nibble": 4}, "nibble: expected a value that 2 bits hold, got 4"),
        ({"quarter": -1}, "quarter: expected a value that 8 bits hold, got -1"),
        ({"quarters": 0}, "slot: expected the fields"),
        ({"fill": [0, 0]}, "fill: expected 1 values, got 2"),
    ],
)
def test_what_does_not_fit_is_refused(values: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SLOT.pack(**{"write": 0, "fill": 0, "nibble": 0, "quarter": 0, **values})


def test_less_one_counts_from_one() -> None:
    assert Field("rows", 0, 8, "", less_one=True).encode(256) == 255
    with pytest.raises(ValueError, match="rows: expected a value that 8 bits hold, got 0"):
        Field("rows", 0, 8, "", less_one=True).encode(0)


def test_overlapping_fields_are_refused() -> None:
    with pytest.raises(ValueError, match="pair: bit 10 belongs to b and to a"):
        Record("pair", "", (Field("b", 8, 4, ""), Field("a", 0, 2, "", count=2, stride=10)))
    with pytest.raises(ValueError, match="pair: two fields have one name"):
        Record("pair", "", (Field("a", 0, 1, ""), Field("a", 1, 1, "")))


def mirrored(record: Record, field: Field) -> Field:
    """The field in another place: from the record's other end, or beside a step, from the other end of what the step leaves."""
    if record.name in ("tile", "pass", "last"):
        word, steps = field.low // 64 * 64, 32 if record.name == "tile" else 16
        return replace(field, low=2 * word + steps + 64 - field.end)
    if record.name == "step":
        return field
    return replace(field, low=record.bits - field.end)


@needs_verilator
def test_a_field_that_moves_moves_on_both_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every record's fields in reverse, RTL that includes the header of such a table runs what is packed with it."""
    reverse = {record.name: replace(record, fields=tuple(mirrored(record, field) for field in record.fields)) for record in RECORDS}
    for module, record in itertools.product((compile_network, descriptor, flash_format, passes), RECORDS):
        if hasattr(module, record.name.upper()):
            monkeypatch.setattr(module, record.name.upper(), reverse[record.name])
    rng = np.random.default_rng(3)
    conv = random_conv(rng, (8, 5, 5), 20, 1, (3, 3), (1, 1), (1, 1, 1, 1))
    network = Network((1, 5, 5), (random_thermometer(rng, 1, 8, True), conv, Scores(random_bits(rng, 3, 20 * 25))))
    images = random_images(rng, network, 2)
    flash = compile_flash(network)
    with pytest.raises(ChipError, match="error pin"):  # the engine of today's table does not know them
        simulate_rtl(flash, network, images)

    for path in rtl_sources():
        shutil.copy(path, tmp_path)
    (tmp_path / written.FIELDS_HEADER.name).write_text(written.fields_header(list(reverse.values())))
    chip = verilate([tmp_path / path.name for path in rtl_sources()], TOP, BENCH, optimisation="-O1")
    np.testing.assert_array_equal(run_chip(chip, flash, network, images).scores, reference.simulate(network, images))
