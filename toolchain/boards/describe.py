"""What `owlbit boards` shows: a table of boards, one board in full, and both as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from owlbit.export.guard import printable
from owlbit.hw.ecp5.boards.board import Ecp5Board
from owlbit.hw.up5k.board import Board
from owlbit.hw.up5k.board_flash import bitstream_facts
from owlbit.toolchain.boards.any_board import AnyBoard, all_boards
from owlbit.toolchain.boards.write_flash import AnyBuild


def as_json(board: AnyBoard) -> dict[str, Any]:
    """The content of the board's file, values derived from it, and the facts of its bitstream."""
    if isinstance(board, Ecp5Board):
        own = {name: value for name, value in asdict(board).items() if name != "file"}
        return own | {"uart_divider": board.uart_divider, "file": str(board.file), "bitstream": None}
    facts = {name: value for name, value in asdict(board).items() if name != "file"}
    facts["pll"] = None if board.pll is None else asdict(board.pll)
    facts["uart_divider"] = board.uart_divider if board.host.link == "uart" else None
    return facts | {"file": str(board.file), "bitstream": bitstream_facts(board)}


def clock_text(board: AnyBoard) -> str:
    """Where the clock comes from."""
    if isinstance(board, Ecp5Board):
        return f"of the build, PLL from {board.clock.pin_mhz:g} MHz on pin {board.clock.pin}"
    clock = board.clock
    source = {"pll": f"PLL from {clock.pin_mhz or 0:g} MHz on pin {clock.pin}", "oscillator": "internal oscillator"}
    return f"{clock.mhz:g} MHz, {source.get(clock.source, f'pin {clock.pin}')}"


def host_text(board: AnyBoard) -> str:
    """How a host talks to it."""
    if isinstance(board, Ecp5Board):
        return f"UART, {board.host.baud} baud"
    return f"UART, {board.host.baud} baud" if board.host.link == "uart" else f"SPI, at most {board.clock.mhz / 8:g} MHz"


def wiring_rows(board: AnyBoard) -> list[tuple[str, str, str, str]]:
    """(name, pin of the chip, label on the board, source) of every pin, a row each."""
    if isinstance(board, Ecp5Board):
        pins = board.pins.items()
        return [(name, pin, board.labels.get(name, ""), board.pin_sources.get(name, board.source)) for name, pin in pins]
    rows = []
    for name, numbers in board.pins.items():
        for index, number in enumerate(numbers):
            spelt = f"{name}[{index}]" if len(numbers) > 1 else name
            rows.append((spelt, str(number), board.labels.get(str(number), ""), board.pin_sources.get(name, board.source)))
    return rows


def describe_policy(build: AnyBuild) -> str:
    """When the chip of a build wakes its host, as a line."""
    policy = build.image.policy
    if build.image.host_decides:
        return "wake-up: never on the chip: the ranking of these classes needs the network's factors, so the host decides"
    if not policy.needed:
        return "wake-up: never"
    text = (
        f"wake-up: {policy.needed} of {policy.of} frames agree, each by a margin of {policy.margin}; "
        f"then none for {policy.hold_off_frames} frames"
    )
    names = ", ".join(str(index) for index in policy.quiet)
    return text + (f"; never for the classes {names}" if names else "")


def wiring_tables() -> dict[str, str]:
    """In Markdown, by the names that markers in the docs have."""
    head = "| signal | pin of the chip | on the board | from |\n|---|---|---|---|\n"
    tables = {}
    for board in all_boards():
        rows = [f"| `{name}` | {pin} | {label or '-'} | {source} |" for name, pin, label, source in wiring_rows(board)]
        tables[f"wiring-{board.name}"] = head + "\n".join(rows) + "\n"
    return tables


def board_page(board: AnyBoard) -> str:
    """One board in full, as text."""
    own = _ecp5_lines(board) if isinstance(board, Ecp5Board) else _ice40_lines(board)
    lines = [
        f"{board.name}: {board.title}",
        "No board has run owlbit yet: all of this is built and simulated only.",
        *own,
        f"  programs   {', '.join(each.tool for each in board.programmer)}",
        f"  pins from  {board.source}",
        *(f"  buy        {each}" for each in board.shop),
        *(f"  note       {each}" for each in board.notes),
        "",
        f"  {'pin':<14}{'chip':<6}{'on the board':<22}from",
    ]
    lines += [f"  {name:<14}{pin:<6}{label:<22}{source}" for name, pin, label, source in wiring_rows(board)]
    return "\n".join(map(printable, lines))


def _usb(board: AnyBoard) -> str:
    return f", USB {board.host.usb}" if board.host.usb else ""


def _ice40_lines(board: Board) -> list[str]:
    facts = bitstream_facts(board)
    if facts is None:
        made = f"none yet; `owlbit bitstream {board.name}` makes it"
    else:
        shown = ", ".join(f"{name} {value}" for name, value in facts.items() if isinstance(value, int | float))
        made = f"{board.bitstream}" + (f" ({shown})" if shown else "")
    return [
        f"  chip       {board.part}",
        f"  clock      {clock_text(board)}",
        f"  flash      {board.flash.bytes:,} bytes, network at {board.flash.network_offset:#x}",
        f"  host       {host_text(board)}{_usb(board)}",
        f"  camera     {board.camera.kind.upper() if board.camera else 'none: the host sends pixels'}",
        f"  bitstream  {made}",
    ]


def _ecp5_lines(board: Ecp5Board) -> list[str]:
    return [
        f"  chip       {' or '.join(board.parts)}, package {board.package}, speed grade {board.speed}",
        f"  clock      {clock_text(board)}",
        f"  flash      {board.flash.bytes:,} bytes, bitstream at {board.flash.offset:#x}",
        f"  host       {host_text(board)}{_usb(board)}",
        "  camera     none: the host sends pixels",
        f"  bitstream  of each network: `owlbit build MODEL --target {board.parts[0]} --board {board.name}`",
    ]
