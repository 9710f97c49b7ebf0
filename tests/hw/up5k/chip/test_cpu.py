"""The control processor against a model of its instruction set, on random programs; and the assembler's messages."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from owlbit.hw.up5k.bitstream.design import shell_sources
from owlbit.hw.up5k.board import board_names, load_board
from owlbit.hw.up5k.firmware.assemble import DATA_END, WORDS, AssemblyError, assemble
from owlbit.hw.up5k.firmware.build import CLASSES_MOST, assemble_board, most_classes
from owlbit.hw.verilator import missing_tools, verilate

BENCH = Path(__file__).parent / "cpu_bench.cpp"
needs_verilator = pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}")
ARITHMETIC = ("LD", "AND", "OR", "XOR", "ADD", "ADC", "SUB", "SBC")
JUMPS = ("JZ", "JNZ", "JN", "JNN", "JC", "JNC")


def model(lines: list[str], data: list[int]) -> list[tuple[int, int, int]]:
    """What a program sends to ports. lines: instructions and labels; data: of the words v0, v1 ..., at which X points by v0 + n."""
    memory, a, carry, x, stack, sent = dict(enumerate(data)), 0, 0, 0, [], []
    labels = {line[:-1]: at for at, line in enumerate(lines) if line.endswith(":")}
    at = 0

    def value(operand: str) -> int:
        nonlocal x
        if operand.startswith(("#", "=")):
            return int(operand[1:])
        place = x if operand.startswith("[") else int(operand[1:])
        x += operand == "[X+]"
        return memory[place]

    while True:
        word, _, operand = lines[at].partition(" ")
        at += 1
        if word.endswith(":"):
            continue
        if word in ARITHMETIC:
            b = value(operand)
            if word[:3] in ("ADD", "ADC", "SUB", "SBC"):
                b = b ^ 0xFFFF if word[0] == "S" else b
                total = a + b + {"ADD": 0, "SUB": 1}.get(word, carry)
                a, carry = total & 0xFFFF, total >> 16
            else:
                a = {"LD": b, "AND": a & b, "OR": a | b, "XOR": a ^ b}[word]
        elif word == "ST":
            place = x if operand.startswith("[") else int(operand[1:])
            x += operand == "[X+]"
            memory[place] = a
        elif word in ("INC", "DEC"):
            a = memory[int(operand[1:])] = (memory[int(operand[1:])] + (1 if word == "INC" else -1)) & 0xFFFF
        elif word == "LDX":
            x = int(operand.rpartition("+ ")[2])
        elif word == "TAX":
            x = a - 17  # the first word of data follows the stack and the first jump
        elif word == "IN":
            a = 37 * (int(operand) & 7) + 11 * (int(operand) >> 3) + 5 & 0xFF
        elif word == "OUT":
            sent.append((int(operand) & 7, int(operand) >> 3, a))
            if int(operand) & 7 == 7:
                return sent
        elif word in ("SHR", "ROR"):
            a, carry = a >> 1 | (carry << 15 if word == "ROR" else 0), a & 1
        elif word == "SWAP":
            a = a >> 8 | (a & 0xFF) << 8
        elif word == "CALL":
            stack.append(at)
            at = labels[operand]
        elif word == "RET":
            at = stack.pop()
        elif word == "JMP":
            at = labels[operand]
        else:
            true = {"Z": a == 0, "N": a >> 15 == 1, "C": carry == 1}[word[-1]]
            at = labels[operand] if true != (word[1] == "N" and len(word) > 2) else at


def random_program(rng: np.random.Generator) -> list[str]:
    """Straight on but for jumps forward and calls of routines at the end; sends A again and again."""
    lines, label = [], 0
    for _ in range(300):
        v = f"v{rng.integers(8)}"
        match rng.integers(12):
            case 0 | 1 | 2:
                operand = [f"#{rng.integers(1024)}", f"={rng.integers(1 << 16)}", v, v][rng.integers(4)]
                lines.append(f"{ARITHMETIC[rng.integers(8)]} {operand}")
            case 3:
                lines.append(f"LDX #v0 + {rng.integers(8)}")
                lines += [f"{[*ARITHMETIC, 'ST'][rng.integers(9)]} {['[X]', '[X+]'][rng.integers(2)]}" for _ in range(3)]
            case 4:
                lines += [f"LD #{17 + rng.integers(8)}", "TAX", f"{ARITHMETIC[rng.integers(8)]} [X]"]
            case 5:
                lines.append(f"ST {v}")
            case 6:
                lines.append(f"{['INC', 'DEC'][rng.integers(2)]} {v}")
            case 7:
                lines.append(["SHR", "ROR", "SWAP"][rng.integers(3)])
            case 8:
                lines.append(f"IN {rng.integers(128)}")
            case 9:
                lines.append(f"CALL f{rng.integers(2)}")
            case _:
                lines += [f"{JUMPS[rng.integers(6)]} l{label}", f"XOR {v}", f"l{label}:"]
                label += 1
        lines.append(f"OUT {rng.integers(16) * 8 + rng.integers(7)}")
    return ["start:", *lines, "JMP end", "f0:", "ADD v1", "CALL f1", "ROR", "RET", "f1:", "INC v2", "RET", "end:", "OUT 7"]


@pytest.fixture(scope="module")
def chip() -> Path:
    return verilate([path for path in shell_sources() if path.stem == "owl_cpu"], "owl_cpu", BENCH)


@needs_verilator
@pytest.mark.parametrize("seed", range(12))
def test_random_programs(chip: Path, tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = [int(word) for word in rng.integers(0, 1 << 16, 12)]
    lines = random_program(rng)
    source = "\n".join([*(f".words v{index} = {word}" for index, word in enumerate(data)), *lines])
    (tmp_path / "memory").write_bytes(np.array(assemble(source, {}).words, "<u2").tobytes())
    run = subprocess.run([chip, tmp_path / "memory", "20000"], capture_output=True, text=True, check=True)
    assert [tuple(map(int, line.split())) for line in run.stdout.splitlines()] == model(lines, data)


def test_the_program_of_every_board_fits() -> None:
    for name in board_names():
        board = load_board(name)
        assembly = assemble_board(board)
        assert len(assembly.words) <= WORDS and assembly.program_at <= DATA_END
        assert most_classes(board) == CLASSES_MOST


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("start:\nLD #1024", "line 2: LD #1024: expected a value of at most 1023, got 1024"),
        ("start:\nJMP nowhere", "line 2: JMP nowhere: expected a known name, got nowhere"),
        ("start:\nHOP #1", "line 2: HOP #1: expected an instruction"),
        ("start:\nstart:", "line 2: start:: expected a new name, got 'start'"),
        ("start:\nST #1", "line 2: ST #1: expected a place to store to"),
        ("start:\nLD 3 +", "line 2: LD 3 +: expected an expression, got '3 +'"),
        ("start:\n.endif", "line 2: .endif: expected an .if before it"),
        (".var x 600\nstart:", "expected at most 512 words of data and 2048 in all, got 617 and 617"),
    ],
)
def test_what_cannot_be_assembled_is_named(source: str, message: str) -> None:
    with pytest.raises(AssemblyError) as error:
        assemble(source, {})
    assert str(error.value) == message


def test_lines_under_a_condition() -> None:
    source = ".if A == 2\n.const B = 3\n.endif\n.if A == 1\n.const B = 4\n.if 1\n.const C = 5\n.endif\n.endif\nstart:\nLD #B"
    assert assemble(source, {"A": 2}).words[-1] == 3
    assert "C" in assemble(source, {"A": 1}).names and "C" not in assemble(source, {"A": 2}).names
