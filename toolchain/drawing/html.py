"""HTML pages from templates: text is escaped, a page needs nothing from outside, and all have one style.

A template lies beside the code that fills it, extends `page.html` and imports macros of `pieces.html`, both in `templates/` here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

SHARED = Path(__file__).with_name("templates")


def render_page(template: Path, **values: Any) -> str:
    """The page that the file `template` makes of `values`. Strings are escaped; a figure is passed as `markupsafe.Markup`.

    Integers are written with `{{ count | thousands }}`, 12,345. A name that `values` lacks raises `jinja2.UndefinedError`.
    """
    environment = Environment(
        loader=FileSystemLoader([template.parent, SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["thousands"] = "{:,}".format
    return environment.get_template(template.name).render(values)
