"""Everything in the repository that is written from the code: whole files, and parts of pages between two marks."""

from __future__ import annotations

import re
from pathlib import Path

from docs_build import conventions, import_graph, provider_pages, provider_table, references

DOCS = provider_table.DOCS
ROOT = DOCS.parent


_ELSEWHERE = re.compile(r"\]\((?!docs/|https?:|#)([^)]+)\)")


def repository() -> str:
    """The address that pyproject.toml gives."""
    found = re.search(
        r'^Repository = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert found is not None
    return found[1]


def home() -> str:
    """The site's first page is the README. Links begin in docs/; what lies outside is in the repository."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return _ELSEWHERE.sub(rf"]({repository()}/blob/main/\1)", text).replace("](docs/", "](")


def renewed(page: str, name: str, fresh: str) -> str:
    """A page with a fresh part between its marks.

    Raises:
        LookupError: the page has no such marks.
    """
    begin, end = (f"<!-- {name}: {which} -->\n" for which in ("begin", "end"))
    text, found = re.subn(
        re.escape(begin) + ".*?" + re.escape(end), lambda _: begin + fresh + end, page, flags=re.DOTALL
    )
    if not found:
        raise LookupError(f"no marks of {name!r}")
    return text


def written() -> dict[Path, str]:
    """Each file as it must be."""
    parts = {
        **provider_table.parts(),
        DOCS / "providers" / "index.md": {"providers": provider_pages.index()},
        DOCS / "configuration.md": {"options": references.options_table()},
        DOCS / "agents.md": {
            "tools": references.tools_table(),
            "capabilities": references.capabilities_table(),
        },
        DOCS / "commands.md": {"commands": references.commands_reference()},
        DOCS / "telemetry.md": {
            "delivery": conventions.span("delivery"),
            "process": conventions.span("process"),
            "events": conventions.events(),
            "metrics": conventions.metrics(),
        },
        DOCS / "architecture.md": {"rooms": import_graph.picture(), "imports": import_graph.table()},
    }
    files = {provider_table.INDEX: provider_table.index(), DOCS / "index.md": home()}
    files |= {provider_pages.FOLDER / name: text for name, text in provider_pages.pages().items()}
    for page, fresh in parts.items():
        text = page.read_text(encoding="utf-8")
        for name, part in fresh.items():
            text = renewed(text, name, part)
        files[page] = text
    return files


def superfluous() -> list[Path]:
    """Pages of providers that are no more."""
    known = {*provider_pages.pages(), "index.md"}
    return sorted(page for page in provider_pages.FOLDER.glob("*.md") if page.name not in known)
