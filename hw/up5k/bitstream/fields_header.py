"""Writes the table of `hw/up5k/fields.py` for its other readers: the RTL's `owl_fields.vh` and the tables of `hw/up5k/README.md`.

`make fields` writes both. `make bitstream` refuses a header that is not the table's, and tests hold both against it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from owlbit.export.errors import OwlbitError
from owlbit.export.files import write_text
from owlbit.hw.up5k.bitstream.plan import HERE, RTL
from owlbit.hw.up5k.compiler.flash_format import FIRST_DESCRIPTOR, FLASH_OFFSET, HEADER_BYTES, MAGIC, TAIL_AT, VERSION
from owlbit.hw.up5k.fields import RECORDS, STEP_PLACES, WIDTH_HALF, WIDTH_QUARTER, WIDTH_WORD, Field, Record

FIELDS_HEADER = RTL / "owl_fields.vh"
README = HERE.parent / "README.md"
BEGIN, END = "<!-- the tables of fields.py, written by `make fields` -->", "<!-- end of the tables -->"

CONSTANTS = {
    "OWL_MAGIC": f"32'h{MAGIC.hex().upper()}",
    "OWL_VERSION": f"8'd{VERSION}",
    "OWL_FLASH_OFFSET": f"24'h{FLASH_OFFSET:06X}",
    "OWL_HEADER_BYTES": f"21'd{HEADER_BYTES}",
    "OWL_TAIL_AT": f"21'd{TAIL_AT}",
    "OWL_FIRST_DESCRIPTOR": f"14'd{FIRST_DESCRIPTOR}",
    "OWL_WIDTH_WORD": f"2'd{WIDTH_WORD}",
    "OWL_WIDTH_HALF": f"2'd{WIDTH_HALF}",
    "OWL_WIDTH_QUARTER": f"2'd{WIDTH_QUARTER}",
    **{f"OWL_STEP_{step.upper()}": f"3'd{place}" for step, place in STEP_PLACES.items()},
}


class FieldsError(OwlbitError):
    """A file written from the table no longer says what the table says."""


def fields_header(records: Sequence[Record] = RECORDS) -> str:
    """The Verilog header: a macro for each constant and field of the records.

    A macro is what stands between the brackets of a bit or part select; a repeated field's takes the index. Names of fields that
    hold a value less one end in 1.
    """
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        "// The bits of the flash image's records. Written by `make fields` from hw/up5k/fields.py: change that table.",
        "`ifndef OWL_FIELDS",
        "`define OWL_FIELDS",
        "",
        *(f"`define {name} {value}" for name, value in CONSTANTS.items()),
    ]
    for record in records:
        lines += ["", f"// {record.title}", f"`define OWL_{record.name.upper()}_BITS {record.bits}"]
        lines += [f"`define {macro(record, field)} {_select(field)}" for field in record.fields]
    return "\n".join([*lines, "", "`endif", ""])


def macro(record: Record, field: Field) -> str:
    """The macro of a field with its argument, if it takes one: OWL_TILE_COLUMNS1, OWL_PASS_SLOT(i)."""
    return f"OWL_{record.name}_{field.name}".upper() + ("1" if field.less_one else "") + ("(i)" if field.count > 1 else "")


def _select(field: Field) -> str:
    if field.count > 1:
        start = f"{field.low}+" if field.low else ""
        return f"{start}{field.step}*(i)+:{field.width}"
    return _bits(field.low, field.width)


def _bits(low: int, width: int) -> str:
    return str(low) if width == 1 else f"{low + width - 1}:{low}"


def fields_tables() -> str:
    """The records as Markdown tables."""
    lines = []
    for record in RECORDS:
        lines += [f"**{record.title}**", "", "| bits | name | meaning |", "|---|---|---|"]
        for field in record.fields:
            bits = (
                _select(field)
                if field.count == 1
                else ", ".join(_bits(low, field.width) for low in range(field.low, field.end, field.step))
            )
            lines.append(f"| {bits} | `{field.name}` | {field.meaning}{', less one' if field.less_one else ''} |")
        lines.append("")
    return "\n".join(lines)


def with_tables(page: str) -> str:
    """The page with the tables between its two markers. Raises FieldsError where it lacks them."""
    if not re.search(f"{re.escape(BEGIN)}\n.*{re.escape(END)}", page, re.DOTALL):
        raise FieldsError(f"{README.name}: expected the lines {BEGIN} and {END}, found none; put them where the tables belong")
    before, rest = page.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{fields_tables()}\n{END}{rest.split(END, 1)[1]}"


def check_header() -> None:
    """Raises FieldsError where the header of the RTL is missing or not what the table says."""
    if not FIELDS_HEADER.exists() or FIELDS_HEADER.read_text(encoding="utf-8") != fields_header():
        raise FieldsError(f"{FIELDS_HEADER}: expected what hw/up5k/fields.py says, found something else; run `make fields`")


def main() -> int:
    """Writes the header and the tables; 0, or 2 with one line saying what is wrong."""
    try:
        page = with_tables(README.read_text(encoding="utf-8"))
        write_text(FIELDS_HEADER, fields_header())
        write_text(README, page)
    except OwlbitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"wrote {FIELDS_HEADER} and the tables of {README}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
