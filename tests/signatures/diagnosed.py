"""Sign one thing, receive another, and ask why it failed."""

from __future__ import annotations

import json

from outworx_otel.signatures import KnownSecret, SignatureResult, Verifier, sign

DATA = {
    "id": "evt_1",
    "url": "https://x.example/a",
    "name": "Zoë <b> & co",
    "n": [1, 2.5, None, True],
    "o": {},
}
COMPACT = json.dumps(DATA, separators=(",", ":"), ensure_ascii=False).encode()
SECRET = "the-right-secret"  # noqa: S105 - made up


def diagnosed(
    signed: bytes,
    received: bytes,
    *,
    provider: str = "github",
    secret: str = SECRET,
    configured: str | None = None,
    headers: dict[str, str] | None = None,
    known: tuple[KnownSecret, ...] = (),
) -> SignatureResult:
    """Sign one body with one secret, receive another body with another secret."""
    verifier = Verifier(provider, configured or secret, known_secrets=lambda: known)
    result = verifier.verify(received, {**sign(provider, signed, secret), **(headers or {})})
    assert not result.valid
    assert SECRET not in (result.hint or "")
    return result
