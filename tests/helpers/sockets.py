"""Simulates many circuits in one Verilator model: each stands in a socket with a stream of words in and one out."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from owlbit.hw.verilator import verilate

BENCH = Path(__file__).parent / "sockets_bench.cpp"
WORD_BITS = 128
HEAD = """\
module sockets (
    input clk, rst, input [{last}:0] s_valid, output [{last}:0] s_ready, input [{bits}:0] s_data,
    output [{last}:0] m_valid, input [{last}:0] m_ready, output [{bits}:0] m_data
);
"""
SOCKET = """\
  generate begin : socket_{index}
    wire s_valid = sockets.s_valid[{index}], m_ready = sockets.m_ready[{index}], s_ready, m_valid;
    wire [{width}:0] s_data = sockets.s_data[{index}*{bits}+:{bits}], m_data;
    assign sockets.s_ready[{index}] = s_ready, sockets.m_valid[{index}] = m_valid, sockets.m_data[{index}*{bits}+:{bits}] = m_data;
{text}
  end endgenerate
"""


@dataclass(frozen=True)
class Words:
    """What came out of a socket. `data`: uint8 [words, 128], bit 0 first; `cycles`: int64 [words]."""

    data: NDArray[np.uint8]
    cycles: NDArray[np.int64]


def instance(module: str, parameters: Mapping[str, object], in_bits: int, out_bits: int, more: str = "") -> str:
    """The text of a socket that holds a module with the ports of a stream each way."""
    given = ", ".join(f".{key}({value})" for key, value in parameters.items())
    return (
        f"    {module} #({given}) dut (.clk(clk), .rst(rst), .s_valid(s_valid), .s_ready(s_ready),\n"
        f"      .s_data(s_data[{in_bits - 1}:0]), .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data[{out_bits - 1}:0]){more});\n"
        f"    assign m_data[{WORD_BITS - 1}:{out_bits}] = 0;"
    )


def build(folder: Path, sources: Sequence[Path], sockets: Sequence[str], optimisation: str = "-O1") -> Path:
    """The executable of the circuits `sockets`, each the text between its streams' wires."""
    bits = WORD_BITS * len(sockets) - 1
    texts = [
        SOCKET.format(index=index, bits=WORD_BITS, width=WORD_BITS - 1, text=text.rstrip()) for index, text in enumerate(sockets)
    ]
    top = folder / "sockets.v"
    top.write_text("".join([HEAD.format(last=len(sockets) - 1, bits=bits), *texts, "endmodule\n"]))
    return verilate([*sources, top], "sockets", BENCH, optimisation=optimisation)


def run(
    executable: Path,
    folder: Path,
    inputs: Sequence[NDArray[np.uint8]],
    outputs: Sequence[int],
    gap_seed: int = 0,
    reset_at: int = 0,
    max_cycles: int = 3_000_000,
) -> list[Words]:
    """What comes out of each socket; `inputs`: of each, uint8 [words, up to 128] of bits; `outputs`: words expected of each.

    `folder`: where ROM files are. AssertionError where some words do not come.
    """
    parts = [struct.pack("<I", len(inputs))]
    for words, expected in zip(inputs, outputs, strict=True):
        padded = np.zeros((len(words), WORD_BITS), np.uint8)
        padded[:, : words.shape[1]] = words
        parts += [struct.pack("<II", len(words), expected), np.packbits(padded, axis=1, bitorder="little").tobytes()]
    (folder / "inputs").write_bytes(b"".join(parts))
    arguments = ["inputs", "outputs", str(max_cycles), str(gap_seed), str(reset_at)]
    done = subprocess.run([str(executable), *arguments], cwd=folder, check=False)
    raw, at, result = (folder / "outputs").read_bytes(), 0, []
    for _ in outputs:
        count = int.from_bytes(raw[at : at + 4], "little")
        block = np.frombuffer(raw[at + 4 : at + 4 + 24 * count], np.uint8).reshape(count, 24)
        at += 4 + 24 * count
        data = np.unpackbits(block[:, :16], axis=1, bitorder="little")
        result.append(Words(data, np.ascontiguousarray(block[:, 16:]).view("<i8").reshape(-1).astype(np.int64)))
    came = [len(words.data) for words in result]
    assert done.returncode == 0, f"words came: {came}, expected: {list(outputs)}"
    return result
