"""The packed bitstream becomes Verilog again: a small decoded text without any tool, the committed bitstream with them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from owlbit.hw.external_tools import ToolFailed, ToolMissing
from owlbit.hw.up5k.bitstream import unpack
from owlbit.hw.up5k.bitstream.plan import ENGINE_BIN, PINS, TOP
from owlbit.hw.up5k.bitstream.unpack import flat_pins, missing_tools, rewrite_chip, unpack_bitstream, wrapper

needs_icestorm = pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}")

# In the form of icebox_vlog's output: a comment for each wire segment that a net joins; flip-flops as initialised registers.
DECODED = f"""// Reading file 'chip.asc'..

module {unpack.CHIP} (input clk, output q);

wire clk;
// (0, 0, 'glb_netwk_2')
// (0, 1, 'clk')

reg n7 = 0;
// (0, 2, 'lutff_0/in_1')
// (3, 4, 'lutff_0/out')

wire n8;
// (0, 1, 'slf_op_0')

wire q;
// (9, 9, 'io_0/PAD')

assign q = /* LUT 1 2 3 */ n8;
/* FF 3 4 0 */ always @(posedge clk) if (1'b1) n7 <= 1'b0 ? 1'b0 : n8;

endmodule
"""


def cell(kind: str, known: dict[str, unpack.Segment], **parameters: int) -> unpack.Cell:
    """A cell whose port bits lie at segments that the text above does not know, but for those given."""
    bits = [f"{port}_{index}" for port, width in unpack.BUSES[kind].items() for index in range(width)] + list(unpack.SIGNALS[kind])
    return unpack.Cell(kind, {bit: known.get(bit, (0, 30, f"unknown_{bit}")) for bit in bits}, parameters)


def test_an_spram_cell_gets_its_nets() -> None:
    known = {"CLOCK": (0, 1, "clk"), "ADDRESS_0": (0, 2, "lutff_0/in_1"), "DATAOUT_0": (0, 1, "slf_op_0")}
    chip, ports = rewrite_chip(DECODED, {"spram_a": cell(unpack.SPRAM, known)})
    assert ports == {"clk": "input", "q": "output"}
    assert f"module {unpack.CHIP} (clk, q);\ninput clk;\noutput q;\n" in chip
    instance = next(line for line in chip.splitlines() if line.startswith("SB_SPRAM256KA spram_a ("))
    links = dict(re.findall(r"\.(\w+)\(\{?(.*?)\}?\)", instance))
    assert links["CLOCK"] == "clk" and links["POWEROFF"] == "1'b0"
    assert links["ADDRESS"].split(", ") == ["1'b0"] * 13 + ["n7"]
    assert links["DATAOUT"].split(", ")[-2:] == ["spram_a_DATAOUT_1", "n8"]
    assert "wire spram_a_DATAOUT_1;" in chip and "wire spram_a_DATAOUT_0;" not in chip
    assert "always @(posedge clk)" in chip and chip.rstrip().endswith("endmodule") and "\n// " not in chip


def test_a_multiplier_block_gets_its_nets_and_its_configuration() -> None:
    known = {"CLK": (0, 1, "clk"), "A_1": (0, 2, "lutff_0/in_1"), "O_31": (0, 1, "slf_op_0")}
    chip, _ = rewrite_chip(DECODED, {"mac_a": cell(unpack.MAC16, known, A_REG=1, TOPOUTPUT_SELECT=2)})
    instance = next(line for line in chip.splitlines() if line.startswith("SB_MAC16 "))
    assert instance.startswith("SB_MAC16 #(.A_REG(1), .TOPOUTPUT_SELECT(2)) mac_a (")
    links = dict(re.findall(r"\.(\w+)\(\{?([^{}]*?)\}?\)[,)]", instance.partition("mac_a")[2]))
    assert (links["CLK"], links["CE"], links["OHOLDTOP"], links["ACCUMCI"]) == ("clk", "1'b1", "1'b0", "1'b0")
    assert links["A"].split(", ")[-2:] == ["n7", "1'b0"] and links["O"].split(", ")[:2] == ["n8", "mac_a_O_30"]
    assert "wire mac_a_O_30;" in chip and "wire mac_a_O_31;" not in chip


def test_a_text_without_the_chip_is_refused() -> None:
    with pytest.raises(unpack.UnpackError, match="expected a module of the chip"):
        rewrite_chip("// nothing\n", {})


def test_the_plls_pin_is_joined_to_the_clock() -> None:
    decoded = DECODED.replace("endmodule", "SB_PLL40_PAD PLL_12_31 (\n  .PACKAGEPIN(n39),\n  .PLLOUTGLOBAL(n1)\n);\nendmodule")
    assert ".PACKAGEPIN(clk)," in rewrite_chip(decoded, {})[0]


def test_the_wrapper_gives_the_buses_back() -> None:
    pins = PINS.read_text(encoding="utf-8")
    flat = re.findall(r"^set_io (\S+)", flat_pins(pins), re.MULTILINE)
    outputs = ("flash_cs_n", "flash_sck", "flash_mosi", "px_ready", "score_valid", "score_data", "idle", "error")
    text = wrapper({name: "output" if name.startswith(outputs) else "input" for name in flat}, pins, TOP)
    assert "input wire [7:0] px_data;" in text and "output wire [7:0] score_data;" in text and "input wire clk;" in text
    assert ".px_data_3(px_data[3])" in text and ".score_data_7(score_data[7])" in text and f"module {TOP} (clk, rst_n," in text


def test_missing_icestorm_names_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match="Debian package fpga-icestorm"):
        unpack_bitstream(ENGINE_BIN, tmp_path)


@needs_icestorm
@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_bitstream_is_refused(tmp_path: Path, damage: str) -> None:
    data = bytearray(ENGINE_BIN.read_bytes())
    data[40_000] ^= 16
    broken = tmp_path / "broken.bin"
    broken.write_bytes({"cut": bytes(data[:39_000]), "flipped": bytes(data), "empty": b""}[damage])
    with pytest.raises(ToolFailed, match="CRC Check FAILED" if damage == "flipped" else "Unexpected end of file"):
        unpack_bitstream(broken, tmp_path / "cache")
    assert list((tmp_path / "cache" / "unpacked").iterdir()) == []


@needs_icestorm
def test_the_committed_bitstream_has_its_memories() -> None:
    top, chip, _, cells = unpack_bitstream(ENGINE_BIN)
    text = chip.read_text(encoding="utf-8")
    sprams = re.findall(r"^SB_SPRAM256KA (\w+) \((.*)\);$", text, re.MULTILINE)
    assert len(sprams) == 4 and "module SB_SPRAM256KA" in cells.read_text(encoding="utf-8")
    for _, links in sprams:
        assert ".CLOCK(clk)" in links and "_DATAOUT_" not in links  # every bit of the memory is read
    blocks = re.findall(r"^SB_MAC16 #\((.*?)\) \w+ \((.*)\);$", text, re.MULTILINE)
    assert len(blocks) == 8 and "module SB_MAC16" in cells.read_text(encoding="utf-8")
    for parameters, links in blocks:
        assert all(f".{register}_REG(1)" in parameters for register in "ABCD") and ".CLK(clk)" in links
    assert f"module {TOP} (" in top.read_text(encoding="utf-8")
