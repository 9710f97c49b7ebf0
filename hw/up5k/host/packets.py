"""Packets of the host link, byte for byte: made, found in a stream of bytes however damaged, and their payloads.

A packet: 0xA5, type u8, length u16, payload, CRC-16 over type, length and payload (polynomial 0x1021, start 0xFFFF, highest bit
first, no inversion). Numbers of more than a byte have their low byte first. docs/host_protocol.md describes every type.
"""

from __future__ import annotations

import binascii
import struct
from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

from owlbit.hw.up5k.wake_policy import ChipPolicy, quiet_classes, quiet_mask

START_BYTE = 0xA5
OVERHEAD = 6  # bytes of a packet beside its payload
MOST_TO_CHIP, MOST_TO_HOST = 64, 8 + 2 * 256
PUSH_BYTES = 60  # of a frame in one packet
SILENCE_S = 0.05  # within a packet, after which it is dropped
PROTOCOL_VERSION = 1


class Type(IntEnum):
    """Types of packets; from 0x81 on, those that a host sends."""

    RESULT = 0x01
    STATUS = 0x02
    VERSION = 0x03
    SELF_TEST = 0x04
    ACK = 0x05
    ERROR = 0x06
    WAKE = 0x07
    GET_STATUS = 0x81
    GET_VERSION = 0x82
    RUN_SELF_TEST = 0x83
    PUSH = 0x84
    START = 0x85
    STOP = 0x86
    SET_WAKE = 0x87
    GET_WAKE = 0x88
    RESET = 0x89


class State(StrEnum):
    """What the chip is at, in the order of their numbers."""

    BOOTING = "booting"
    IDLE = "idle"
    RUNNING = "running"
    SELF_TEST = "self-test"
    ERROR = "error"


STATES = tuple(State)
CAMERAS = ("none", "HM01B0", "OV7670")
SELF_TESTS = ("not run", "passed", "failed")
ERRORS = (
    "none",
    "the flash holds no whole network",
    "the camera does not answer",
    "the camera sends no frames",
    "the camera's picture is too small for the network",
    "the self-test failed",
    "pixels came too fast and some were lost",
    "the network takes colour and the camera gives gray",
)
WRONG_OFFSET = 5
ACK_CODES = ("done", "unknown type", "wrong length", "value out of range", "wrong state", "wrong offset")


class PacketError(ValueError):
    """A payload that is not what its type says; its packet counts as damaged."""


@dataclass(frozen=True)
class Packet:
    """A packet whose checksum is right."""

    kind: int
    payload: bytes


@dataclass(frozen=True, eq=False)
class Result:
    """What the chip made of one frame.

    `frame`: counts frames from 0 and wraps at 65536; `wakes`: this frame woke the host; `held`: a hold-off kept it from waking;
    `margin`: lead of the largest ranked score; `scores`: int16 [classes].
    """

    frame: int
    wakes: bool
    sure: bool
    pushed: bool
    held: bool
    decision: int
    margin: int
    scores: NDArray[np.int16]


@dataclass(frozen=True)
class Status:
    """How the chip is. `square`: side of the squares of camera pixels that are averaged, 0 without camera."""

    protocol: int
    state: State
    error: int
    flash_format: int
    rows: int
    columns: int
    colours: int
    camera: str
    square: int
    self_test: str
    frames: int
    skipped: int
    wakes: int
    bad_packets: int
    classes: int


@dataclass(frozen=True)
class Version:
    """What the chip booted: engine and format, name of the network, SHA-256 of its flash image, and its board."""

    engine: str
    network: str
    sha256: str
    board: str


@dataclass(frozen=True)
class SelfTestResult:
    """`passed`: None where the flash image holds no self-test; `differs`: first class whose score is wrong, None if none is."""

    passed: bool | None
    differs: int | None
    got: int
    expected: int


@dataclass(frozen=True)
class Ack:
    """The answer to a packet of type `kind`; `code`: index in ACK_CODES."""

    kind: int
    code: int


def crc16(data: bytes) -> int:
    """CRC-16/IBM-3740."""
    return binascii.crc_hqx(data, 0xFFFF)


def encode(kind: int, payload: bytes = b"") -> bytes:
    """The bytes of a packet."""
    body = struct.pack("<BH", kind, len(payload)) + payload
    return bytes([START_BYTE]) + body + struct.pack("<H", crc16(body))


