"""Where results that can always be made or fetched again are kept between runs: compiled simulators, data archives."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from owlbit.export.atomic import make_folder
from owlbit.export.errors import OwlbitError


def cache_folder(cache: Path | None = None) -> Path:
    """The folder for results that can always be made again: `cache`, else $OWLBIT_CACHE, else ~/.cache/owlbit. Made if missing.

    Raises OwlbitError where it cannot be written.
    """
    chosen = (cache or Path(os.environ.get("OWLBIT_CACHE") or Path.home() / ".cache" / "owlbit")).expanduser().resolve()
    with contextlib.suppress(PermissionError):  # said below
        make_folder(chosen)
    if not os.access(chosen, os.W_OK):
        raise OwlbitError(f"{chosen}: expected a folder for results to keep, it cannot be written; set OWLBIT_CACHE to another")
    return chosen
