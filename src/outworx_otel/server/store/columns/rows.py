"""Converts deliveries and spans to the columns' values and back."""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final

from outworx_otel.server.fields import BY_NAME, FACETED, IN_ROW
from outworx_otel.server.model import Summary
from outworx_otel.server.store.columns.tables import DELIVERIES, SPANS
from outworx_otel.server.store.history import NewDelivery
from outworx_otel.server.store.packing import may_keep_a_body

# Empty is none; so is this number, where there is one.
_NO_NUMBER: Final = -(2**63)
_SIGNATURES: Final = (False, True, None)
_HEX_ID: Final = re.compile(r"[0-9a-f]{32}")
_HEX_KEY: Final = re.compile(r"[0-9a-f]{64}")
_NUMBERS: Final = ("status", "body_size")
_TEXTS: Final = (
    *("event_type", "event_id", "method", "path", "processing", "failure", "exception_type"),
    *("code_function", "code_file"),
)
# In the order of what `summary_of` takes.
READ: Final = (
    *("toUnixTimestamp64Nano(time)", "seq", "exact", "id", "id_text", "trace_head", "duration"),
    *("toUnixTimestamp64Nano(arrived)", "idempotency_key", "signature", "status", "body_size"),
    *FACETED,
    *_TEXTS,
)
AS_BYTES: Final = ("trace_head", "idempotency_key", "detail")
"""The columns of texts that are none."""

_OPTIONAL: Final = frozenset(name for name in (*FACETED, *_TEXTS) if not BY_NAME[name].always)


def number_of(id: str) -> bytes:
    """What a delivery's id is kept as."""
    return (
        bytes.fromhex(id) if _HEX_ID.fullmatch(id) else hashlib.blake2b(id.encode(), digest_size=16).digest()
    )


def head_of(id: str) -> str:
    """The beginning that the index on facets has of an id."""
    return (id + number_of(id).hex())[:4]


def key_of(key: str) -> bytes:
    """What an idempotency key is kept as: most are 64 hexadecimal digits. No text begins with a NUL."""
    return b"\0" + bytes.fromhex(key) if _HEX_KEY.fullmatch(key) else key.encode()


def columns_of(new: Sequence[NewDelivery], day: datetime.date) -> list[list[Any]]:
    """The values of all columns.

    Args:
        day: on which they arrived.
    """
    rows = [_row(one, day) for one in new]
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in DELIVERIES]


def _row(one: NewDelivery, day: datetime.date) -> tuple[Any, ...]:
    told = dict(zip(IN_ROW, one.row, strict=False))
    faceted = dict(zip(FACETED, one.facet.key, strict=True))
    id, trace = told["id"], told["trace_id"]
    is_hex = _HEX_ID.fullmatch(id) is not None
    # As ingest makes it: half of the trace's id, then the span's.
    is_derived = is_hex and _HEX_ID.fullmatch(trace) is not None and id == trace[16:] + told["span_id"]
    texts = {name: told[name] for name in _TEXTS}
    is_told = (is_derived or not (trace or told["span_id"])) and not any(
        value == "" and name in _OPTIONAL for name, value in texts.items()
    )
    values = {
        "day": day,
        "proved": told["signature_valid"] is True,
        "time": told["time_ns"],
        "seq": one.seq,
        "id": number_of(id),
        "id_text": "" if is_hex else id,
        "trace_head": bytes.fromhex(trace[:16]) if is_derived else b"",
        "exact": not is_told or one.facet.overflow,
        "duration": told["duration_ns"],
        "arrived": told["arrived_ns"] or 0,
        **faceted,
        **{name: value or "" for name, value in texts.items()},
        "event_hash": one.row[len(IN_ROW)] or 0,
        "idempotency_key": b"" if told["idempotency_key"] is None else key_of(told["idempotency_key"]),
        **{name: _NO_NUMBER if told[name] is None else told[name] for name in _NUMBERS},
        "signature": _SIGNATURES.index(told["signature_valid"]),
        "problem": one.problem or 0,
        "keeps_body": may_keep_a_body(one.detail),
        "words": _words(texts, faceted["route"], is_offered=one.is_offered),
        "detail": one.detail,
    }
    return tuple([values[name] for name in DELIVERIES])


def _words(texts: dict[str, Any], route: str, *, is_offered: bool) -> str:
    """What no word of the facets tells; between the texts stands what no search can ask for."""
    event_type, path = texts["event_type"], texts["path"]
    found = [texts["failure"], texts["exception_type"]]
    found += [path if path != route else None, None if is_offered else event_type]
    return "\0".join([one.lower() for one in found if one])


def summary_of(row: Sequence[Any]) -> Summary:
    """A row of `READ`, as lists show it."""
    time_ns, _, _, id, id_text, head, duration, arrived, key, signature, status, body_size, *texts = row
    id = id_text or id.hex()
    named: dict[str, Any] = {
        name: (value or None) if name in _OPTIONAL else value
        for name, value in zip((*FACETED, *_TEXTS), texts, strict=True)
    }
    return Summary(
        id=id,
        time_ns=time_ns,
        duration_ns=duration,
        trace_id=head.hex() + id[:16] if head else "",
        span_id=id[16:] if head else "",
        arrived_ns=arrived or None,
        idempotency_key=_key_told(key),
        signature_valid=_SIGNATURES[signature],
        status=None if status == _NO_NUMBER else status,
        body_size=None if body_size == _NO_NUMBER else body_size,
        **named,
    )


def _key_told(key: bytes) -> str | None:
    if not key:
        return None
    return key[1:].hex() if key[:1] == b"\0" else key.decode()


def span_columns(rows: Sequence[tuple[Any, ...]], day: datetime.date) -> list[list[Any]]:
    """The values of all columns of spans, which come as `HistoryWriter.insert_spans` has them."""
    made = [
        (day, seq, trace, span, time_ns, delivery or "", detail)
        for seq, trace, span, time_ns, delivery, detail in rows
    ]
    return [list(column) for column in zip(*made, strict=True)] if made else [[] for _ in SPANS]
