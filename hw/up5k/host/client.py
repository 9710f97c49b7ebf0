"""A board over a stream of bytes: one request at a time, results and errors that arrive meanwhile kept in order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.hw.up5k.host.packets import (
    ACK_CODES,
    PROTOCOL_VERSION,
    PUSH_BYTES,
    WRONG_OFFSET,
    Ack,
    Decoder,
    Packet,
    PacketError,
    Result,
    SelfTestResult,
    Status,
    Type,
    Version,
    encode,
    error_name,
    pack_policy,
    read_ack,
    read_error,
    read_policy,
    read_result,
    read_self_test,
    read_status,
    read_version,
)
from owlbit.hw.up5k.host.stream import Stream
from owlbit.hw.up5k.wake_policy import ChipPolicy

ANSWER_S = 0.2
SELF_TEST_S = 2.0
TRIES = 5  # a request that meets a packet of the chip's own is lost
FRAME_S = 5.0  # from a frame's last byte to its result: the slowest network takes a second or two
DRAIN_S = 0.1  # in which what a repeated request brought twice has come
BOOT_S = 5.0
T = TypeVar("T")


class DeviceError(OwlbitError):
    """A board that does not answer, or refuses."""


class Device:
    """A board. Not for use by several threads at once.

    `results`: of camera frames, and `errors`: what came unasked and nobody has taken yet; `heard`: a good packet came; `strange`:
    bytes, other than zeros, before that; `answer_s`: how long an answer may take.
    """

    def __init__(self, stream: Stream, clock: Callable[[], float] = time.monotonic, answer_s: float = ANSWER_S) -> None:
        self.stream, self.clock, self.answer_s = stream, clock, answer_s
        self.decoder = Decoder()
        self.results: deque[Result] = deque(maxlen=1024)
        self.errors: deque[int] = deque(maxlen=64)
        self.strange, self.heard = 0, False
        self._replies: deque[Packet] = deque(maxlen=64)
        self._pushed: deque[Result] = deque()
        self._repeated = False  # a request was: a frame of one packet may have been taken twice

    @property
    def bad(self) -> int:
        """Damaged packets so far."""
        return self.decoder.bad

    def hello(self) -> Status:
        """The first status. Raises DeviceError where something else than a board with owlbit answers, or nothing."""
        try:
            status = self.status()
        except DeviceError:
            came = f"{self.strange} bytes of something else" if self.strange else "nothing at all"
            raise DeviceError(
                f"{self.stream.name}: expected an owlbit board, got {came}; is it the right port, and is the board flashed?"
            ) from None
        if status.protocol != PROTOCOL_VERSION:
            raise DeviceError(
                f"{self.stream.name}: expected a board that speaks protocol {PROTOCOL_VERSION}, got protocol {status.protocol}; "
                "use the owlbit that its bitstream is from"
            )
        return status

    def status(self) -> Status:
        """How the chip is."""
        return self._ask(Type.GET_STATUS, b"", Type.STATUS, read_status)

    def version(self) -> Version:
        """What the chip booted."""
        return self._ask(Type.GET_VERSION, b"", Type.VERSION, read_version)

    def self_test(self) -> SelfTestResult:
        """Lets the chip run its self-test."""
        return self._ask(Type.RUN_SELF_TEST, b"", Type.SELF_TEST, read_self_test, SELF_TEST_S)

    def policy(self) -> ChipPolicy:
        """The wake policy in force."""
        return self._ask(Type.GET_WAKE, b"", Type.WAKE, read_policy)

    def set_policy(self, policy: ChipPolicy) -> None:
        """Another wake policy, until the chip boots again."""
        self._command(Type.SET_WAKE, pack_policy(policy))

    def start(self) -> None:
        """Lets camera frames flow. Raises DeviceError without camera."""
        self._command(Type.START)

    def stop(self) -> None:
        """Stops them."""
        self._command(Type.STOP)

    def acknowledge(self) -> None:
        """Lowers the wake pin, as any packet of the host does; its answer is not waited for."""
        self.stream.write(encode(Type.GET_WAKE))

    def reset(self) -> Status:
        """Lets the chip boot its network again, and waits until it has."""
        self._command(Type.RESET)
        until = self.clock() + BOOT_S
        while True:
            try:
                status = self.status()
            except DeviceError:
                if self.clock() >= until:
                    raise
                continue
            if status.state != "booting" or self.clock() >= until:
                return status

    def push(self, frame: NDArray[np.uint8]) -> Result:
        """The result of a frame uint8 [C, H, W] sent by the host; stops the camera. Raises DeviceError where none comes."""
        data = frame.transpose(1, 2, 0).tobytes()
        until = self.clock() + (DRAIN_S if self._repeated else 0)
        while self.clock() < until:
            self._receive(until)
        self._repeated = False
        self._pushed.clear()
        for offset in range(0, len(data), PUSH_BYTES):
            self._command(Type.PUSH, offset.to_bytes(4, "little") + data[offset : offset + PUSH_BYTES])
        until = self.clock() + FRAME_S
        while not self._pushed:
            if self.clock() >= until:
                raise DeviceError(f"{self.stream.name}: expected the result of a pushed frame within {FRAME_S:g} s, got none")
            self._receive(until)
        return self._pushed.popleft()

    def events(self, until_s: float) -> Iterator[Result | int]:
        """Results, and errors as their numbers, as they come, until the clock shows `until_s`."""
        while True:
            while self.errors:
                yield self.errors.popleft()
            while self.results:
                yield self.results.popleft()
            if self.clock() >= until_s:
                return
            self._receive(until_s)

    def close(self) -> None:
        """Gives the stream back."""
        self.stream.close()

    def _command(self, kind: Type, payload: bytes = b"") -> None:
        self._ask(kind, payload, Type.ACK, read_ack)

    def _ask(self, kind: Type, payload: bytes, answer: Type, read: Callable[[bytes], T], wait_s: float | None = None) -> T:
        """The answer to a request, sent again where none comes. Raises DeviceError where the chip refuses or stays silent."""
        wait_s = self.answer_s if wait_s is None else wait_s
        for attempt in range(TRIES):
            self._repeated = self._repeated or attempt > 0
            self._replies.clear()
            self.stream.write(encode(kind, payload))
            until = self.clock() + wait_s
            while self.clock() < until:
                while self._replies:
                    found = self._reply(self._replies.popleft(), kind, answer, read, attempt > 0)
                    if found is not None:
                        return found
                self._receive(until)
        raise DeviceError(f"{self.stream.name}: expected an answer to {kind.name} within {wait_s:g} s, got none in {TRIES} tries")

    def _reply(self, packet: Packet, kind: Type, answer: Type, read: Callable[[bytes], T], repeated: bool) -> T | None:
        try:
            if packet.kind == Type.ACK:
                ack = read_ack(packet.payload)
                # A piece of a frame that is sent again though it had arrived has an offset that is no longer expected.
                taken = repeated and kind is Type.PUSH and ack.code == WRONG_OFFSET
                if ack.kind == kind and ack.code and not taken:
                    raise self._refused(kind, ack)
                return read(packet.payload) if answer is Type.ACK and ack.kind == kind else None
            return read(packet.payload) if packet.kind == answer else None
        except PacketError:
            self.decoder.bad += 1
            return None

    def _refused(self, kind: Type, ack: Ack) -> DeviceError:
        code = ACK_CODES[ack.code] if ack.code < len(ACK_CODES) else f"code {ack.code}"
        return DeviceError(f"{self.stream.name}: the chip refuses {kind.name}: {code}")

    def _receive(self, until_s: float) -> None:
        """Takes what comes next, at the latest at `until_s`."""
        data = self.stream.read(max(0.0, min(0.1, until_s - self.clock())))
        packets = self.decoder.feed(data, self.clock())
        self.heard = self.heard or bool(packets)
        self.strange += 0 if self.heard else len(data) - data.count(0)
        for packet in packets:
            try:
                if packet.kind == Type.RESULT:
                    result = read_result(packet.payload)
                    (self._pushed if result.pushed else self.results).append(result)
                elif packet.kind == Type.ERROR:
                    self.errors.append(read_error(packet.payload))
                else:
                    self._replies.append(packet)
            except PacketError:
                self.decoder.bad += 1


def explain_error(code: int) -> str:
    """An error of the chip in words, and what to do."""
    advice = {
        1: "write the flash again: owlbit flash BUILD",
        2: "check the camera's SCL, SDA and supply, and the pull-ups",
        3: "check the camera's PCLK, VSYNC, HREF and clock",
        4: "build a network with fewer rows and columns",
        5: "run owlbit selftest PORT; write the flash again",
        6: "the chip was too slow for the camera: report this",
        7: "build a network for gray images",
    }
    return error_name(code) + (f": {advice[code]}" if code in advice else "")
