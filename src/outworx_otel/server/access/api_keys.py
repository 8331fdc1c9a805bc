"""API keys: only their digests are held, in memory and in the database."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from typing import Final

from outworx_otel.server.purposes import EVERY, Purpose, given_key
from outworx_otel.server.settings import Settings
from outworx_otel.server.store import Store

_STORED: Final = "api_key"
_PREFIX: Final = "owx_"


class ApiKeys:
    """The keys that are accepted.

    A server that others can reach and that was given none makes one. Its digest is kept in the database, so that a
    restart takes it too; SHA-256 does for a random key of 192 bits, which nobody can try out.

    Args:
        settings: the keys that were given, whether one has to be made, and whether a new one is wanted.
        store: where a made key's digest is kept.

    Attributes:
        made: the key that was made just now, to be shown once and then forgotten; else None.
        made_at: when the key that is taken was made, Unix seconds; None where keys were given or none is asked for.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self.made: str | None = None
        self.made_at: float | None = None
        self._purposes: dict[bytes, frozenset[Purpose]] = {}
        for key, purposes in map(given_key, settings.api_keys):
            # Given twice, a key has both purposes.
            self._purposes[digest(key)] = self._purposes.get(digest(key), frozenset()) | purposes
        if settings.api_keys or not settings.is_exposed:
            return
        key = _PREFIX + secrets.token_urlsafe(24)
        kept = digest(key)
        if settings.new_key:
            store.secrets.put(_STORED, kept)
        else:
            kept = store.secrets.get_or_put(_STORED, kept)
        if kept == digest(key):
            self.made = key
        found = store.secrets.get(_STORED)
        self.made_at = None if found is None else found[1]
        self._purposes = {kept: EVERY}

    @property
    def required(self) -> bool:
        """Returns whether a key is needed at all."""
        return bool(self._purposes)

    def find(self, key: str) -> bytes | None:
        """Returns the digest of an accepted key, None for any other. Compares in constant time."""
        given, found = digest(key), None
        for candidate in self._purposes:
            if hmac.compare_digest(candidate, given):
                found = candidate
        return found

    def purposes(self, digest: bytes) -> frozenset[Purpose]:
        """Returns what the key with this digest is for."""
        return self._purposes[digest]

    @property
    def digests(self) -> Collection[bytes]:
        """Returns the digests of all accepted keys."""
        return self._purposes.keys()


def digest(key: str) -> bytes:
    """Returns the digest that is kept instead of a key."""
    return hashlib.sha256(b"outworx api key\0" + key.encode("utf-8", "surrogateescape")).digest()


def bearer(authorization: str) -> str | None:
    """Returns the key of an `Authorization` header, None for another scheme or no key."""
    scheme, _, key = authorization.strip().partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None
