"""Assembler of the control processor `rtl/owl_cpu.v`: text in, words of its memory out.

A line holds `label:`, an instruction or a directive; what follows `;` is a comment. Operands of LD AND OR XOR ADD ADC SUB SBC ST
and LDX:

    #expression   the value itself, 0 to 1023          =expression   any value: itself where it fits, else a constant in memory
    expression    the word of memory there             [X], [X+]     the word at X; and then X grows by one

JMP CALL JZ JNZ JN JNN JC JNC take a label, INC and DEC a word of memory (A becomes its new value too), IN and OUT the number
of a port plus 8 times a number that goes with it; RET SHR ROR SWAP TAX (X becomes A) nothing. The memory holds 16 words of stack,
a jump to the label `start`, data, the program. Directives:

    .const NAME = expression        .var NAME [words]         .words NAME = expression, expression ...
    .if expression ... .endif       lines count where the expression is not 0; may be nested
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from owlbit.export.errors import OwlbitError

WORDS, DATA_END, STACK_WORDS = 2048, 512, 16  # of the memory; data lie below DATA_END
OPERATIONS = {name: code for code, name in enumerate(["LD", "AND", "OR", "XOR", "ADD", "ADC", "SUB", "SBC", "ST", "LDX"])}
PORTS = {"IN": 0xA000, "OUT": 0xA400}
PLAIN = {"TAX": 0x9800, "SHR": 0xA800, "ROR": 0xA801, "SWAP": 0xA802, "RET": 0xAC00}
JUMPS = {"JMP": 0xB000, "CALL": 0xB800, "JZ": 0xC000, "JNZ": 0xC800, "JN": 0xD000, "JNN": 0xD800, "JC": 0xE000, "JNC": 0xE800}
COUNTS = {"INC": 0xF400, "DEC": 0xFC00}
CONSTANT, DIRECT, INDEXED, INDEXED_NEXT = (mode << 10 for mode in range(4))
LARGEST_CONSTANT = 1023


class AssemblyError(OwlbitError):
    """A line that the assembler does not take, or more than the memories hold."""


@dataclass
class Assembly:
    """`words`: of 16 bits, from address 0; `program_at`: where the program begins; `names`: of labels, variables and constants."""

    words: list[int] = field(default_factory=list)
    program_at: int = 0
    names: dict[str, int] = field(default_factory=dict)


def assemble(source: str, constants: Mapping[str, int]) -> Assembly:
    """Assembles `source`, in which the names of `constants` are known. Raises AssemblyError with the number of a wrong line."""
    result = Assembly(words=[0] * (STACK_WORDS + 1), names=dict(constants))
    labels: list[str] = []
    lines: list[tuple[int, str, str]] = []  # number, operation, operand
    counts = [True]  # whether lines count, for each .if around them
    for number, line in enumerate(source.splitlines(), start=1):
        text = line.split(";", 1)[0].strip()
        word, _, rest = text.partition(" ")
        try:
            if word == ".if":
                counts.append(counts[-1] and _value(rest, result.names) != 0)
            elif word == ".endif":
                if len(counts) == 1:
                    raise AssemblyError("expected an .if before it")
                counts.pop()
            elif text and counts[-1]:
                _declare(text, word, rest.strip(), result, labels, lines, number)
        except AssemblyError as error:
            raise AssemblyError(f"line {number}: {text}: {error}") from error
    literals = _literals(lines, result)
    result.program_at = len(result.words)
    for name in labels:
        result.names[name] += result.program_at
    for number, operation, operand in [(0, "JMP", "start"), *lines]:
        try:
            code = _encode(operation, operand, result.names, literals)
        except AssemblyError as error:
            raise AssemblyError(f"line {number}: {operation} {operand}: {error}") from error
        if number:
            result.words.append(code)
        else:
            result.words[STACK_WORDS] = code
    if result.program_at > DATA_END or len(result.words) > WORDS:
        raise AssemblyError(
            f"expected at most {DATA_END} words of data and {WORDS} in all, got {result.program_at} and {len(result.words)}"
        )
    return result


def _literals(lines: Sequence[tuple[int, str, str]], result: Assembly) -> dict[int, int]:
    """Gives each constant that an instruction cannot hold a place after the data; addresses by value."""
    literals: dict[int, int] = {}
    for number, operation, operand in lines:
        if operand.startswith("="):
            try:
                value = _value(operand[1:], result.names) & 0xFFFF
            except AssemblyError as error:
                raise AssemblyError(f"line {number}: {operation} {operand}: {error}") from error
            if value > LARGEST_CONSTANT and value not in literals:
                literals[value] = len(result.words)
                result.words.append(value)
    return literals


def _declare(
    text: str, word: str, rest: str, result: Assembly, labels: list[str], lines: list[tuple[int, str, str]], number: int
) -> None:
    """Takes a directive or label, or keeps an instruction for later, when all names are known."""
    if word == ".const":
        name, _, expression = rest.partition("=")
        _define(name.strip(), _value(expression, result.names), result)
    elif word == ".var":
        name, _, size = rest.partition(" ")
        _define(name, len(result.words), result)
        result.words += [0] * (_value(size, result.names) if size.strip() else 1)
    elif word == ".words":
        name, _, values = rest.partition("=")
        _define(name.strip(), len(result.words), result)
        result.words += [_value(value, result.names) & 0xFFFF for value in values.split(",")]
    elif text.endswith(":"):
        _define(text[:-1], len(lines), result)
        labels.append(text[:-1])
    else:
        lines.append((number, word, rest))


def _define(name: str, value: int, result: Assembly) -> None:
    if not re.fullmatch(r"[A-Za-z_]\w*", name) or name in result.names:
        raise AssemblyError(f"expected a new name, got {name!r}")
    result.names[name] = value


def _encode(operation: str, operand: str, names: Mapping[str, int], literals: Mapping[int, int]) -> int:
    """The word of one instruction."""
    if operation in PLAIN and not operand:
        return PLAIN[operation]
    if operation in JUMPS:
        return JUMPS[operation] | _fitting(operand, names, WORDS - 1)
    if operation in PORTS:
        return PORTS[operation] | _fitting(operand, names, 127)
    if operation in COUNTS:
        return COUNTS[operation] | _fitting(operand, names, DATA_END - 1)
    if operation not in OPERATIONS:
        raise AssemblyError("expected an instruction")
    code = OPERATIONS[operation] << 12
    if operation == "LDX" and operand.startswith("["):
        raise AssemblyError("expected a constant or a word of memory for X")
    if operand in ("[X]", "[X+]"):
        return code | (INDEXED if operand == "[X]" else INDEXED_NEXT)
    if operand[:1] in ("#", "="):
        if operation == "ST":
            raise AssemblyError("expected a place to store to")
        value = _value(operand[1:], names) & 0xFFFF
        if value <= LARGEST_CONSTANT:
            return code | CONSTANT | value
        if operand[0] == "#":
            raise AssemblyError(f"expected a value of at most {LARGEST_CONSTANT}, got {value}")
        return code | DIRECT | literals[value]
    return code | DIRECT | _fitting(operand, names, DATA_END - 1)


def _fitting(text: str, names: Mapping[str, int], largest: int) -> int:
    value = _value(text, names)
    if not 0 <= value <= largest:
        raise AssemblyError(f"expected 0 to {largest}, got {value}")
    return value


def _value(text: str, names: Mapping[str, int]) -> int:
    """An expression of names and integers with + - * // % & | ^ ~ << >> == and parentheses."""
    try:
        return _evaluate(ast.parse(text.strip(), mode="eval").body, names)
    except SyntaxError as error:
        raise AssemblyError(f"expected an expression, got {text.strip()!r}") from error


_BINARY = {
    ast.Add: int.__add__,
    ast.Sub: int.__sub__,
    ast.Mult: int.__mul__,
    ast.FloorDiv: int.__floordiv__,
    ast.Mod: int.__mod__,
    ast.BitAnd: int.__and__,
    ast.BitOr: int.__or__,
    ast.BitXor: int.__xor__,
    ast.LShift: int.__lshift__,
    ast.RShift: int.__rshift__,
}


def _evaluate(node: ast.expr, names: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int() as value):
            return value
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.Name(id=name):
            raise AssemblyError(f"expected a known name, got {name}")
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_evaluate(inner, names)
        case ast.UnaryOp(op=ast.Invert(), operand=inner):
            return ~_evaluate(inner, names)
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _BINARY:
            return _BINARY[type(operator)](_evaluate(left, names), _evaluate(right, names))
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            return int(_evaluate(left, names) == _evaluate(right, names))
    raise AssemblyError(f"expected names, integers and arithmetic, got {ast.unparse(node)}")
