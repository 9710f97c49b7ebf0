"""The host of a simulated chip: packets, and what it may answer, written from the protocol and not from the package's code."""

from __future__ import annotations

import binascii
import random
import struct
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from owlbit.hw.up5k.chip_simulation import ChipSimulation

SYNC = 0xA5
RESULT, STATUS, VERSION, SELFTEST, ACK, ERROR, WAKE = range(0x01, 0x08)
GET_STATUS, GET_VERSION, RUN_SELFTEST, PUSH, START, STOP, SET_WAKE, GET_WAKE, RESET = range(0x81, 0x8A)
REPLY = {GET_STATUS: STATUS, GET_VERSION: VERSION, RUN_SELFTEST: SELFTEST, GET_WAKE: WAKE}
DONE, UNKNOWN_TYPE, WRONG_LENGTH, OUT_OF_RANGE, WRONG_STATE, WRONG_OFFSET = range(6)
BOOTING, IDLE, RUNNING, SELF_TESTING, FAILED = range(5)


def packet(kind: int, payload: bytes = b"") -> bytes:
    """A packet as it goes over the link."""
    body = bytes([kind]) + len(payload).to_bytes(2, "little") + payload
    return bytes([SYNC]) + body + binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "little")


def damaged_packet(rng: random.Random) -> bytes:
    """A request with one to three bytes changed, lost, or come from nowhere; now and then it is cut off."""
    kinds = [GET_STATUS, GET_VERSION, RUN_SELFTEST, PUSH, START, STOP, SET_WAKE, GET_WAKE, RESET]
    data = bytearray(packet(rng.choice(kinds), rng.randbytes(rng.choice([0, 0, 1, 4, 5, 20, 40, 64]))))
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[place] ^= 1 << rng.randrange(8)
            case 1:
                del data[place]
            case 2:
                data.insert(place, rng.randrange(256))
            case _:
                data.insert(place, 0xA5)
    return bytes(data[: rng.randrange(len(data))] if rng.random() < 0.1 else data)


@dataclass(frozen=True)
class Packet:
    """From the chip; `time_us`: when its last byte had come."""

    time_us: float
    kind: int
    payload: bytes


@dataclass(frozen=True)
class Result:
    """RESULT of a frame, in its own fields."""

    frame: int
    wake: bool
    sure: bool
    pushed: bool
    hold_off: bool
    decision: int
    margin: int
    scores: tuple[int, ...]


def read_result(payload: bytes) -> Result:
    frame, flags, decision, margin = struct.unpack_from("<HBBI", payload)
    assert flags < 16, f"flags {flags:#x}"
    scores = struct.unpack(f"<{(len(payload) - 8) // 2}h", payload[8:])
    return Result(frame, bool(flags & 1), bool(flags & 2), bool(flags & 4), bool(flags & 8), decision, margin, scores)


@dataclass(frozen=True)
class Status:
    """STATUS, in its own fields."""

    protocol: int
    state: int
    error: int
    flash_format: int
    rows: int
    columns: int
    colours: int
    camera: int
    k: int
    self_test: int
    frames: int
    skipped: int
    wakes: int
    bad_packets: int
    classes: int


def read_status(payload: bytes) -> Status:
    return Status(*struct.unpack("<BBBBHHBBBBIHHHH", payload))


class Host:
    """Sends requests to a simulated chip and sorts what comes."""

    def __init__(self, chip: ChipSimulation) -> None:
        self.chip = chip
        self.packets: list[Packet] = []  # all that came whole
        self.noise = bytearray()  # bytes outside of packets: there should be none but an SPI link's zeros
        self.bad = 0  # packets whose CRC was wrong
        self._new: deque[Packet] = deque()
        self._seen = 0

    def next_packet(self, timeout_ms: float) -> Packet | None:
        """The next packet that was not taken yet, or None after `timeout_ms` of simulated time."""
        end = self.chip.time_us + timeout_ms * 1000
        while not self._new:
            left = end - self.chip.time_us
            if left <= 0:
                return None
            self.chip.run(left, received=1)
            self._parse()
        return self._new.popleft()

    def wait(self, kind: int, timeout_ms: float = 500) -> Packet:
        """The next packet of a kind; others before it are only kept in `packets`."""
        end = self.chip.time_us + timeout_ms * 1000
        while (left := end - self.chip.time_us) > 0:
            got = self.next_packet(left / 1000)
            if got is not None and got.kind == kind:
                return got
        raise AssertionError(f"no packet of kind {kind:#x} within {timeout_ms} ms; so far {self.kinds()[-20:]}")

    def request(self, kind: int, payload: bytes = b"", timeout_ms: float = 500, tries: int = 1) -> Packet:
        """Sends a request and waits for its reply: of its own kind, or ACK. tries: sends it again where none came."""
        for _ in range(tries):
            self.chip.send(packet(kind, payload))
            end = self.chip.time_us + timeout_ms * 1000
            while (left := end - self.chip.time_us) > 0:
                got = self.next_packet(left / 1000)
                if got is not None and (got.kind == REPLY.get(kind) or (got.kind == ACK and got.payload[0] == kind)):
                    return got
        raise AssertionError(f"no reply to {kind:#x} within {timeout_ms} ms; so far {self.kinds()[-20:]}")

    def acknowledged(self, kind: int, payload: bytes = b"", timeout_ms: float = 500, tries: int = 1) -> int:
        """The code of the ACK that answers a request."""
        reply = self.request(kind, payload, timeout_ms, tries)
        assert reply.kind == ACK and len(reply.payload) == 2
        return reply.payload[1]

    def status(self, tries: int = 1) -> Status:
        return read_status(self.request(GET_STATUS, timeout_ms=100, tries=tries).payload)

    def push(self, frame: NDArray[np.uint8]) -> Result:
        """Pushes a frame in order row, column, colour, and waits for its scores."""
        data = frame.tobytes()
        for offset in range(0, len(data), 60):
            assert self.acknowledged(PUSH, struct.pack("<I", offset) + data[offset : offset + 60], 3000) == DONE
        return read_result(self.wait(RESULT).payload)

    def kinds(self) -> list[int]:
        return [got.kind for got in self.packets]

    def results(self) -> list[Result]:
        return [read_result(got.payload) for got in self.packets if got.kind == RESULT]

    def _parse(self) -> None:
        data = self.chip.received
        while data:
            if data[0] != SYNC:
                self.noise.append(data.pop(0))
                continue
            if len(data) < 4:
                return
            size = 4 + int.from_bytes(data[2:4], "little") + 2
            if len(data) < size:
                return
            body, crc = bytes(data[1 : size - 2]), int.from_bytes(data[size - 2 : size], "little")
            if binascii.crc_hqx(body, 0xFFFF) != crc:
                self.bad += 1
                self.noise.append(data.pop(0))
                continue
            del data[:size]
            got = Packet(self.chip.time_us, body[0], body[3:])
            self.packets.append(got)
            self._new.append(got)
