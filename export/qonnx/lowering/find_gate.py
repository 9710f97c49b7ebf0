"""Which logic gate a function of two bits is: a table of four values per channel, told apart from all others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from owlbit.export.network import Bits
from owlbit.export.qonnx.graph import Node

Rows = NDArray[np.bool_]

# Whether the gate fires for (current, earlier) = (0, 0), (0, 1), (1, 0), (1, 1).
OR = (False, True, True, True)
XOR = (False, True, True, False)
CURRENT = (False, False, True, True)
EARLIER = (False, True, False, True)
# Fires where an OR with the current bit complemented does not.
NOT_OR_OF_COMPLEMENT = (False, False, True, False)


class Gate(NamedTuple):
    """`gate`, `select`: of a logic skip; `complemented`, bool [C]: the channels that are the complement of what it gives;
    `flipped`, bool [C]: the channels whose current bit is to be complemented before."""

    gate: str
    select: Bits | None
    complemented: Rows
    flipped: Rows


def find_gate(fired: Rows, node: Node) -> Gate:
    """The gate that computes `fired`, bool [C, 4] by 2 * current bit + earlier bit. Raises QonnxError if none fits all."""
    plain = fired ^ fired[:, :1]
    flipped = (plain == NOT_OR_OF_COMPLEMENT).all(axis=1)
    if ((plain == OR).all(axis=1) | flipped).all():
        return Gate("or", None, fired[:, 0] ^ flipped, flipped)
    current, earlier = (plain == CURRENT).all(axis=1), (plain == EARLIER).all(axis=1)
    if (plain == XOR).all():
        return Gate("xor", None, fired[:, 0], np.zeros_like(flipped))
    if (current | earlier).all():
        return Gate("mux", current.astype(np.uint8), fired[:, 0], np.zeros_like(flipped))
    other = int((~(current | earlier)).argmax())
    raise node.error(
        "joins two branches by something else than OR, XOR or a choice of one of them a channel; "
        f"channel {other} is {fired[other].astype(int).tolist()} for the bits 00, 01, 10, 11"
    )
