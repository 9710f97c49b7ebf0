"""The border of a reader: what comes out of it is a value or the reader's own error, whatever the bytes were."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from owlbit.export.errors import OwlbitError

LOG = logging.getLogger(__name__)

DEFECT = "a file that is whole and ends so shows a defect of owlbit: please report it"
DAMAGED = "the file is damaged, write it again"


@contextmanager
def reading(what: str, error: type[OwlbitError], hint: str = DEFECT) -> Iterator[None]:
    """Turns every exception of the block into `error`, of one sentence: `what`, the exception, `hint`. OwlbitErrors pass.

    Input that nobody checked may make a library raise anything: a RecursionError, an OverflowError, a MemoryError, a class of its
    own. The reader's caller sees none of them; -vv logs where it came from.
    """
    try:
        yield
    except OwlbitError:
        raise
    except OSError as reason:
        raise error(f"{what}: cannot be read ({reason.strerror or reason})") from None
    except Exception as reason:
        LOG.debug("%s: refused", what, exc_info=reason)
        said = one_line(f"{type(reason).__name__}: {reason}" if str(reason) else type(reason).__name__)
        raise error(f"{what} ({said}); {hint}") from None


def printable(text: str) -> str:
    """`text` with a space for each character that a terminal obeys or XML forbids, line ends among them."""
    return "".join(each if each.isprintable() else " " for each in text)


def one_line(text: object, most: int = 300) -> str:
    """`text` on one line, without characters that a terminal obeys, and not longer than `most`."""
    shown = " ".join(printable(str(text)[: 4 * most]).split())
    return shown if len(shown) <= most else shown[: most - 3] + "..."
