"""Keys of applications that have no store of their own, or share this one: five calls.

The published SDK checks and completes, without a token: its check is a claim with a lease of 30 s, and its complete
is taken from whoever asks while the key is in progress. This package's `outworx://` store sends
a token with every call.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from starlette.exceptions import HTTPException

from outworx_otel.http.body import UNREADABLE
from outworx_otel.idempotency import Claimed, Completed, InProgress, StoredAnswer, hashed_key
from outworx_otel.server.described import says
from outworx_otel.server.ingest import loose_json
from outworx_otel.server.store.claims import SCOPE, Claims
from outworx_otel.setup.options import MAX_TTL, MIN_TTL

MAX_REQUEST_BYTES: Final = 2 * 1024 * 1024
"""An answer of `MAX_BODY_BYTES` whose every byte JSON escapes."""
MAX_BODY_BYTES: Final = 256 * 1024
LEASE: Final = 30.0
MAX_LEASE: Final = 3600.0
_DEFAULT_TTL: Final = 86_400.0
_MAX_HEADERS_BYTES: Final = 16 * 1024

Key = Annotated[
    str, msgspec.Meta(min_length=1, max_length=8192, description="The key itself; only its hash is stored.")
]
# As it can stand in any database's text.
Token = Annotated[
    str,
    msgspec.Meta(
        max_length=256,
        pattern=r"\A[\x20-\x7e]*\Z",
        description="Names this claim; calls may be repeated with it.",
    ),
]
Lease = Annotated[float, msgspec.Meta(gt=0, description="Seconds; an hour at most.")]
Id = Annotated[str, msgspec.Meta(max_length=64)]
T = TypeVar("T", bound=msgspec.Struct)


class CheckCall(msgspec.Struct):
    """`token` and `lease` (seconds) are this package's; its claim again with the same token is the same claim."""

    key: Key
    ttl: float | None = None
    token: Token | None = None
    lease: Lease = LEASE


class CompleteCall(msgspec.Struct):
    """From `token` on this package's; `body_base64` is the exact body, where `response_body` is text."""

    key: Key
    response_status_code: Annotated[int, msgspec.Meta(ge=100, le=999)]
    response_body: Any = None
    ttl: float | None = None
    token: Token | None = None
    headers: list[tuple[str, str]] = []
    body_base64: str | None = None
    fingerprint: Id = ""
    trace_id: Id = ""
    span_id: Id = ""


class ReleaseCall(msgspec.Struct):
    """Makes the key free for the next delivery."""

    key: Key
    token: Token


class RenewCall(msgspec.Struct):
    """Lets the lease end `lease` seconds from now."""

    key: Key
    token: Token
    lease: Lease = LEASE


class CheckReply(msgspec.Struct, omit_defaults=True):
    """Whether the key is new, and what it was answered where it is not.

    `cached_body` is for the published SDK; the rest of an answer is exact.
    """

    status: Literal["new", "in_progress", "duplicate"]
    token: str | None = None
    lease_left: float | None = None
    cached_status_code: int | None = None
    cached_body: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body_base64: str | None = None
    fingerprint: str = ""
    trace_id: str = ""
    span_id: str = ""


class HeldReply(msgspec.Struct):
    """Whether the call took effect: False where the token no longer holds the key."""

    ok: Annotated[bool, says("False where the token holds the key no longer.")]


def asked(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Returns the call that a body makes.

    What cannot be read in it has U+FFFD instead, save in the key: keys that differ go on to differ.

    Raises:
        ValueError: it is no such call.
        TooManyParts: it has more parts than may be.
    """
    loose_json.check_parts(body)
    try:
        return decoder.decode(body)
    except UNREADABLE:
        document = loose_json.read(body)
    if not isinstance(document, dict):
        raise ValueError("it is no object")
    return loose_json.converted({**loose_json.cleaned(document), "key": document.get("key")}, decoder)


def check(claims: Claims, asked: CheckCall) -> CheckReply:
    """Claims a key."""
    token = secrets.token_hex(16) if asked.token is None else asked.token
    match claims.claim(_hashed(asked.key), token, min(asked.lease, MAX_LEASE)):
        case Claimed():
            return CheckReply("new", token=token)
        case InProgress(lease_left):
            return CheckReply("in_progress", lease_left=lease_left)
        case Completed(answer):
            body = answer.body
            return CheckReply(
                "duplicate",
                cached_status_code=answer.status,
                cached_body=None if body is None else body.decode("utf-8", "replace"),
                headers=answer.headers,
                body_base64=None if body is None else base64.b64encode(body).decode(),
                fingerprint=answer.fingerprint,
                trace_id=answer.trace_id,
                span_id=answer.span_id,
            )


def complete(claims: Claims, asked: CompleteCall) -> HeldReply:
    """Keeps the answer of a key that is in progress."""
    key = _hashed(asked.key)
    token = claims.holder(key) if asked.token is None else asked.token
    if token is None:
        return HeldReply(False)
    return HeldReply(claims.complete(key, token, _answer(asked), _ttl(asked.ttl)))


def release(claims: Claims, asked: ReleaseCall) -> HeldReply:
    """Makes a key absent again."""
    return HeldReply(claims.release(_hashed(asked.key), asked.token))


def renew(claims: Claims, asked: RenewCall) -> HeldReply:
    """Lengthens a claim."""
    return HeldReply(claims.renew(_hashed(asked.key), asked.token, min(asked.lease, MAX_LEASE)))


CALLS: Final[dict[str, tuple[type[Any], Callable[[Claims, Any], msgspec.Struct]]]] = {
    "check": (CheckCall, check),
    "complete": (CompleteCall, complete),
    "release": (ReleaseCall, release),
    "renew": (RenewCall, renew),
}


def _hashed(key: str) -> str:
    return hashed_key(SCOPE, key)


def _ttl(seconds: float | None) -> float:
    return _DEFAULT_TTL if seconds is None else min(max(seconds, MIN_TTL), MAX_TTL)


def _answer(asked: CompleteCall) -> StoredAnswer:
    headers = tuple(asked.headers)
    if sum(len(name) + len(value) for name, value in headers) > _MAX_HEADERS_BYTES:
        raise HTTPException(400, f"the headers are more than {_MAX_HEADERS_BYTES} bytes")
    body: bytes | None
    if asked.body_base64 is not None:
        try:
            body = base64.b64decode(asked.body_base64, validate=True)
        except ValueError:  # of base64, or of what is not even ASCII
            raise HTTPException(400, "body_base64 is no base64") from None
    elif isinstance(asked.response_body, str):
        body = asked.response_body.encode()
    else:
        body = None if asked.response_body is None else msgspec.json.encode(asked.response_body)
    # Over the cap the status alone is kept: half a body would be another answer.
    return StoredAnswer(
        asked.response_status_code,
        headers,
        body if body is None or len(body) <= MAX_BODY_BYTES else None,
        asked.fingerprint,
        asked.trace_id,
        asked.span_id,
    )
