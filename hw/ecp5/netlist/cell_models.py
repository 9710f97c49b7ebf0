"""What each cell of a routed ECP5 netlist computes, as Verilog.

Sources: Lattice's ECP5 and ECP5-5G data sheet (FPGA-DS-02012) for slices, Lattice's memory guide (FPGA-TN-02204) for block RAM, and
nextpnr's documentation of its cells (ecp5/docs/primitives.md) for pins and parameters. What an input that is not connected counts
as is what nextpnr configures for it: inputs of look-up tables are 1, data and addresses of block RAM are 0 unless a parameter
says 1. A carry in is left open only where it cannot matter; it counts as 1, so that a design that needs 0 there is noticed.
"""

from __future__ import annotations

from collections.abc import Callable

from owlbit.hw.ecp5.netlist.routed import Cell, NetlistError

PLL_CLOCK = "core_clk"  # the input that stands for what a PLL makes
BLOCK_RAM_MODULE = "owl_block_ram"
INIT_WORDS = 16  # of a block RAM in one parameter, each of 18 bits in 20
WRITE_MODES = {"NORMAL": 0, "WRITETHROUGH": 1, "READBEFOREWRITE": 2}


def net(cell: Cell, pin: str, default: str = "1'b0") -> str:
    """The name of the net at a pin; `default` where it is not connected."""
    return f"n{cell.pins[pin]}" if pin in cell.pins else default


def comb(cell: Cell) -> list[str]:
    """TRELLIS_COMB: a look-up table, half of a carry cell or a bit of 16 words of memory; and a multiplexer of two of them."""
    mode = cell.parameters.get("MODE", "LOGIC")
    if mode == "RAMW_BLOCK":  # keeps a place free, where a write port lies
        return []
    if mode not in ("LOGIC", "CCU2", "DPRAM"):
        raise _no_model(cell, f"mode {mode}")
    init = cell.number("INITVAL", 0)
    if mode == "DPRAM":
        return [*_memory_bit(cell, init), *_wide(cell)]
    a, b, c, d = (net(cell, pin, "1'b1") for pin in "ABCD")
    table = f"1'(16'h{init:04x} >> {{{d}, {c}, {b}, {a}}})"
    if mode == "LOGIC":
        return [*_drive(cell, "F", table), *_wide(cell)]
    # Half of a carry cell: the table generates or passes the carry, its last four bits (C and D low) are the carry it generates.
    injected = cell.parameters.get("CCU2_INJECT1", "NO") == "YES"
    carry = net(cell, "FCI", "1'b1")
    own = f"1'(4'h{init & 15:x} >> {{{b}, {a}}})"
    lines = _drive(cell, "F", table if injected else f"{table} ^ {carry}")
    return [*lines, *_drive(cell, "FCO", f"{table} & {carry}" if injected else f"{table} ? {carry} : {own}")]


def _memory_bit(cell: Cell, init: int) -> list[str]:
    """One bit of sixteen words. The read address goes to the table's inputs in another order than the write address has."""
    name = f"ram_{_number(cell, 'F')}"
    read = "{" + ", ".join(net(cell, pin, "1'b1") for pin in "ACBD") + "}"
    start = 0
    for index in range(16):
        address = sum((index >> bit & 1) << place for bit, place in enumerate((3, 1, 2, 0)))
        start |= (init >> index & 1) << address
    write = "{" + ", ".join(net(cell, f"WAD{bit}") for bit in (3, 2, 1, 0)) + "}"
    clock = ("negedge" if cell.parameters.get("WCKMUX") == "INV" else "posedge") + f" {net(cell, 'WCK')}"
    enable = _muxed(cell, "WRE", "1'b1")
    return [
        f"reg [15:0] {name} = 16'h{start:04x};",
        f"always @({clock}) if ({enable}) {name}[{write}] <= {net(cell, 'WD')};",
        *_drive(cell, "F", f"{name}[{read}]"),
    ]


def _wide(cell: Cell) -> list[str]:
    """The multiplexer behind two tables of a slice, or behind two such multiplexers."""
    first, second = ("FXA", "FXB") if "FXA" in cell.pins or "FXB" in cell.pins else ("F", "F1")
    return _drive(cell, "OFX", f"{net(cell, 'M')} ? {net(cell, second)} : {net(cell, first)}")


