"""Whether the navigation of mkdocs.yml and the pages fit each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

# Found by an index of their own.
FOLDERS = ("decisions", "providers")


def load_settings(source: Path) -> dict[str, Any]:
    """mkdocs.yml, with the names of Python objects as text."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("tag:yaml.org,2002:python/name:", lambda _loader, name, _node: name)
    settings: dict[str, Any] = yaml.load((source / "mkdocs.yml").read_text(encoding="utf-8"), Loader)  # noqa: S506
    return settings


def named_pages(entry: Any) -> Iterator[str]:
    """The files that the navigation names, in its order."""
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, dict):
        for part in entry.values():
            yield from named_pages(part)
    else:
        for part in entry:
            yield from named_pages(part)


def faults_of_navigation(source: Path, named: list[str]) -> Iterator[str]:
    """Pages that are not named, and names without a page."""
    pages = {page.relative_to(source / "docs").as_posix() for page in (source / "docs").rglob("*.md")}
    found = {page for page in pages if page.split("/")[0] not in FOLDERS}
    yield from (f"docs/{page} is not in the nav of mkdocs.yml" for page in sorted(found - set(named)))
    yield from (f"mkdocs.yml names {page}, which is not in docs/" for page in named if page not in pages)
    for folder in FOLDERS:
        index = (source / "docs" / folder / "index.md").read_text(encoding="utf-8")
        for page in sorted((source / "docs" / folder).glob("*.md")):
            if page.name != "index.md" and f"]({page.name})" not in index:
                yield f"docs/{folder}/{page.name} is not on docs/{folder}/index.md"
