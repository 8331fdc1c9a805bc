"""Where deliveries go on this machine: `3000`, `localhost:8080`, a URL, or `/stripe=3000` for a part of the paths."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_PORT: Final = re.compile(r"[0-9]{1,5}")
_HOST_AND_PORT: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_HELP: Final = "write a port (3000), host:port (localhost:8080), a URL, or /path=3000"


class UsageError(ValueError):
    """An argument that cannot be used; the message says which and what to write."""


@dataclass(frozen=True)
class Target:
    """One local server.

    Args:
        prefix: of the paths that it gets; "" is all.
        url: scheme, host, port and perhaps a path to put before the delivery's.
    """

    prefix: str
    url: str

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def base(self) -> str:
        """The path before the delivery's own."""
        return urlsplit(self.url).path.rstrip("/")

    def covers(self, path: str) -> bool:
        """Whether a path is below the prefix."""
        return not self.prefix or path == self.prefix or path.startswith(f"{self.prefix}/")

    def __str__(self) -> str:
        return f"{self.prefix}  {self.url}" if self.prefix else self.url


class Targets(tuple[Target, ...]):
    """All of them, the longest prefix first."""

    __slots__ = ()

    def find(self, path: str) -> Target | None:
        """The server for a path, or None."""
        return next((target for target in self if target.covers(path)), None)


def parse_targets(words: Iterable[str]) -> Targets:
    """Reads the arguments.

    Raises:
        UsageError: one of them is no target, or two are for the same paths.
    """
    found: dict[str, Target] = {}
    for word in words:
        prefix, address = "", word.strip()
        if address.startswith("/"):
            prefix, _, address = address.partition("=")
            prefix = prefix.rstrip("/")
        target = Target(prefix, _url(word, address))
        if prefix in found:
            raise UsageError(f"{word!r}: {prefix or 'every path'} goes to {found[prefix].url} already")
        found[prefix] = target
    if not found:
        raise UsageError(f"no local server is named; {_HELP}")
    return Targets(sorted(found.values(), key=lambda target: len(target.prefix), reverse=True))


def _url(word: str, address: str) -> str:
    if _PORT.fullmatch(address):
        url = f"http://localhost:{address}"
    elif _HOST_AND_PORT.fullmatch(address) and not address.isdecimal():
        url = f"http://{address}"
    else:
        url = address
    parts = urlsplit(url)
    try:
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known or not url.isascii() or not url.isprintable() or " " in url:
        raise UsageError(f"{word!r} is no local server; {_HELP}")
    if parts.query or parts.fragment or parts.username is not None:
        raise UsageError(f"{word!r}: leave out user, query and fragment; {_HELP}")
    return url.rstrip("/")
