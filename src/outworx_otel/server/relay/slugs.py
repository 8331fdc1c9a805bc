"""Makes public URLs that survive a restart of the server without being stored.

A session's secret says when it ends; its slug is the secret's hash. So whoever holds the secret, and nobody who
merely knows the URL, can have the same slug again from a server that was started anew, until the time that the secret
itself names.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Final

SLUG_LENGTH: Final = 32
_SLUG: Final = re.compile(r"[0-9a-f]{32}")
_SECRET: Final = re.compile(r"([0-9]{9,12})\.[0-9a-f]{64}")
_PURPOSE: Final = b"outworx tunnel 1:"


def new_secret(expires_at: float) -> str:
    """A secret that is good until `expires_at` (Unix seconds)."""
    return f"{int(expires_at)}.{secrets.token_hex(32)}"


def expiry_of(secret: str) -> float | None:
    """Unix seconds; None where this is no secret of ours."""
    found = _SECRET.fullmatch(secret)
    return None if found is None else float(found[1])


def slug_of(secret: str) -> str:
    """What the public URL ends with: 128 bits, from which the secret cannot be found."""
    return hashlib.sha256(_PURPOSE + secret.encode()).hexdigest()[:SLUG_LENGTH]


def is_slug(text: str) -> bool:
    """Whether this could be one."""
    return _SLUG.fullmatch(text) is not None
