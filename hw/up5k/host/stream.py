"""Streams of bytes to a board: a serial port, and SPI through a function that moves bytes both ways."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from owlbit.export.errors import OwlbitError

SPI_PAUSE_S = 100e-6  # from the start of one byte to the start of the next: what the firmware takes for a byte


class StreamError(OwlbitError):
    """A port that cannot be opened, or whose other end is gone."""


class Stream(Protocol):
    """What the client needs of a link."""

    name: str

    def write(self, data: bytes) -> None:
        """Sends all of `data`. Raises StreamError where the other end is gone."""
        ...

    def read(self, timeout_s: float) -> bytes:
        """What has come, at the latest after `timeout_s`; empty where nothing has. Raises StreamError as `write`."""
        ...

    def close(self) -> None:
        """Gives the link back."""
        ...


class SerialStream:
    """A serial port, held alone. Made by `open_port`."""

    def __init__(self, name: str, port: Any) -> None:
        self.name, self.port = name, port

    def write(self, data: bytes) -> None:
        """As `Stream.write`."""
        try:
            self.port.write(data)
            self.port.flush()
        except OSError as error:
            raise self._gone(error) from None

    def read(self, timeout_s: float) -> bytes:
        """As `Stream.read`."""
        try:
            self.port.timeout = timeout_s
            first = self.port.read(1)
            return bytes(first + self.port.read(self.port.in_waiting)) if first else b""
        except (OSError, TypeError) as error:  # a TypeError where the port was closed by another thread
            raise self._gone(error) from None

    def close(self) -> None:
        """As `Stream.close`."""
        self.port.close()

    def _gone(self, error: Exception) -> StreamError:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return StreamError(f"{self.name}: the board is gone ({reason}); was its cable pulled? Plug it in and start again")


class SpiStream:
    """SPI as the host: `transfer` sends bytes and returns as many, as `spidev.SpiDev.xfer2` does; mode 0, at most an eighth of the
    chip's clock. The select line must stay low from call to call, or packets break off."""

    def __init__(self, name: str, transfer: Callable[[list[int]], list[int]], pause_s: float = SPI_PAUSE_S) -> None:
        self.name, self.transfer, self.pause_s = name, transfer, pause_s
        self.waiting = bytearray()  # what came while the host was sending

    def _byte(self, value: int) -> int:
        started = time.perf_counter()
        got = self.transfer([value])[0]
        while time.perf_counter() - started < self.pause_s:
            pass
        return got

    def write(self, data: bytes) -> None:
        """As `Stream.write`."""
        self.waiting += bytes(self._byte(value) for value in data)

    def read(self, timeout_s: float) -> bytes:
        """As `Stream.read`; zeros between packets are left out."""
        until = time.monotonic() + timeout_s
        while not any(self.waiting):
            if time.monotonic() >= until:
                self.waiting.clear()
                return b""
            self.waiting += bytes(self._byte(0) for _ in range(16))
        data = bytes(self.waiting)
        self.waiting.clear()
        return data

    def close(self) -> None:
        """Nothing is held."""


def open_port(name: str, baud: int) -> SerialStream:
    """Opens a serial port for this program alone. Raises StreamError for one that is not there, is in use or may not be used."""
    try:
        import serial
    except ModuleNotFoundError:
        raise OwlbitError("a serial port needs pyserial; `pip install --editable '.[board]'` in the checkout brings it") from None
    try:
        port = serial.Serial(name, baud, timeout=0, write_timeout=2, exclusive=True)
    except (OSError, ValueError) as error:
        raise StreamError(_why_not(name, error)) from None
    return SerialStream(name, port)


def _why_not(name: str, error: Exception) -> str:
    from serial.tools.list_ports import comports

    number, text = getattr(error, "errno", None), str(error)
    ports = ", ".join(port.device for port in comports()) or "none"
    if "exclusively lock" in text or number in (11, 16):
        return f"{name}: another program uses this port; close it (a terminal, an IDE, another `owlbit listen`) and try again"
    if number == 13:
        return f"{name}: this port may not be opened by you; on Linux add yourself to its group (dialout) and log in again"
    if number == 2:
        return f"{name}: expected a serial port, found none of that name; is the board plugged in? Ports here: {ports}"
    reason = text.splitlines()[0] if text else type(error).__name__
    return f"{name}: expected a serial port, could not open it ({reason}); ports here: {ports}"