def write_port(cell: Cell) -> list[str]:
    """TRELLIS_RAMW: leads the write address and data of a slice's memory bits on."""
    ways = {"WADO0": "D0", "WADO1": "B0", "WADO2": "C0", "WADO3": "A0", "WDO0": "C1", "WDO1": "A1", "WDO2": "D1", "WDO3": "B1"}
    return [line for output, source in ways.items() for line in _drive(cell, output, net(cell, source, "1'b1"))]


def flip_flop(cell: Cell) -> list[str]:
    """TRELLIS_FF: a register with clock enable and a reset, synchronous or not; it starts with the value that reset gives."""
    output = _number(cell, "Q")
    mode = cell.parameters.get("SRMODE", "LSR_OVER_CE")
    if mode not in ("LSR_OVER_CE", "ASYNC"):
        raise _no_model(cell, f"reset mode {mode}")
    if cell.parameters.get("LSRMODE", "LSR") != "LSR":
        raise _no_model(cell, f"reset to {cell.parameters['LSRMODE']}")
    value = "1'b1" if cell.parameters.get("REGSET") == "SET" else "1'b0"
    data = net(cell, "DI" if cell.parameters.get("SD", "0") == "1" else "M")
    edge = "negedge" if cell.parameters.get("CLKMUX") == "INV" else "posedge"
    enable, reset = _muxed(cell, "CE", "1'b1"), _muxed(cell, "LSR", "1'b0") if "LSR" in cell.pins else "1'b0"
    sensitive = f"{edge} {net(cell, 'CLK')}"
    if mode == "ASYNC" and reset != "1'b0":
        sensitive += f" or {'negedge' if reset.startswith('!') else 'posedge'} {reset.lstrip('!')}"
    step = f"q{output} <= {data};"
    if enable != "1'b1":
        step = f"if ({enable}) {step}"
    if reset != "1'b0":
        step = f"if ({reset}) q{output} <= {value}; else {step}"
    return [f"reg q{output} = {value};", f"assign n{output} = q{output};", f"always @({sensitive}) {step}"]


def block_ram(cell: Cell) -> list[str]:
    """DP16KD: 18,432 bits with two ports, by the module of block_ram.v."""
    values, links = [], []
    for port in "AB":
        writes = _muxed(cell, f"WE{port}", "1'b0")
        reset = _muxed(cell, f"RST{port}", "1'b0")
        if reset != "1'b0" and cell.parameters.get("RESETMODE", "SYNC") != "SYNC":
            raise _no_model(cell, "an asynchronous reset that is used")
        values += [
            f".WIDTH_{port}({cell.number(f'DATA_WIDTH_{port}', 18)})",
            f".OUTREG_{port}({int(cell.parameters.get(f'REGMODE_{port}', 'NOREG') == 'OUTREG')})",
            f".WRITE_MODE_{port}({WRITE_MODES[cell.parameters.get(f'WRITEMODE_{port}', 'NORMAL')]})",
            f".WRITES_{port}({int(writes != _FALSE)})",
        ]
        chosen = ", ".join(_muxed(cell, f"CS{port}{bit}", "1'b0") for bit in (2, 1, 0))
        code = cell.parameters.get(f"CSDECODE_{port}", "0b000").removeprefix("0b")
        clock = _muxed(cell, f"CLK{port}", "1'b0")
        small = port.lower()
        links += [
            f".clk_{small}({clock})",
            f".en_{small}({_muxed(cell, f'CE{port}', _TRUE)} && {{{chosen}}} == 3'b{code})",
            f".out_en_{small}({_muxed(cell, f'OCE{port}', _TRUE)})",
            f".we_{small}({writes})",
            f".rst_{small}({reset})",
            f".ad_{small}({_bus(cell, f'AD{port}', 14)})",
            f".di_{small}({_bus(cell, f'DI{port}', 18)})",
        ]
    name = f"ram_{cell.pins[min(pin for pin in cell.pins if pin.startswith('DO'))]}"
    lines = [f"wire [17:0] {name}_a, {name}_b;"]
    for port in "AB":
        links.append(f".do_{port.lower()}({name}_{port.lower()})")
        lines += [line for bit in range(18) for line in _drive(cell, f"DO{port}{bit}", f"{name}_{port.lower()}[{bit}]")]
    values.append(f".INIT(18432'h{block_ram_contents(cell):x})")
    return [*lines, f"{BLOCK_RAM_MODULE} #({', '.join(values)}) {name} ({', '.join(links)});"]


