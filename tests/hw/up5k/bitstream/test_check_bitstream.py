"""A flash image is judged by its own bitstream: a damaged one fails at once, any other is the one that is simulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from owlbit.hw.up5k import simulate
from owlbit.hw.up5k.bitstream.check_bitstream import NoBitstreamError, check_bitstream
from owlbit.hw.up5k.bitstream.plan import BITSTREAM_BYTES, ENGINE_BIN
from owlbit.hw.up5k.build import compile_flash
from owlbit.hw.up5k.simulate import simulate_bitstream
from owlbit.hw.verification import any_wrong, compare
from owlbit.toolchain.data.synthetic import make_frames
from owlbit.toolchain.deploy.backends import bitstream_backend, reference_backend
from sensing_tools import demo_network

ENGINE = ENGINE_BIN.read_bytes()


def test_the_engines_bitstream_is_one_whatever_follows() -> None:
    check_bitstream(ENGINE, "flash")
    check_bitstream(ENGINE + bytes(1000), "flash")


@pytest.mark.parametrize(
    "data",
    [b"", bytes(BITSTREAM_BYTES), b"\xff" * BITSTREAM_BYTES, ENGINE[:5000], ENGINE[:50_000] + bytes(BITSTREAM_BYTES - 50_000)],
    ids=["nothing", "zeros", "erased", "cut", "half"],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(NoBitstreamError, match=r"^flash: "):
        check_bitstream(data, "flash")


def test_every_flipped_bit_is_found() -> None:
    draw = np.random.default_rng(0)
    for place in draw.integers(8, len(ENGINE) - 4, 300):
        data = bytearray(ENGINE)
        data[place] ^= 1 << int(draw.integers(8))
        with pytest.raises(NoBitstreamError):
            check_bitstream(bytes(data), "flash")


def test_a_build_whose_bitstream_is_zeroed_fails_the_verification() -> None:
    network = demo_network()
    zeroed = bytes(BITSTREAM_BYTES) + compile_flash(network)[BITSTREAM_BYTES:]
    rows = list(
        compare(reference_backend(network, 2), make_frames(network.input_shape, 2), [bitstream_backend(zeroed, network, 2)])
    )
    assert rows[1].status == "failed" and "expected the bitstream of the engine" in rows[1].note and any_wrong(rows)


def test_what_is_simulated_is_the_bitstream_of_the_flash_image(monkeypatch: pytest.MonkeyPatch) -> None:
    network, seen = demo_network(), []
    flash = compile_flash(network)
    other = b"\xff\x01\x00\xff" + ENGINE[4:]  # another comment in front

    class StopHereError(Exception):
        pass

    def unpack(path: Path, _cache: Path | None) -> list[Path]:
        seen.append(path.read_bytes())
        raise StopHereError

    monkeypatch.setattr(simulate, "unpack_bitstream", unpack)
    check_bitstream(other, "flash")
    with pytest.raises(StopHereError):
        simulate_bitstream(
            other.ljust(BITSTREAM_BYTES, b"\0") + flash[BITSTREAM_BYTES:], network, make_frames(network.input_shape, 1)
        )
    assert seen == [other.ljust(BITSTREAM_BYTES, b"\0")]
