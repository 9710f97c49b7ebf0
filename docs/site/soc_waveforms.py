"""Draws the waveforms of the wrappers' ports from their simulation: a part of `make pictures`, docs/soc_*_waveform.svg."""

from __future__ import annotations

import csv
import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from owlbit.hw.soc.design import C
from owlbit.hw.soc.simulate import build_axis, build_wishbone

Row = dict[str, int]
PIXELS = ("s_axis_tvalid", "s_axis_tready", "s_axis_tdata", "s_axis_tlast")
SCORES = ("m_axis_tvalid", "m_axis_tready", "m_axis_tdata", "m_axis_tlast", "m_axis_tuser")
BUS = ("wb_cyc_i", "wb_stb_i", "wb_we_i", "wb_adr_i", "wb_dat_i", "wb_stall_o", "wb_ack_o", "wb_dat_o")
# A value of several bits is drawn where its signal is 1.
SHOWN_WITH = {"s_axis_tdata": "s_axis_tvalid", "m_axis_tdata": "m_axis_tvalid", "wb_adr_i": "wb_stb_i", "wb_dat_o": "read_ack"}
DIGITS = {"s_axis_tdata": 2, "m_axis_tdata": 4, "wb_adr_i": 6, "wb_dat_i": 8, "wb_dat_o": 8}


def waveforms() -> dict[str, dict[str, Any]]:
    """By name, what wavedrom draws; every value is what the simulated port had."""
    axis, classic, pipelined = build_axis(), build_wishbone(), build_wishbone(pipelined=True)
    image = f"+image={C / 'digits.bin'}"
    end = _facts(axis, image, "+seed=2")["last_score"]
    script = ("w 08 1 f", "r 0c", "r 20")
    return {
        "axis_pixels": _drawn(_trace(axis, _facts(axis, image)["first_pixel"] - 2, 26, image), PIXELS),
        "axis_scores": _drawn(_trace(axis, end - 20, 22, image, "+seed=2"), SCORES),
        "wishbone_classic": _drawn(_trace(classic, 5, 12, script=script), BUS),
        "wishbone_pipelined": _drawn(
            _trace(pipelined, 5, 10, "+master=pipelined", script=("w 08 1 f", "r 00", "r 04", "r 08")), BUS
        ),
    }


def _facts(executable: Path, *arguments: str) -> dict[str, int]:
    """What the bench prints: cycles of the boot, the first pixel and the last score."""
    done = subprocess.run([str(executable), *arguments], capture_output=True, text=True, check=True)
    facts: dict[str, int] = json.loads(done.stdout)
    return facts


def _trace(executable: Path, start: int, cycles: int, *arguments: str, script: Sequence[str] = ()) -> list[Row]:
    """The values of a port's signals in `cycles` cycles from `start` on."""
    with tempfile.TemporaryDirectory(prefix="owlbit-") as name:
        folder = Path(name)
        (folder / "script").write_text("\n".join([*script, "i 20"]) + "\n", encoding="ascii")
        more = ["+script=script", "+scores=words"] if script else []
        window = ["+trace=trace", f"+trace_from={start}", f"+trace_cycles={cycles}"]
        subprocess.run([str(executable), *window, *arguments, *more], cwd=folder, capture_output=True, check=True)
        with (folder / "trace").open(encoding="ascii", newline="") as file:
            rows: list[Row] = [{key: int(value) for key, value in row.items()} for row in csv.DictReader(file)]
    for before, row in zip([{}, *rows], rows, strict=False):  # an acknowledge belongs to a request of the cycle before
        row["read_ack"] = int(bool(row.get("wb_ack_o")) and not before.get("wb_we_i"))
    return rows


def _drawn(rows: list[Row], names: Sequence[str]) -> dict[str, Any]:
    """wavedrom's description of signals: bits as levels, other values in hexadecimal while they count."""
    signals: list[dict[str, Any]] = [{"name": "clk", "wave": "p" + "." * (len(rows) - 1)}]
    for name in names:
        wave, data, last = "", [], None
        for row in rows:
            shown = _shown(name, row)
            wave += "." if shown == last else shown if name not in DIGITS or shown == "x" else "3"
            if name in DIGITS and shown not in ("x", last):
                data.append(shown)
            last = shown
        signals.append({"name": name, "wave": wave, **({"data": data} if data else {})})
    return {"signal": signals, "config": {"hscale": 2}}


def _shown(name: str, row: Row) -> str:
    if name not in DIGITS:
        return str(row[name])
    counts = row["wb_stb_i"] and row["wb_we_i"] if name == "wb_dat_i" else row[SHOWN_WITH[name]]
    return f"{row[name]:0{DIGITS[name]}x}" if counts else "x"
