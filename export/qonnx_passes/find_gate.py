"""Which logic gate a function of two bits is: a table of four values a channel, told apart from all others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from export.network import Bits
from export.qonnx_passes.graph import Node

Rows = NDArray[np.bool_]

# Whether the gate fires for (current, earlier) = (0, 0), (0, 1), (1, 0), (1, 1).
OR = (False, True, True, True)
XOR = (False, True, True, False)
CURRENT = (False, False, True, True)
EARLIER = (False, True, False, True)


def find_gate(fired: Rows, node: Node) -> tuple[str, Bits | None, Rows]:
    """(gate, select, complemented) of a logic skip that computes `fired`, bool [C, 4] by 2 * current bit + earlier bit.

    `complemented`, bool [C]: the channels that fire where the gate does not. Raises QonnxError where no gate fits all channels.
    """
    complemented = fired[:, 0]
    plain = fired ^ complemented[:, None]
    for gate, rows in (("or", OR), ("xor", XOR)):
        if (plain == rows).all():
            return gate, None, complemented
    current, earlier = (plain == CURRENT).all(axis=1), (plain == EARLIER).all(axis=1)
    if (current | earlier).all():
        return "mux", current.astype(np.uint8), complemented
    other = int((~(current | earlier)).argmax())
    raise node.error(
        "joins two branches by something else than OR, XOR or a choice of one of them a channel; "
        f"channel {other} is {fired[other].astype(int).tolist()} for the bits 00, 01, 10, 11"
    )
