"""Key sets at a domain of the user's own: what is configured is asked, and nothing that a delivery names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.published.tokens import read_jwks
from outworx_otel.signatures.wanted_keys import KeyPlace, KeyRequest, WantedKey

_DOMAIN: Final = re.compile(r"(?:https://)?([a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,9})(?:/[!-~]*)?", re.ASCII)
_PATH: Final = "/.well-known/jwks.json"
_SECONDS: Final = 3600.0


def key_set_at(secret: str, provider: str, example: str) -> WantedKey:
    """The key set of a domain, which is configured as itself or as an https:// URL there.

    Args:
        secret: What is configured.
        provider: Whose keys these are, for what is said when they cannot be had.
        example: A domain of that provider's, for what is said when none was given.

    Raises:
        ConfigurationError: It names no domain.
    """
    found = _DOMAIN.fullmatch(secret.lower())
    if found is None:
        raise ConfigurationError(f"the secret must be your domain at {provider}, such as {example}")
    place = KeyPlace(provider=provider, hosts=re.escape(found[1]), paths=re.escape(_PATH), lifetime=_SECONDS)
    url = f"https://{found[1]}{_PATH}"
    return WantedKey(place, url, load=lambda ask: read_jwks(ask(KeyRequest(url)).body))


def index_of(url: object, sets: Sequence[WantedKey]) -> int:
    """Which of the configured domains a URL belongs to; the first where it belongs to none."""
    try:
        host = urlsplit(url).hostname if isinstance(url, str) else None
    except ValueError:
        host = None
    return next((index for index, one in enumerate(sets) if one.host == host), 0)
