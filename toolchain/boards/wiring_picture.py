"""The wiring of a board as a picture (SVG): one line from each pin of the board to the camera or the host."""

from __future__ import annotations

from html import escape
from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.export.files import write_text
from owlbit.export.guard import printable
from owlbit.hw.up5k.board import CAMERA_PINS, HOST_PINS, OPTIONAL_PINS, Board
from owlbit.toolchain.boards.any_board import AnyBoard

ROW, WIDTH, TOP = 26, 760, 84
LEFT, RIGHT = 300, 520  # where the two boxes face each other
# What a signal of the chip is called on the camera module, in the camera's own words.
MODULE_NAMES = {
    "hm01b0": {
        "cam_pclk": "PCLK",
        "cam_vsync": "VSYNC",
        "cam_href": "HREF",
        "cam_scl": "SCL",
        "cam_sda": "SDA",
        "cam_trig": "TRIG",
    },
    "ov7670": {
        **{"cam_pclk": "PCLK", "cam_vsync": "VSYNC", "cam_href": "HREF", "cam_scl": "SIOC", "cam_sda": "SIOD"},
        **{"cam_xclk": "XCLK", "cam_reset_n": "RESET", "cam_pwdn": "PWDN"},
    },
}
HOST_NAMES = {"spi_sck": "SCK", "spi_ss_n": "CS", "spi_mosi": "MOSI", "spi_miso": "MISO", "uart_rx": "TX", "uart_tx": "RX"}


def wires(board: Board) -> list[tuple[str, str, str]]:
    """(label on the board, name there, name at the other end) for each wire, power first, to the camera or else to the host."""
    rows = [("3.3 V", "supply", "VCC" if board.camera else "3.3 V"), ("GND", "ground", "GND")]
    names = (*CAMERA_PINS, *OPTIONAL_PINS) if board.camera else (*HOST_PINS[board.host.link], "wake")
    for name in names:
        for index, number in enumerate(board.pins.get(name, ())):
            other = f"D{index}" if name == "cam_d" else _other_end(board, name)
            spelt = f"{name}[{index}]" if name == "cam_d" else name
            rows.append((board.label(number), spelt, other))
    return rows


def _other_end(board: Board, name: str) -> str:
    if name == "wake":
        return "an interrupt input"
    return MODULE_NAMES[board.camera.kind][name] if board.camera else HOST_NAMES[name]


def wiring_svg(board: Board) -> str:
    """The picture as text."""
    rows = wires(board)
    height = TOP + ROW * len(rows) + 40
    other = f"{board.camera.kind.upper()} module" if board.camera else f"host ({board.host.link.upper()})"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13" '
        f'role="img" aria-label="{escape(f"Wiring of {board.title}")}">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="20" y="26" font-size="16" font-weight="bold" fill="#1d2126">{escape(board.title)}</text>',
        '<text x="20" y="46" fill="#59626c">left: what is printed on the board (pin of the chip where nothing is), and the '
        "signal; right: the other end</text>",
        _box(60, LEFT - 60, rows, board.name),
        _box(RIGHT, 180, rows, other),
    ]
    colours = ("#b3261e", "#1d2126", "#2f62ad", "#2f8f83", "#b86e00", "#7a4fa3")
    for index, (label, name, end) in enumerate(rows):
        y = TOP + 22 + ROW * index
        colour = colours[index] if index < 2 else colours[2 + index % 4]
        parts += [
            f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end" fill="#1d2126">{escape(name)} · {escape(label)}</text>',
            f'<line x1="{LEFT}" y1="{y}" x2="{RIGHT}" y2="{y}" stroke="{colour}" stroke-width="2"/>',
            f'<circle cx="{LEFT}" cy="{y}" r="4" fill="{colour}"/><circle cx="{RIGHT}" cy="{y}" r="4" fill="{colour}"/>',
            f'<text x="{RIGHT + 10}" y="{y + 4}" fill="#1d2126">{escape(end)}</text>',
        ]
    return "\n".join([*map(printable, parts), "</svg>", ""])


def _box(x: int, width: int, rows: list[tuple[str, str, str]], title: str) -> str:
    height = ROW * len(rows) + 14
    return (
        f'<rect x="{x}" y="{TOP}" width="{width}" height="{height}" rx="8" fill="#f7f5ef" stroke="#59626c"/>'
        f'<text x="{x + width / 2}" y="{TOP - 8}" text-anchor="middle" font-weight="bold" fill="#1d2126">{escape(title)}</text>'
    )


def draw_wiring(board: AnyBoard, file: Path) -> None:
    """Writes the picture. Raises OwlbitError for a board with an ECP5, to which no camera is wired."""
    if not isinstance(board, Board):
        raise OwlbitError(
            f"board {board.name}: expected a board with an iCE40, whose wiring is drawn; `owlbit boards show {board.name}` lists "
            "the pins of one with an ECP5"
        )
    write_text(file, wiring_svg(board))