def block_ram_contents(cell: Cell) -> int:
    """What a DP16KD starts with: 1024 words of 18 bits, the first in the lowest bits."""
    contents = 0
    for index in range(64):
        given = cell.number(f"INITVAL_{index:02X}", 0)
        for word in range(INIT_WORDS):
            contents |= (given >> 20 * word & 0x3FFFF) << 18 * (INIT_WORDS * index + word)
    return contents


def pad(cell: Cell) -> list[str]:
    """TRELLIS_IO: a pad, its input and its output."""
    direction = cell.parameters.get("DIR", "INPUT")
    lines = []
    if direction in ("OUTPUT", "BIDIR"):
        driven = net(cell, "I")
        lines += _drive(cell, "B", driven if "T" not in cell.pins else f"{net(cell, 'T')} ? 1'bz : {driven}")
    return [*lines, *(_drive(cell, "O", net(cell, "B")) if direction != "OUTPUT" else [])]


def clock_buffer(cell: Cell) -> list[str]:
    """DCCA: a clock onto the global network."""
    if "CE" in cell.pins:
        raise _no_model(cell, "a gate")
    return _drive(cell, "CLKO", net(cell, "CLKI"))


def pll(cell: Cell) -> list[str]:
    """EHXPLLL, locked from the start: its clock is an input of the module, and so is the output that closes its loop."""
    outputs = [pin for pin in ("CLKOP", "CLKOS", "CLKOS2", "CLKOS3") if pin in cell.pins]
    if len([pin for pin in outputs if cell.pins[pin] != cell.pins.get("CLKFB")]) > 1:
        raise _no_model(cell, f"several clocks ({', '.join(outputs)})")
    return [line for pin in outputs for line in _drive(cell, pin, PLL_CLOCK)] + _drive(cell, "LOCK", "1'b1")


MODELS: dict[str, Callable[[Cell], list[str]]] = {
    "TRELLIS_COMB": comb,
    "TRELLIS_RAMW": write_port,
    "TRELLIS_FF": flip_flop,
    "TRELLIS_IO": pad,
    "DP16KD": block_ram,
    "DCCA": clock_buffer,
    "EHXPLLL": pll,
}

_TRUE, _FALSE = "1'b1", "1'b0"


def _muxed(cell: Cell, pin: str, default: str) -> str:
    """A control pin behind its multiplexer, which passes it, inverts it, or replaces it by a constant. A pin that is not connected
    but has a multiplexer is 1 in front of it."""
    choice = cell.parameters.get(f"{pin}MUX")
    if choice in ("0", "1"):
        return f"1'b{choice}"
    if pin not in cell.pins:
        return default if choice is None else (_FALSE if choice == "INV" else _TRUE)
    return f"!{net(cell, pin)}" if choice == "INV" else net(cell, pin)


def _bus(cell: Cell, name: str, width: int) -> str:
    """Data or address pins of a block RAM, the highest first."""
    pins = (f"{name}{bit}" for bit in reversed(range(width)))
    return "{" + ", ".join(net(cell, pin, f"1'b{cell.parameters.get(f'{pin}MUX', '0')[-1:]}") for pin in pins) + "}"


def _drive(cell: Cell, pin: str, value: str) -> list[str]:
    """The assignment of an output, if it is connected."""
    return [f"assign n{cell.pins[pin]} = {value};"] if pin in cell.pins else []


def _number(cell: Cell, pin: str) -> int:
    if pin not in cell.pins:
        raise NetlistError(f"{cell.kind} {cell.name}: expected a net at its output {pin}, found none")
    return cell.pins[pin]


def _no_model(cell: Cell, what: str) -> NetlistError:
    return NetlistError(f"{cell.kind} {cell.name}: expected a cell that there is a model of, found {what}")
