"""Reads the shorthands of `--to`, and makes the URL that a stored request is sent to."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from outworx_otel.errors import ConfigurationError
from outworx_otel.server.replay.stored import StoredRequest

_PORT: Final = re.compile(r":?[0-9]{1,5}(?=$|[/?])")
_EXAMPLES: Final = (
    "give a port (3000), host and port (localhost:8080), or a URL (http://localhost:3000/webhooks)"
)


def target_url(text: str, stored: StoredRequest | None = None) -> str:
    """The full URL that `--to` means.

    Args:
        text: `3000`, `3000/webhooks`, `localhost:8080`, or a URL. Without a path, the stored request's path and query
            are taken; with a path but no query, the stored query.
        stored: the request that goes there.

    Raises:
        ConfigurationError: it is no such address.
    """
    cleaned = text.strip()
    if _PORT.match(cleaned):
        cleaned = f"http://localhost:{cleaned.removeprefix(':')}"
    elif "://" not in cleaned:
        cleaned = f"http://{cleaned}"
    parts = _checked(cleaned)
    path, query = parts.path, parts.query
    if stored is not None:
        if path in ("", "/"):
            path = stored.path
        query = query or stored.query
    return urlunsplit((parts.scheme, parts.netloc, path or "/", query, ""))


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or any(sign.isspace() or not sign.isprintable() for sign in url):
        raise ConfigurationError(f"{url[:200]!r} is no address to send to: {_EXAMPLES}")
    if "@" in parts.netloc:
        raise ConfigurationError("the address must not contain a user name or password: use a header")
    return parts
