"""The flash image of a network: what is packed is read back, damage is refused, the self-test is the reference's."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Network, Scores
from owlbit.hw.reference import simulate
from owlbit.hw.up5k.build import network_image
from owlbit.hw.up5k.compiler.compile_network import compile_network
from owlbit.hw.up5k.compiler.flash_format import FlashError, NetworkImage, crc32_mpeg2, image_hash, pack_image, read_image
from owlbit.hw.up5k.self_test import make_self_test
from owlbit.hw.up5k.wake_policy import NEVER, ChipPolicy, quiet_classes, quiet_mask
from random_networks import random_fitting_network

POLICY = ChipPolicy(needed=3, of=5, margin=0x01020304, hold_off_frames=60, quiet=(0, 7))


@pytest.fixture(scope="module")
def network() -> Network:
    return random_fitting_network(np.random.default_rng(5), max_size=9)


@pytest.fixture(scope="module")
def image(network: Network) -> bytes:
    return network_image(network, compile_network(network), POLICY)


def test_every_field_lies_where_the_format_says(network: Network, image: bytes) -> None:
    colours, rows, columns = network.input_shape
    numbers = [rows, columns, colours, network.classes, 2]
    assert image[:5] == b"OWLB\x02"
    assert [int.from_bytes(image[at : at + 2], "big") for at in range(8, 18, 2)] == numbers
    assert image[0x12:0x1C] == bytes([3, 5, 1, 2, 3, 4, 0, 60, 0, 0])
    assert int.from_bytes(image[0x1C:0x20], "big") == network.classes * 2 + rows * columns * colours
    assert image[0x20:0x40] == b"\x81" + bytes(31)
    assert image[0x40:0x60].rstrip(b"\0") == b"owlbit-up5k-2"
    assert image[0x60:0x80].rstrip(b"\0") == network.name.encode()
    assert image[0x80:0xA0] == hashlib.sha256(image[:0x80] + image[0xA0:-4]).digest()
    assert image_hash(image) == image[0x80:0xA0].hex()
    assert crc32_mpeg2(image) == 0


def test_what_is_packed_is_read_back(network: Network, image: bytes) -> None:
    read = read_image(image)
    np.testing.assert_array_equal(read.words, compile_network(network).words)
    assert (read.input_shape, read.classes, read.name) == (network.input_shape, network.classes, network.name)
    assert read.policy == POLICY
    assert read.class_table is None
    assert not read.host_decides
    assert read.self_test is not None
    np.testing.assert_array_equal(simulate(network, read.self_test.frame[None])[0], read.self_test.scores)
    assert pack_image(read) == image


def test_class_table_and_colour_frame_are_read_back(image: bytes) -> None:
    rng = np.random.default_rng(0)
    plain = read_image(image)
    assert plain.self_test is not None
    frame = rng.integers(0, 256, (3, 4, 5), dtype=np.uint8)
    scores = rng.integers(-(1 << 15), 1 << 15, 7).astype(np.int16)
    table = rng.integers(-(1 << 31), 1 << 31, (7, 2)).astype(np.int32)
    test = replace(plain.self_test, frame=frame, scores=scores)
    packed = pack_image(NetworkImage(plain.words, (3, 4, 5), 7, "n\u00e4me" + "x" * 40, NEVER, table, True, test))
    read = read_image(packed)
    assert read.class_table is not None
    assert read.self_test is not None
    np.testing.assert_array_equal(read.class_table, table)
    np.testing.assert_array_equal(read.self_test.frame, frame)
    np.testing.assert_array_equal(read.self_test.scores, scores)
    assert (read.name, read.host_decides) == ("n?me" + "x" * 28, True)
    assert packed[-4 - 60 : -4] == frame.transpose(1, 2, 0).tobytes()
    assert packed[-4 - 60 - 14 - 56 : -4 - 60 - 14] == table.astype(">i4").tobytes()
    assert read_image(pack_image(replace(read, self_test=None, class_table=None))).self_test is None


def test_every_damaged_byte_and_every_cut_is_refused(image: bytes) -> None:
    for at in [*range(0xC0), *range(0xC0, len(image), 37), len(image) - 1]:
        damaged = bytearray(image)
        damaged[at] ^= 0x40
        with pytest.raises(FlashError):
            read_image(bytes(damaged))
        with pytest.raises(FlashError):
            read_image(image[:at])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff" * 4096, "found a blank flash"),
        (b"OWLB\x01" + bytes(400), "expected a flash image of format 2, got format 1"),
        (b"", "found 0 bytes that begin with none"),
    ],
)
def test_what_is_no_image_is_named(data: bytes, message: str) -> None:
    with pytest.raises(FlashError, match=message):
        read_image(data)


def test_a_wrong_hash_with_a_right_checksum_is_refused(image: bytes) -> None:
    body = image[:0x80] + bytes(32) + image[0xA0:-4]
    with pytest.raises(FlashError, match="SHA-256"):
        read_image(body + crc32_mpeg2(body).to_bytes(4, "big"))


def test_the_self_test_frame_tells_classes_apart(network: Network) -> None:
    first, second = make_self_test(network), make_self_test(network)
    np.testing.assert_array_equal(first.frame, second.frame)
    assert network.classes == 1 or first.scores.min() < first.scores.max()
    scores = network.layers[-1]
    assert isinstance(scores, Scores)
    constant = Network(network.input_shape, (*network.layers[:-1], Scores(np.repeat(scores.weights[:1], 3, axis=0))))
    assert len(set(make_self_test(constant).scores.tolist())) == 1


def test_quiet_classes_are_a_mask() -> None:
    assert quiet_mask((0, 7, 9, 255)) == b"\x81\x40" + bytes(29) + b"\x01"
    assert quiet_classes(quiet_mask((0, 7, 9, 255))) == (0, 7, 9, 255)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((6, 5, 0, 0), "1 <= k <= n <= 16, or k = 0 for never, got 6 of 5"),
        ((3, 17, 0, 0), "got 3 of 17"),
        ((1, 1, 1 << 32, 0), "expected a margin below"),
        ((1, 1, -1, 0), "expected a margin below"),
        ((1, 1, 0, 1 << 16), "a hold-off of at most 65535 frames, got 0 and 65536"),
    ],
)
def test_a_policy_that_the_chip_cannot_hold_is_refused(values: tuple[int, int, int, int], message: str) -> None:
    with pytest.raises(OwlbitError, match=message):
        ChipPolicy(*values)
