"""Where the networks of the zoo lie, and under which names: `zoo:NAME` is the folder NAME of `models/zoo/`."""

from __future__ import annotations

import difflib
from pathlib import Path

from owlbit import models
from owlbit.export.errors import OwlbitError

ZOO = Path(models.__file__).parent / "zoo"
PREFIX = "zoo:"
CARD = "card.json"


def zoo_names(zoo: Path = ZOO) -> list[str]:
    """The names of all networks, in order."""
    return sorted(path.parent.name for path in zoo.glob(f"*/{CARD}"))


def zoo_folder(name: str, zoo: Path = ZOO) -> Path:
    """The folder of the network `name`. Raises OwlbitError where there is none."""
    names = zoo_names(zoo)
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        hint = f'did you mean "{close[0]}"?' if close else "there are " + (", ".join(names) or "none yet")
        raise OwlbitError(f'{PREFIX}{name}: expected a network of the zoo ({hint}), got "{name}"; `owlbit zoo` lists them')
    return zoo / name
