"""When the chip wakes its host, in the integers that the flash header and the host link carry."""

from __future__ import annotations

from dataclasses import dataclass

from owlbit.export.errors import OwlbitError

MOST_FRAMES = 16  # of the history that the chip keeps
MASK_BYTES = 32


@dataclass(frozen=True)
class ChipPolicy:
    """A frame is sure where its largest ranked score leads the second by `margin` and its class is not in `quiet`.

    The host is woken where `needed` of the last `of` frames, the newest included, are sure of its class; the `hold_off_frames`
    frames after that wake nobody. `needed` = 0: the chip never wakes. Raises OwlbitError for values that the header does not hold.
    """

    needed: int
    of: int
    margin: int
    hold_off_frames: int
    quiet: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not (1 <= self.needed <= self.of <= MOST_FRAMES or (self.needed == 0 and 0 <= self.of <= MOST_FRAMES)):
            raise OwlbitError(
                f"wake policy: expected k of n frames with 1 <= k <= n <= {MOST_FRAMES}, or k = 0 for never, "
                f"got {self.needed} of {self.of}"
            )
        if not 0 <= self.margin < 1 << 32 or not 0 <= self.hold_off_frames < 1 << 16:
            raise OwlbitError(
                f"wake policy: expected a margin below {1 << 32} and a hold-off of at most {(1 << 16) - 1} frames, got "
                f"{self.margin} and {self.hold_off_frames}"
            )
        if any(not 0 <= index < 8 * MASK_BYTES for index in self.quiet):
            raise OwlbitError(f"wake policy: expected quiet classes in 0..{8 * MASK_BYTES - 1}, got {max(self.quiet)}")


NEVER = ChipPolicy(needed=0, of=1, margin=0, hold_off_frames=0)


def quiet_mask(classes: tuple[int, ...]) -> bytes:
    """32 bytes: class c is bit 7 - c % 8 of byte c / 8."""
    mask = bytearray(MASK_BYTES)
    for index in classes:
        mask[index // 8] |= 0x80 >> index % 8
    return bytes(mask)


def quiet_classes(mask: bytes) -> tuple[int, ...]:
    """The classes of `quiet_mask`, rising."""
    return tuple(index for index in range(8 * len(mask)) if mask[index // 8] & 0x80 >> index % 8)
