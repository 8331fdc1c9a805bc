"""The Authorization that a URL's user and password stand for (RFC 7617)."""

from __future__ import annotations

import base64
from urllib.parse import SplitResult, unquote


def basic(parts: SplitResult) -> str | None:
    """Returns the header's value, None where the URL names no user."""
    if parts.username is None:
        return None
    said = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(said.encode()).decode()}"
