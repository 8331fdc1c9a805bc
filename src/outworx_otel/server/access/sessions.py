"""Browser sessions: a signed cookie, and the token that our forms carry.

Nothing is kept for each visitor. The cookie says when it was made and which key it was made with, so it ends by
itself, and with the key; what was logged out before is remembered until it would have ended.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from itsdangerous import BadData, TimestampSigner

from outworx_otel.server.access.api_keys import ApiKeys
from outworx_otel.server.purposes import Purpose
from outworx_otel.server.store import Store

COOKIE: Final = "outworx_session"

_SIGNING_KEY: Final = "signing_key"
_ENDED: Final = "ended_sessions"
_MAX_ENDED: Final = 1000
_ANONYMOUS: Final = "-"


@dataclass
class BrowserVisit:
    """One browser, for one request.

    `logged_in` is about a key, and `purposes` is what that key is for; `fresh` is a visitor whose cookie must be set
    if a form of ours was handed out (`token_given`).
    """

    id: str
    logged_in: bool = False
    purposes: frozenset[Purpose] = frozenset()
    fresh: bool = False
    token_given: bool = False


class BrowserSessions:
    """Makes and reads cookies.

    Args:
        keys: a session ends when its key is no longer taken.
        store: holds the signing key, so that sessions outlive a restart, and what was logged out.
        seconds: how long a login lasts.
        clock: Unix seconds.
    """

    def __init__(
        self, keys: ApiKeys, store: Store, seconds: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._keys = keys
        self._store = store
        self._seconds = seconds
        self._clock = clock
        self._key = store.secrets.get_or_put(_SIGNING_KEY, secrets.token_bytes(32))
        self._signer = _Signer(self._key, clock)
        ended = store.secrets.get(_ENDED)
        self._ended: dict[str, float] = {} if ended is None else _ended(ended[0])

    def visit(self, cookie: str | None) -> BrowserVisit:
        """Returns the visit of a cookie; a new visitor if there is none or it is not valid."""
        found = None if cookie is None else self._read(cookie)
        return found or BrowserVisit(secrets.token_urlsafe(16), fresh=True)

    def anonymous(self, visit: BrowserVisit) -> str:
        """Returns the cookie of a visitor who is not logged in, which binds the forms that are given out."""
        return self._sign(_ANONYMOUS, visit.id)

    def logged_in(self, digest: bytes) -> str:
        """Returns the cookie of a visitor who gave the key with this digest. Its id is new: nobody can plant it."""
        return self._sign(self._tag(digest), secrets.token_urlsafe(16))

    def form_token(self, visit: BrowserVisit) -> str:
        """Returns the token that a form must bring back."""
        return self._mac(b"form", visit.id.encode())

    def is_form_token(self, visit: BrowserVisit, token: str) -> bool:
        """Returns whether a token belongs to this visit."""
        return hmac.compare_digest(self.form_token(visit).encode(), token.encode("utf-8", "replace"))

    def end(self, visit: BrowserVisit) -> None:
        """Ends the session: its cookie is no longer accepted, even after a restart. Blocks."""
        now = self._clock()
        self._ended = {id: until for id, until in self._ended.items() if until > now}
        self._ended[_ended_name(visit.id)] = now + self._seconds
        while len(self._ended) > _MAX_ENDED:
            del self._ended[next(iter(self._ended))]
        self._store.secrets.put(_ENDED, msgspec.json.encode(self._ended))

    def _read(self, cookie: str) -> BrowserVisit | None:
        try:
            text = self._signer.unsign(cookie, max_age=self._seconds).decode()
        except (BadData, UnicodeError):
            return None
        tag, _, id = text.partition(".")
        if not id or _ended_name(id) in self._ended:
            return None
        if tag == _ANONYMOUS:
            return BrowserVisit(id)
        for digest in self._keys.digests:
            if hmac.compare_digest(tag, self._tag(digest)):
                return BrowserVisit(id, logged_in=True, purposes=self._keys.purposes(digest))
        return None

    def _sign(self, tag: str, id: str) -> str:
        return self._signer.sign(f"{tag}.{id}").decode()

    def _tag(self, digest: bytes) -> str:
        # Not the digest itself: a cookie must not help in guessing a key.
        return self._mac(b"key", digest)[:24]

    def _mac(self, purpose: bytes, text: bytes) -> str:
        return hmac.new(self._key, purpose + b"\0" + text, hashlib.sha256).hexdigest()


class _Signer(TimestampSigner):
    def __init__(self, key: bytes, clock: Callable[[], float]) -> None:
        super().__init__(key, salt="outworx session", digest_method=hashlib.sha256)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())


def _ended_name(id: str) -> str:
    return hashlib.sha256(id.encode()).hexdigest()[:32]


def _ended(kept: bytes) -> dict[str, float]:
    return msgspec.json.decode(kept, type=dict[str, float])