class Decoder:
    """Finds packets in a stream, whatever else is in it. `bad`: how many looked like packets and were damaged."""

    def __init__(self, most: int = MOST_TO_HOST) -> None:
        self.most, self.bad = most, 0
        self._buffer = bytearray()
        self._taken = 0  # bytes since the start that are no longer in the buffer
        self._last_s = float("-inf")

    def feed(self, data: bytes, time_s: float) -> list[Packet]:
        """The packets that `data`, received at `time_s`, completes; none received is worth telling, too, as time passes.

        A packet that was begun before a silence is dropped unless `data` completes it.
        """
        silent = time_s - self._last_s > SILENCE_S
        before_silence = self._taken + len(self._buffer)
        self._buffer += data
        if data:
            self._last_s = time_s
        packets = self._take()
        while silent and self._buffer and self._taken < before_silence:
            self.bad += 1
            self._remove(1)
            packets += self._take()
        return packets

    def _remove(self, count: int) -> None:
        del self._buffer[:count]
        self._taken += count

    def _take(self) -> list[Packet]:
        """The whole packets in the buffer; afterwards it is empty or begins with the start byte of one that is not whole."""
        packets: list[Packet] = []
        buffer = self._buffer
        while True:
            start = buffer.find(START_BYTE)
            self._remove(start if start >= 0 else len(buffer))
            if len(buffer) < 4:
                return packets
            length = buffer[2] | buffer[3] << 8
            if length <= self.most and len(buffer) < length + OVERHEAD:
                return packets
            body = bytes(buffer[1 : 4 + length])
            if length > self.most or crc16(body) != (buffer[4 + length] | buffer[5 + length] << 8):
                self.bad += 1
                self._remove(1)  # a start byte that was none: the next one may be inside
                continue
            packets.append(Packet(body[0], body[3:]))
            self._remove(length + OVERHEAD)


def _fixed(payload: bytes, layout: str) -> tuple[int, ...]:
    if len(payload) != struct.calcsize(layout):
        raise PacketError(f"expected a payload of {struct.calcsize(layout)} bytes, got {len(payload)}")
    return struct.unpack(layout, payload)


def read_result(payload: bytes) -> Result:
    """Raises PacketError for a length that no number of classes gives."""
    if len(payload) < 10 or len(payload) % 2:
        raise PacketError(f"expected a result of 8 bytes and 2 for each class, got {len(payload)}")
    frame, flags, decision, margin = struct.unpack("<HBBi", payload[:8])
    scores = np.frombuffer(payload[8:], "<i2").astype(np.int16)
    return Result(frame, bool(flags & 1), bool(flags & 2), bool(flags & 4), bool(flags & 8), decision, margin & 0xFFFFFFFF, scores)


def read_status(payload: bytes) -> Status:
    """Raises PacketError for another length or a number that has no meaning."""
    values = _fixed(payload, "<BBBBHHBBBBIHHHH")
    protocol, state, error, flash, rows, columns, colours, camera, square, tested, frames, skipped, wakes, bad, classes = values
    if state >= len(STATES) or camera >= len(CAMERAS) or tested >= len(SELF_TESTS):
        raise PacketError(f"expected a known state, camera and self-test, got {state}, {camera} and {tested}")
    return Status(
        *(protocol, STATES[state], error, flash, rows, columns, colours, CAMERAS[camera], square, SELF_TESTS[tested]),
        *(frames, skipped, wakes, bad, classes),
    )


def read_version(payload: bytes) -> Version:
    """Raises PacketError for another length."""
    if len(payload) != 112:
        raise PacketError(f"expected a version of 112 bytes, got {len(payload)}")
    texts = (payload[:32], payload[32:64], payload[96:])
    engine, network, board = (text.rstrip(b"\0").decode("ascii", "replace") for text in texts)
    return Version(engine, network, payload[64:96].hex(), board)


def read_self_test(payload: bytes) -> SelfTestResult:
    """Raises PacketError for another length or result."""
    result, differs, got, expected = _fixed(payload, "<BBhh")
    if result not in (1, 2, 3):
        raise PacketError(f"expected the result 1, 2 or 3 of a self-test, got {result}")
    return SelfTestResult({1: True, 2: False, 3: None}[result], None if result != 2 else differs, got, expected)


def read_ack(payload: bytes) -> Ack:
    """Raises PacketError for another length."""
    return Ack(*_fixed(payload, "<BB"))


def read_error(payload: bytes) -> int:
    """Index in ERRORS. Raises PacketError for another length."""
    return _fixed(payload, "<B")[0]


def error_name(code: int) -> str:
    """In words."""
    return ERRORS[code] if code < len(ERRORS) else f"error {code}, which this owlbit does not know"


def pack_policy(policy: ChipPolicy) -> bytes:
    """The payload of SET_WAKE."""
    return struct.pack("<BBIH", policy.needed, policy.of, policy.margin, policy.hold_off_frames) + quiet_mask(policy.quiet)


def read_policy(payload: bytes) -> ChipPolicy:
    """The payload of WAKE. Raises PacketError for another length, OwlbitError for a policy that cannot be."""
    needed, of, margin, hold_off_frames = _fixed(payload[:8], "<BBIH")
    if len(payload) != 40:
        raise PacketError(f"expected a wake policy of 40 bytes, got {len(payload)}")
    return ChipPolicy(needed, of, margin, hold_off_frames, quiet_classes(payload[8:]))
