"""The token that a delivery's deferred work takes along, into another process or onto another machine.

`ow1.<payload>.<signature>`: the payload is JSON in base64url, the signature HMAC-SHA256 over version and payload,
with a key that is derived from the API key (or a secret of its own) and serves nothing else. It is signed, not
encrypted: whoever sees the token can read it, and it holds no more than a span does.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from outworx_otel.errors import ConfigurationError, TokenError
from outworx_otel.telemetry import Deferral

MAX_TOKEN: Final = 4096
_VERSION: Final = "ow1"
_PURPOSE: Final = b"outworx_otel deferral token, version 1"
_MAX_TEXT: Final = 256

Secrets = str | bytes | Sequence[str | bytes]


_decoder: Final = msgspec.json.Decoder(Deferral)


def encode_token(deferral: Deferral, secret: str | bytes) -> str:
    """The signed token, of at most 4096 ASCII characters; texts are cut at 256.

    Args:
        deferral: what it carries.
        secret: the API key, or a secret that all processes share.

    Raises:
        ConfigurationError: the secret is empty.
    """
    cut = msgspec.structs.replace(
        deferral,
        provider=deferral.provider[:_MAX_TEXT],
        route=None if deferral.route is None else deferral.route[:_MAX_TEXT],
        event_id=None if deferral.event_id is None else deferral.event_id[:_MAX_TEXT],
    )
    payload = _to_text(msgspec.json.encode(cut))
    return f"{_VERSION}.{payload}.{_signature(payload, secret)}"


def decode_token(token: str | bytes, secrets: Secrets, *, now: float | None = None) -> Deferral:
    """What a token carries, once its signature has been verified.

    Args:
        token: as `encode_token` gave it.
        secrets: the secret it was signed with, or several while one is rotated.
        now: Unix seconds; None for the clock.

    Raises:
        TokenError: the token was changed, is not ours, has expired, or is none.
        ConfigurationError: there is no secret to verify it with.
    """
    text = token.decode("ascii", "replace") if isinstance(token, bytes) else token
    if not isinstance(text, str) or len(text) > MAX_TOKEN or not text.isascii() or text.count(".") != 2:
        raise TokenError("malformed", "this is no deferral token of ours")
    version, payload, signature = text.split(".")
    if version != _VERSION:
        if version.startswith("ow") and version[2:].isdecimal():
            raise TokenError(
                "unsupported_version",
                f"a deferral token of version {version[:8]!r}, made by a newer outworx-otel: upgrade the worker",
            )
        raise TokenError("malformed", "this is no deferral token of ours")
    keys = [secrets] if isinstance(secrets, str | bytes) else list(secrets)
    if not keys:
        raise ConfigurationError("a deferral token needs the API key, or the secret that it was signed with")
    if not any(hmac.compare_digest(_signature(payload, key), signature) for key in keys):
        raise TokenError(
            "bad_signature",
            "the deferral token was changed on the way, or this process has another API key or secret than the "
            "one that made it",
        )
    try:
        deferral = _decoder.decode(_to_bytes(payload))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TokenError("malformed", "the deferral token holds something else than a deferral") from error
    if (time.time() if now is None else now) > deferral.deadline:
        raise TokenError(
            "expired", "the time for this deferred work is over: defer(timeout=...) was too short"
        )
    return deferral


def _signature(payload: str, secret: str | bytes) -> str:
    raw = secret.encode() if isinstance(secret, str) else secret
    if not raw.strip():
        raise ConfigurationError("a deferral token cannot be signed with an empty API key or secret")
    key = hmac.digest(raw, _PURPOSE, "sha256")
    return _to_text(hmac.digest(key, f"{_VERSION}.{payload}".encode(), "sha256"))


def _to_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _to_bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TokenError("malformed", "the deferral token was cut short or changed") from error
