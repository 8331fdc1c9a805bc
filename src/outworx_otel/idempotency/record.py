"""The answer that is kept for a key, and its bytes in a store: a version byte, then msgpack."""

from __future__ import annotations

from typing import Final

import msgspec

from outworx_otel.errors import StoreError

MAX_RECORD_BYTES: Final = 512 * 1024
"""No record is larger; the lifecycle stores bodies up to 256 KiB."""

# Raised only for a layout that older readers would misread. A field added at the end needs no new version: older
# readers pass over it, newer ones take its default.
_VERSION: Final = b"\x01"


class StoredAnswer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a finished delivery answered.

    Args:
        status: the HTTP status.
        headers: the safe headers, names in lower case.
        body: the exact bytes, or None where the answer was streamed or over the cap.
        fingerprint: hash of the request's body, to see that a key came again with another one.
        trace_id: hex trace id of the span that did the work, or "".
        span_id: hex span id of the same.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    fingerprint: str
    trace_id: str = ""
    span_id: str = ""


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(StoredAnswer)


def encode(answer: StoredAnswer, limit: int = MAX_RECORD_BYTES) -> bytes:
    """The bytes of a record.

    Args:
        answer: what to keep.
        limit: in bytes; what is over it loses its body, then its headers, and is never cut in the middle.
    """
    encoded = _VERSION + _encoder.encode(answer)
    if len(encoded) > limit:
        encoded = _VERSION + _encoder.encode(msgspec.structs.replace(answer, body=None))
    if len(encoded) > limit:
        encoded = _VERSION + _encoder.encode(msgspec.structs.replace(answer, body=None, headers=()))
    return encoded


def decode(encoded: bytes) -> StoredAnswer:
    """The answer again.

    Raises:
        StoreError: bytes that this version cannot read; the endpoint's `idempotency_on_store_error` decides.
    """
    if encoded[:1] != _VERSION:
        raise StoreError(
            f"an idempotency record of version {encoded[:1].hex() or 'none'} is not readable here"
        )
    try:
        return _decoder.decode(memoryview(encoded)[1:])
    except msgspec.MsgspecError as error:
        raise StoreError("an idempotency record is damaged") from error
