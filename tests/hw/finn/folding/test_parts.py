"""AMD devices: names resolve to them, numbers agree with each other and with the vendor's files, unknown names get near ones."""

from __future__ import annotations

import pytest

from owlbit.export.errors import OwlbitError
from owlbit.hw.finn.folding.parts import NAMED, PARTS, device_of, find_part


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("xc7z020clg400-1", "xc7z020"),
        ("XC7Z020CLG400-1", "xc7z020"),
        ("xc7s15", "xc7s15"),
        ("xc7s15ftgb196-1", "xc7s15"),
        ("xc7s100fgga484-2", "xc7s100"),
        ("xc7a35ticsg324-1L", "xc7a35t"),
        ("xczu3eg-sbva484-1-e", "xczu3eg"),
        ("xczu7ev-ffvc1156-2-e", "xczu7ev"),
        ("xck26-sfvc784-2LV-c", "xck26"),
    ],
)
def test_a_part_name_resolves_to_its_device(name: str, device: str) -> None:
    assert device_of(name) == device


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("xc7z021clg400-1", "did you mean .*xc7z020"),
        ("xcz7020", "did you mean .*xc7z020"),
        ("ecp5-25f", "name one as in xc7z020clg400-1"),
        ("xc7z020-", "expected xc7z020 followed by a package and a speed grade.*got '-'"),
        ("", "got no known one"),
    ],
)
def test_an_unknown_part_is_refused_with_near_names(name: str, words: str) -> None:
    with pytest.raises(OwlbitError, match=words):
        device_of(name)


def test_a_known_device_without_confirmed_numbers_is_refused_as_a_budget_only() -> None:
    assert device_of("xc7z045ffg900-2") == "xc7z045"
    with pytest.raises(OwlbitError, match=r"got xc7z045; take one of xc7s6, .*--fps"):
        find_part("xc7z045ffg900-2")


def test_the_smallest_spartan_boots_from_less_than_a_megabyte() -> None:
    assert find_part("xc7s15ftgb196-1").bitstream_bytes == 538_844 < 1_000_000


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_numbers_agree_with_how_the_families_are_built(part: object) -> None:
    from owlbit.hw.finn.folding.parts import Part

    assert isinstance(part, Part) and part.device not in NAMED
    assert part.flip_flops == 2 * part.luts  # four or eight LUTs a slice, twice as many flip-flops
    assert part.bitstream_bits % 32 == 0  # whole configuration words
    words = part.bitstream_bits // 32
    if part.device.startswith("xczu"):  # frames of 93 words and 515 words around them
        assert (words - 515) % 93 == 0
    else:  # a bitstream is at least the block RAM's content
        assert part.bitstream_bits > part.bram36 * 36 * 1024


def test_zynq_lengths_are_those_of_published_files() -> None:
    assert PARTS["xc7z020"].bitstream_bytes == 4_045_564  # a PYNQ-Z2 .bit file less its header of 111 bytes
    assert PARTS["xczu3eg"].bitstream_bytes == 5_568_668
