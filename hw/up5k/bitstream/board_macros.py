"""What a board is to the Verilog of `rtl/owl_chip.v` and to place and route: macros, and a PCF file of its pins."""

from __future__ import annotations

from owlbit.hw.up5k.board import OPTIONAL_PINS, PLL_PIN, Board, BoardError

MOST_UART_DIVIDER = 1023  # clocks of a bit that owl_uart counts


def board_macros(board: Board) -> tuple[str, ...]:
    """Macros, NAME or NAME=VALUE, of the board's clock, host link, camera, LEDs and network address. Raises BoardError."""
    macros = [f"OWL_NETWORK=24'h{board.flash.network_offset:06X}"]
    if board.host.link == "spi":
        macros += ["OWL_HOST_SPI"]
    else:
        if board.uart_divider > MOST_UART_DIVIDER:
            least = board.clock_hz // MOST_UART_DIVIDER + 1
            raise BoardError(
                f"{board.file}: host.baud: expected at least {least} at {board.clock.mhz:g} MHz, got {board.host.baud}"
            )
        macros += [f"OWL_UART_DIVIDER=10'd{board.uart_divider}"]
    if board.pll is not None:
        pll = board.pll
        macros += ["OWL_CLOCK_PLL", *(["OWL_CLOCK_PAD"] if board.clock.pin == PLL_PIN else [])]
        macros += [f"OWL_PLL_DIVR=4'd{pll.divr}", f"OWL_PLL_DIVF=7'd{pll.divf}", f"OWL_PLL_DIVQ=3'd{pll.divq}"]
        macros += [f"OWL_PLL_FILTER=3'd{pll.filter_range}"]
    elif board.clock.source == "oscillator":
        macros += ["OWL_CLOCK_OSCILLATOR", f"OWL_OSCILLATOR_MHZ={board.clock.mhz:.0f}"]
    if board.camera is not None:
        macros += ["OWL_CAMERA", f"OWL_CAMERA_{board.camera.kind.upper()}"]
        macros += [f"OWL_PIN_{name.upper()}" for name in OPTIONAL_PINS if name in board.pins]
    if board.leds.low:
        macros += ["OWL_LEDS_LOW"]
    return tuple(macros)


def board_pins(board: Board) -> str:
    """The text of a PCF file: a line for each pin of owl_chip."""
    lines = [] if board.clock.pin is None else [f"set_io clk {board.clock.pin}"]
    for name, numbers in board.pins.items():
        several = len(numbers) > 1
        lines += [f"set_io {name}{f'[{index}]' if several else ''} {number}" for index, number in enumerate(numbers)]
    return "\n".join([f"# {board.title}", *lines, ""])
