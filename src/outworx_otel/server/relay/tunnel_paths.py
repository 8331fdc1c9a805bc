"""Splits the path of a tunnelled request into slug and rest, byte for byte."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.types import Scope

# Dots by themselves between slashes, however they are written: %2e, and a backslash for a slash.
_DOTS: Final = re.compile(r"(?:^|/|%2f|\\|%5c)(?:\.|%2e){1,2}(?:$|/|%2f|\\|%5c|;)", re.IGNORECASE)


@dataclass(frozen=True)
class TunnelPlace:
    """A slug and the path behind it, percent-encoded as it came."""

    slug: str
    path: str

    @property
    def has_dots(self) -> bool:
        """Whether a part of the path is `.` or `..`, which the next server may resolve to elsewhere."""
        return _DOTS.search(self.path) is not None


def place_of(scope: Scope) -> TunnelPlace:
    """Splits the path of a request to `/t/{slug}/...`, below whatever the application is mounted."""
    raw = scope.get("raw_path")
    path = raw.decode("latin-1") if raw is not None else quote(scope["path"], safe="/%:@!$&'()*+,;=~")
    path = path.partition("?")[0]
    root = scope.get("root_path", "").rstrip("/")
    if root and path.startswith(f"{root}/"):
        path = path[len(root) :]
    # "", "t", the slug, and the rest
    _, prefix, slug, rest = [*path.split("/", 3), "", "", ""][:4]
    if prefix != "t":
        return TunnelPlace("", "/")
    return TunnelPlace(slug, f"/{rest}")
