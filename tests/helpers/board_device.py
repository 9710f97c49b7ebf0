"""A board's chip in plain Python on a pseudo-terminal, written from the protocol's description, for tests of the host's side.

It shares no code with `owlbit.hw.up5k.host`: it has its own checksum and its own parser. Faults can be put into it.
"""

from __future__ import annotations

import os
import select
import struct
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Network
from owlbit.hw.reference import simulate
from owlbit.hw.up5k.compiler.flash_format import read_image
from owlbit.toolchain.sensing.wake import WakePolicy, Waker, decide


def crc16(data: bytes) -> int:
    """CRC-16/IBM-3740, a bit at a time."""
    value = 0xFFFF
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021) & 0xFFFF if value & 0x8000 else value << 1
    return value


def packet(kind: int, payload: bytes = b"") -> bytes:
    """A packet, either way."""
    body = bytes([kind, len(payload) & 255, len(payload) >> 8]) + payload
    value = crc16(body)
    return b"\xa5" + body + bytes([value & 255, value >> 8])


class Chip:
    """What a chip does with bytes. `image`: flash image of `network`; `frames`: of its camera, [N, C, H, W]; None without."""

    def __init__(self, network: Network, image: bytes, frames: NDArray[np.uint8] | None = None) -> None:
        self.network, self.image, self.frames = network, image, frames
        self.network_in_flash = read_image(image)
        self.error = 0
        self.wrong_by = 0  # added to the score of class 0: a fault of the engine
        self.silent = False
        self.unplugged = False  # the port goes away
        self.drop_acks = 0  # so many answers are lost
        self.drop_requests = 0  # so many requests are, as those that meet a packet of the chip's own
        self.booting = 0  # so many answers to GET_STATUS say so
        self.bad = self.count = self.wakes = self.at = self.self_tested = 0
        self.running = False
        self.pushed = bytearray()
        self.buffer = bytearray()
        self.last_s = 0.0
        self.boot()

    def boot(self) -> None:
        """As after power-up."""
        policy = self.network_in_flash.policy
        self.policy = policy
        self.waker = self._waker()
        self.count = self.wakes = 0
        self.pushed.clear()
        self.self_tested = 1 if self.self_test()[0] == 1 else 2
        if self.self_tested == 2:
            self.error = 5
        self.running = self.frames is not None and self.error == 0

    def _waker(self) -> Waker:
        policy = self.policy
        return Waker(WakePolicy(policy.margin, policy.needed, policy.of, policy.hold_off_frames, 0.0, policy.quiet))

    def scores(self, frame: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Of the engine, its fault included."""
        scores: NDArray[np.int32] = simulate(self.network, frame[None])[0]
        scores[0] += self.wrong_by
        return scores

    def self_test(self) -> tuple[int, int, int, int]:
        """(result, first differing class, got, expected)."""
        test = self.network_in_flash.self_test
        if test is None:
            return 3, 255, 0, 0
        scores = self.scores(test.frame)
        for index, (got, expected) in enumerate(zip(scores.tolist(), test.scores.tolist(), strict=True)):
            if got != expected:
                return 2, index, got, expected
        return 1, 255, 0, 0

    def result(self, frame: NDArray[np.uint8], pushed: bool) -> bytes:
        """The RESULT packet of a frame."""
        scores = self.scores(frame)
        decision, margin = decide(scores)
        sure = self.waker.is_sure(decision, margin, 1.0)
        wakes = self.waker.agree(decision, sure) > 0
        self.wakes += wakes
        flags = wakes | sure << 1 | pushed << 2 | self.waker.held << 3
        payload = struct.pack("<HBBi", self.count & 0xFFFF, flags, decision, margin) + scores.astype("<i2").tobytes()
        self.count += 1
        return packet(0x01, payload)

    def camera(self) -> bytes:
        """The RESULT of the next camera frame; nothing while it is stopped."""
        if not self.running or self.frames is None or self.silent:
            return b""
        frame = self.frames[self.at % len(self.frames)]
        self.at += 1
        return self.result(frame, pushed=False)

    def take(self, data: bytes, now: float) -> bytes:
        """Answers to what the host sent."""
        if data and self.buffer and now - self.last_s > 0.05:
            self.bad += 1
            self.buffer.clear()
        if data:
            self.last_s = now
        self.buffer += data
        answers = b""
        while self.buffer:
            if self.buffer[0] != 0xA5:
                del self.buffer[0]
                continue
            if len(self.buffer) < 4:
                break
            length = self.buffer[2] | self.buffer[3] << 8
            if length > 64:
                self.bad += 1
                del self.buffer[:4]
                continue
            if len(self.buffer) < length + 6:
                break
            whole = bytes(self.buffer[: length + 6])
            del self.buffer[: length + 6]
            if crc16(whole[1:-2]) != whole[-2] | whole[-1] << 8:
                self.bad += 1
                continue
            if self.drop_requests:
                self.drop_requests -= 1
                continue
            answers += self.answer(whole[1], whole[4:-2])
        return b"" if self.silent else answers

    def answer(self, kind: int, payload: bytes) -> bytes:
        """The answer to one packet."""

        def ack(code: int = 0) -> bytes:
            if self.drop_acks:
                self.drop_acks -= 1
                return b""
            return packet(0x05, bytes([kind, code]))

        lengths = {0x81: 0, 0x82: 0, 0x83: 0, 0x85: 0, 0x86: 0, 0x87: 40, 0x88: 0, 0x89: 0}
        if kind != 0x84 and kind not in lengths:
            return ack(1)
        if len(payload) != lengths.get(kind, len(payload)) or (kind == 0x84 and not 5 <= len(payload) <= 64):
            return ack(2)
        if self.error == 1 and kind not in (0x81, 0x82, 0x88, 0x89):
            return ack(4)
        if kind == 0x81:
            return self.status()
        if kind == 0x82:
            return packet(0x03, self.image[0x40:0xA0] + b"icesugar".ljust(16, b"\0"))
        if kind == 0x83:
            result, differs, got, expected = self.self_test()
            return packet(0x04, struct.pack("<BBhh", result, differs, got, expected))
        if kind == 0x84:
            return self.push(payload, ack)
        if kind == 0x85:
            if self.frames is None or self.error in (4, 7):
                return ack(4)
            self.running = True
        if kind == 0x86:
            self.running = False
        if kind == 0x87:
            needed, of, margin, hold_off = struct.unpack("<BBIH", payload[:8])
            if not (needed == 0 or 1 <= needed <= of <= 16):
                return ack(3)
            quiet = tuple(index for index in range(256) if payload[8 + index // 8] & 0x80 >> index % 8)
            self.policy = type(self.policy)(needed, of, margin, hold_off, quiet)
            self.waker = self._waker()
        if kind == 0x88:
            quiet_bits = bytearray(32)
            for index in self.policy.quiet:
                quiet_bits[index // 8] |= 0x80 >> index % 8
            policy = self.policy
            head = struct.pack("<BBIH", policy.needed, policy.of, policy.margin, policy.hold_off_frames)
            return packet(0x07, head + bytes(quiet_bits))
        if kind == 0x89:
            answer = ack()
            self.boot()
            return answer
        return ack()

    def push(self, payload: bytes, ack: object) -> bytes:
        """PUSH."""
        assert callable(ack)
        offset, data = int.from_bytes(payload[:4], "little"), payload[4:]
        if offset == 0:
            self.running = False
            self.pushed.clear()
        if offset != len(self.pushed):
            return bytes(ack(5))
        colours, rows, columns = self.network.input_shape
        if offset + len(data) > colours * rows * columns:
            return bytes(ack(3))
        self.pushed += data
        answer = bytes(ack())
        if len(self.pushed) == colours * rows * columns:
            frame = np.frombuffer(bytes(self.pushed), np.uint8).reshape(rows, columns, colours).transpose(2, 0, 1)
            self.pushed.clear()
            answer += self.result(frame, pushed=True)
        return answer

    def status(self) -> bytes:
        """The STATUS packet."""
        colours, rows, columns = self.network.input_shape
        state = 4 if self.error else 2 if self.running else 1
        if self.booting:
            self.booting -= 1
            state = 0
        camera = 1 if self.frames is not None else 0
        values = (1, state, self.error, 2, rows, columns, colours, camera, 15 * camera, self.self_tested)
        return packet(
            0x02, struct.pack("<BBBBHHBBBBIHHHH", *values, self.count, 0, self.wakes, self.bad & 0xFFFF, self.network.classes)
        )


@contextmanager
def on_a_port(chip: Chip, period_s: float = 0.0, noise: bytes = b"") -> Iterator[str]:
    """The chip on a pseudo-terminal; yields its path. `period_s`: between camera frames; `noise`: before the first answer."""
    master, slave = os.openpty()
    tty.setraw(slave)
    path = os.ttyname(slave)
    done = threading.Event()

    def serve() -> None:
        due = time.monotonic()
        with suppress(OSError):
            first = noise
            while not done.is_set() and not chip.unplugged:
                ready = select.select([master], [], [], 0.005)[0]
                got = os.read(master, 4096) if ready else b""
                answer = chip.take(got, time.monotonic())
                if got and first:
                    answer, first = first + answer, b""
                if period_s and time.monotonic() >= due:
                    due += period_s
                    answer += chip.camera()
                if answer:
                    os.write(master, answer)
        if chip.unplugged:
            os.close(master)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield path
    finally:
        done.set()
        thread.join(5)
        for handle in (slave,) if chip.unplugged else (master, slave):
            with suppress(OSError):
                os.close(handle)
