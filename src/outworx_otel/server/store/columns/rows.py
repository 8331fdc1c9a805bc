"""Converts deliveries and spans to the columns' values, and deliveries back."""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from outworx_otel.server.fields import BY_NAME, FACETED, IN_ROW
from outworx_otel.server.model import Summary
from outworx_otel.server.store.columns.details import TOLD_BY, key_of, whole, without_told
from outworx_otel.server.store.columns.tables import DELIVERIES, SPANS
from outworx_otel.server.store.history import NewDelivery
from outworx_otel.server.store.packing import MAX_FACET_TEXT, may_keep_a_body, text, unpack

# Empty is none; so is this number, where there is one.
_NO_NUMBER: Final = -(2**63)
_SIGNATURES: Final = (False, True, None)
_HEX_ID: Final = re.compile(r"[0-9a-f]{32}")
_NUMBERS: Final = ("status", "body_size")
_TEXTS: Final = (
    *("event_type", "event_id", "method", "path", "processing", "failure", "exception_type"),
    *("code_function", "code_file"),
)
_SHOWN: Final = {
    **{name: BY_NAME[name].longest for name in IN_ROW if BY_NAME[name].kind == "text"},
    **dict.fromkeys(FACETED, MAX_FACET_TEXT),
}
"""Of a text in a list how much is shown."""

DETAIL: Final = ("seq", "detail", *TOLD_BY)
"""What `detail_of` takes."""

AS_BYTES: Final = ("trace_head", "idempotency_key", "detail")
"""The columns of texts that are none."""


def number_of(id: str) -> bytes:
    """What a delivery's id is kept as."""
    return (
        bytes.fromhex(id) if _HEX_ID.fullmatch(id) else hashlib.blake2b(id.encode(), digest_size=16).digest()
    )


def head_of(id: str) -> str:
    """The beginning that the index on facets has of an id."""
    return (id + number_of(id).hex())[:4]


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
    values = {
        "day": day,
        "proved": told["signature_valid"] is True,
        "time": told["time_ns"],
        "seq": one.seq,
        "id": number_of(id),
        "id_text": "" if is_hex else id,
        "trace_head": bytes.fromhex(trace[:16]) if is_derived else b"",
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
    }
    values["detail"] = without_told(one.detail, *(values[name] for name in TOLD_BY))
    return tuple([values[name] for name in DELIVERIES])


def _words(texts: dict[str, Any], route: str, *, is_offered: bool) -> str:
    """What no word of the facets tells; between the texts stands what no search can ask for."""
    event_type, path = texts["event_type"], texts["path"]
    found = [texts["failure"], texts["exception_type"]]
    found += [path if path != route else None, None if is_offered else event_type]
    return "\0".join([one.lower() for one in found if one])


def detail_of(row: Sequence[Any]) -> bytes:
    """All of a delivery, out of a row of `DETAIL`."""
    _, detail, *told = row
    return whole(detail, *told)


def summary_of(detail: bytes) -> Summary:
    """A delivery as lists of every store show it: a text has no more than a column would."""
    one = unpack(detail, Summary)
    told = ((name, getattr(one, name), longest) for name, longest in _SHOWN.items())
    shown = {name: text(value, longest) for name, value, longest in told if value is not None}
    return msgspec.structs.replace(one, **shown)


def span_columns(rows: Sequence[tuple[Any, ...]], day: datetime.date) -> list[list[Any]]:
    """The values of all columns of spans, which come as `HistoryWriter.insert_spans` has them."""
    made = [
        (day, seq, trace, span, time_ns, delivery or "", detail)
        for seq, trace, span, time_ns, delivery, detail in rows
    ]
    return [list(column) for column in zip(*made, strict=True)] if made else [[] for _ in SPANS]
