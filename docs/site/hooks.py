"""MkDocs hooks: the pages that are made when the site is built, and links from docs/ to files elsewhere in the repository.

Pages in docs/ link to source files and to pages beside docs/, so that they work on disk and in a repository browser. In the site
such a target becomes a page below repository/: a Markdown file as it is, a source file as a code block, a folder as its README or a
list of its files.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))  # MkDocs loads a hook as a file, not as part of a package
from api_pages import api_pages
from command_pages import command_page

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
LINK = re.compile(r"(\]\()([^()\s]+)(\))")
FENCE = re.compile(r"^(```+).*?^\1 *$", re.MULTILINE | re.DOTALL)
ALWAYS = ("CONTRIBUTING.md", "CHANGELOG.md", "hw/up5k/README.md")  # in the navigation
LANGUAGES = {
    ".py": "python",
    ".v": "verilog",
    ".vh": "verilog",
    ".cpp": "cpp",
    ".c": "c",
    ".h": "c",
    ".toml": "toml",
    ".json": "json",
}
# Links of the start page to pages that only the site has.
SITE_ONLY = {
    "every option is in the site's reference": "every option is in [the reference](commands.md)",
    "every class is in the site's reference": "every class is in [the reference](reference/index.md)",
}
PICTURES = {".png", ".svg", ".jpg", ".gif"}


def on_files(files: Files, config: Any) -> Files:
    """Adds the generated pages and everything outside docs/ that a page links to."""
    for name, text in {**api_pages(), "commands.md": command_page()}.items():
        files.append(File.generated(config, name, content=text))
    waiting = [DOCS / file.src_uri for file in files.documentation_pages() if (DOCS / file.src_uri).exists()]
    waiting += [ROOT / name for name in ALWAYS]
    for name in ALWAYS:
        files.append(outside_page(ROOT / name, config))
    seen = set(waiting)
    while waiting:
        source = waiting.pop()
        for target in linked(source):
            if readable(target) not in seen and not target.is_relative_to(DOCS):
                seen.add(readable(target))
                files.append(outside_page(target, config))
                if readable(target).suffix == ".md":
                    waiting.append(readable(target))
    return files


def on_page_markdown(markdown: str, page: Page, config: Any, files: Files) -> str:
    """Turns the links that leave docs/ into links to the pages made for their targets."""
    here = page.file.src_uri
    source = ROOT / here.removeprefix("repository/") if here.startswith("repository/") else DOCS / here
    if not source.exists():
        return markdown  # a generated page links to pages of the site alone

    def renewed(match: re.Match[str]) -> str:
        name, mark, anchor = match[2].partition("#")
        target = resolve(source, name)
        if target is None:
            return match[0]
        return match[1] + os.path.relpath(site_name(target), Path(here).parent) + mark + anchor + match[3]

    if here == "index.md":
        for text, link in SITE_ONLY.items():
            if text not in markdown:
                raise ValueError(f"docs/index.md: expected the text {text!r}, of which the site makes a link")
            markdown = markdown.replace(text, link)
    return outside_code(markdown, lambda text: LINK.sub(renewed, text))


def linked(source: Path) -> list[Path]:
    """The files and folders of the repository that a Markdown page links to."""
    text = FENCE.sub("", source.read_text(encoding="utf-8"))
    names = (match[2].partition("#")[0] for match in LINK.finditer(text))
    return [target for name in names if (target := resolve(source, name)) is not None]


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Applies `change` to the parts of a page that are no code."""
    parts, end = [], 0
    for match in FENCE.finditer(text):
        parts += [change(text[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*parts, change(text[end:])])


def resolve(source: Path, name: str) -> Path | None:
    """The file or folder that a link in `source` names, or None where it leads out of the repository or nowhere."""
    if not name or ":" in name.split("/")[0]:
        return None
    target = Path(os.path.normpath(source.parent / name))
    return target if target.exists() and target.is_relative_to(ROOT) else None


def readable(target: Path) -> Path:
    """The file that stands for `target`: the README of a folder that has one."""
    return target / "README.md" if target.is_dir() and (target / "README.md").exists() else target


def site_name(target: Path) -> str:
    """Where a file or folder of the repository lies in the site's sources."""
    target = readable(target)
    if target.is_relative_to(DOCS):
        return target.relative_to(DOCS).as_posix()
    name = target.relative_to(ROOT).as_posix()
    if target.is_dir():
        return f"repository/{name}/index.md"
    return f"repository/{name}" if target.suffix in PICTURES | {".md"} else f"repository/{name}.md"


def outside_page(target: Path, config: Any) -> File:
    """A page, or a picture, for a file or folder outside docs/."""
    target = readable(target)
    if target.suffix in PICTURES | {".md"}:
        return File.generated(config, site_name(target), abs_src_path=str(target))
    name = target.relative_to(ROOT).as_posix()
    if target.is_dir():
        lines = [f"* `{path.name}`" for path in sorted(target.iterdir()) if not path.name.startswith(("_", "."))]
        return File.generated(config, site_name(target), content="\n".join([f"# {name}", "", *lines, ""]))
    try:
        text = target.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return File.generated(config, site_name(target), content=f"# {name}\n\nA binary file of {target.stat().st_size:,} bytes.\n")
    body = f"# {name}\n\n`````{LANGUAGES.get(target.suffix, 'text')}\n{text.rstrip()}\n`````\n"
    return File.generated(config, site_name(target), content=body)
