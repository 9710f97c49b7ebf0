"""Packets: against another coder, and a decoder that no damage upsets."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from board_device import packet
from owlbit.export.errors import OwlbitError
from owlbit.hw.up5k.host import packets
from owlbit.hw.up5k.host.packets import Decoder, Packet, PacketError, Type, crc16, encode
from owlbit.hw.up5k.wake_policy import ChipPolicy

KINDS = st.integers(0, 255)
PAYLOADS = st.binary(max_size=80)


def test_the_checksum_is_the_catalogued_one() -> None:
    assert crc16(b"123456789") == 0x29B1


@given(KINDS, PAYLOADS)
def test_the_coder_is_the_other_coder(kind: int, payload: bytes) -> None:
    assert encode(kind, payload) == packet(kind, payload)


@given(st.lists(st.tuples(KINDS, PAYLOADS), max_size=6), st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_whole_packets_are_found_however_the_bytes_are_cut(sent: list[tuple[int, bytes]], cuts: list[int]) -> None:
    stream, decoder, found, at = b"".join(packet(*each) for each in sent), Decoder(), [], 0
    for index in range(10_000):
        piece = stream[at : at + cuts[index % len(cuts)]]
        if not piece:
            break
        found += decoder.feed(piece, 0.0)
        at += len(piece)
    assert found == [Packet(kind, payload) for kind, payload in sent]
    assert decoder.bad == 0


def test_10_000_damaged_packets_do_not_upset_the_decoder() -> None:
    """After each damaged packet, silence; the good packet that follows is always found, and no damaged one is taken for good."""
    rng = np.random.default_rng(0)
    decoder, now = Decoder(), 0.0
    for _ in range(10_000):
        good = packet(int(rng.integers(256)), rng.bytes(int(rng.integers(0, 60))))
        damaged = bytearray(good)
        how = rng.integers(4)
        if how == 0:
            damaged[int(rng.integers(len(damaged)))] ^= 1 << int(rng.integers(8))
        elif how == 1:
            del damaged[int(rng.integers(len(damaged))) :]
        elif how == 2:
            damaged.insert(int(rng.integers(1, len(damaged))), int(rng.integers(256)))
        else:
            damaged = bytearray(rng.bytes(int(rng.integers(1, 60))))
        wrong = decoder.feed(bytes(damaged), now)
        assert all(len(each.payload) <= packets.MOST_TO_HOST for each in wrong)
        assert Packet(good[1], good[4:-2]) not in wrong or how == 2  # a byte inserted behind the packet leaves it whole
        now += 0.1
        wrong += decoder.feed(b"", now)
        found = decoder.feed(good, now)
        assert found == [Packet(good[1], good[4:-2])]
        now += 0.1
    assert decoder.bad > 5_000


@settings(max_examples=200)
@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_are_survived(noise: bytes, cut: int) -> None:
    decoder = Decoder()
    for at in range(0, len(noise), cut):
        decoder.feed(noise[at : at + cut], at * 0.01)
    decoder.feed(b"", 100.0)
    good = packet(Type.ERROR, b"\x03")
    assert decoder.feed(good, 100.0) == [Packet(6, b"\x03")]


def test_a_packet_within_a_false_start_is_found_without_silence() -> None:
    decoder = Decoder()
    assert decoder.feed(b"\xa5\x01\xff\xff" + packet(6, b"\x02"), 0.0) == [Packet(6, b"\x02")]
    assert decoder.feed(b"\xa5\x01\x04\x00" + packet(6, b"\x05"), 0.0) == [Packet(6, b"\x05")]
    assert decoder.bad == 2


def test_silence_within_a_packet_drops_it_unless_it_becomes_whole() -> None:
    whole = packet(6, b"\x02")
    decoder = Decoder()
    assert decoder.feed(whole[:3], 0.0) == []
    assert decoder.feed(whole[3:], 0.2) == [Packet(6, b"\x02")]  # late, but whole: the computer was busy
    assert decoder.feed(whole[:3], 1.0) == []
    assert decoder.feed(whole, 1.2) == [Packet(6, b"\x02")]
    assert decoder.feed(b"\xa5\x01\x00\x02" + whole, 2.0) == []
    assert decoder.feed(b"", 2.01) == []
    assert decoder.feed(b"", 2.2) == [Packet(6, b"\x02")]


def test_payloads_are_read_as_the_protocol_says() -> None:
    payload = struct.pack("<HBBi", 65535, 0b1011, 2, 300) + struct.pack("<3h", -5, 0, 295)
    result = packets.read_result(payload)
    assert (result.frame, result.wakes, result.sure, result.pushed, result.held) == (65535, True, True, False, True)
    assert (result.decision, result.margin, result.scores.tolist()) == (2, 300, [-5, 0, 295])
    status = packets.read_status(struct.pack("<BBBBHHBBBBIHHHH", 1, 2, 0, 2, 16, 17, 1, 1, 14, 1, 70_000, 3, 4, 5, 10))
    assert (status.state, status.camera, status.self_test, status.square) == ("running", "HM01B0", "passed", 14)
    assert (status.rows, status.columns, status.frames, status.skipped) == (16, 17, 70_000, 3)
    assert (status.wakes, status.bad_packets, status.classes) == (4, 5, 10)
    names = b"owlbit-up5k-2".ljust(32, b"\0") + b"n".ljust(32, b"\0")
    version = packets.read_version(names + bytes(range(32)) + b"b".ljust(16, b"\0"))
    assert (version.engine, version.network, version.board) == ("owlbit-up5k-2", "n", "b")
    assert version.sha256 == bytes(range(32)).hex()
    tested = packets.read_self_test(struct.pack("<BBhh", 2, 3, -7, 9))
    assert (tested.passed, tested.differs, tested.got, tested.expected) == (False, 3, -7, 9)
    assert packets.read_self_test(struct.pack("<BBhh", 3, 255, 0, 0)).passed is None
    policy = ChipPolicy(2, 3, 0x01020304, 0x0506, (0, 9))
    assert packets.pack_policy(policy)[:10] == bytes([2, 3, 4, 3, 2, 1, 6, 5, 0x80, 0x40])
    assert packets.read_policy(packets.pack_policy(policy)) == policy


@given(st.binary(max_size=130))
def test_payloads_of_any_bytes_are_read_or_refused(payload: bytes) -> None:
    readers = (packets.read_result, packets.read_status, packets.read_version, packets.read_self_test, packets.read_ack)
    for read in (*readers, packets.read_error, packets.read_policy):
        try:
            read(payload)
        except (PacketError, OwlbitError):
            continue


def test_errors_have_names() -> None:
    assert packets.error_name(2) == "the camera does not answer"
    assert packets.error_name(99) == "error 99, which this owlbit does not know"
    with pytest.raises(PacketError, match="expected a payload of 2 bytes, got 1"):
        packets.read_ack(b"\x01")
