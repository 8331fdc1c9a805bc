"""What a page of the site would load from another host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

_LOADED = {"link": "href", "script": "src", "img": "src", "source": "src", "iframe": "src", "video": "src"}
_FOREIGN = re.compile(r"\s*(?:[a-z]+:)?//", re.IGNORECASE)
_CSS_ADDRESS = re.compile(r"(?:url\(\s*|@import\s+)[\"']?((?:https?:)?//[^\"')\s]+)", re.IGNORECASE)


class _Loading(HTMLParser):
    """The foreign addresses that a browser fetches by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.foreign: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get(_LOADED.get(tag, "")) or ""
        if tag == "link" and given.get("rel") in ("canonical", "alternate", "prev", "next"):
            return
        if _FOREIGN.match(address):
            self.foreign.append(address)


def faults_of_loading(site: Path) -> Iterator[str]:
    """Scripts, styles, fonts and pictures that a page or a style sheet takes from a foreign host."""
    for page in sorted(site.rglob("*.html")):
        looked_at = _Loading()
        text = page.read_text(encoding="utf-8")
        looked_at.feed(text)
        for address in [*looked_at.foreign, *_CSS_ADDRESS.findall(text)]:
            yield f"{page.relative_to(site)} loads {address}"
    for sheet in sorted(site.rglob("*.css")):
        for address in _CSS_ADDRESS.findall(sheet.read_text(encoding="utf-8")):
            yield f"{sheet.relative_to(site)} loads {address}"
