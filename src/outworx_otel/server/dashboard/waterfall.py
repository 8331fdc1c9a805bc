"""The waterfall of a delivery: a bar for each span of its trace and of its deferred work."""

from __future__ import annotations

from collections import defaultdict
from typing import Final, NamedTuple

from outworx_otel.server.attributes import text
from outworx_otel.server.formatting import duration
from outworx_otel.server.model import SpanRecord, StoredDelivery
from outworx_otel.server.problems.corrections import kept_time
from outworx_otel.telemetry import semconv

MAX_BARS: Final = 80
_NARROWEST: Final = 0.4
_DEEPEST: Final = 8


class Bar(NamedTuple):
    """One span; `x` and `width` are per cent of the whole time. `depth` is bounded."""

    name: str
    service: str
    took: str
    starts: str
    x: float
    width: float
    depth: int
    tone: str
    note: str


class Waterfall(NamedTuple):
    """The bars in tree order, and how many were left out."""

    bars: list[Bar]
    left_out: int
    total: str


class _Item(NamedTuple):
    span_id: str
    parent: str
    start: int
    took: int
    name: str
    service: str
    tone: str
    note: str


def waterfall_of(delivery: StoredDelivery, spans: list[SpanRecord], deferred: list[SpanRecord]) -> Waterfall:
    """The delivery's own span, the others of its trace, and the deferred work that belongs to it."""
    own = _Item(
        delivery.span_id,
        delivery.parent_span_id,
        # Its spans have the times of the sender's clock.
        delivery.time_ns
        if delivery.reported_time_ns is None
        else kept_time(delivery.reported_time_ns, delivery.time_ns),
        delivery.duration_ns,
        f"webhook {delivery.provider}",
        delivery.service,
        "own",
        "this delivery",
    )
    known = {(delivery.trace_id, delivery.span_id)}
    items = [own]
    for record, late in (*((span, False) for span in spans), *((span, True) for span in deferred)):
        if (record.trace_id, record.span_id) not in known:
            known.add((record.trace_id, record.span_id))
            items.append(_item(record, late, delivery.span_id))
    ordered = _as_tree(items)
    begins = min(item.start for item in items)
    whole = max(max(item.start + item.took for item in items) - begins, 1)
    shown = ordered[:MAX_BARS]
    if own not in [item for item, _ in shown]:
        shown[-1] = (own, 0)
    return Waterfall(
        [_bar(item, depth, begins, whole) for item, depth in shown],
        len(ordered) - len(shown),
        duration(whole),
    )


def _item(record: SpanRecord, late: bool, delivery_span: str) -> _Item:
    status = text(record.attributes, semconv.PROCESSING_STATUS) if late else None
    note = " · ".join(filter(None, ("deferred work" if late else "", status or "", record.status_message)))
    return _Item(
        record.span_id,
        # What belongs to the delivery by a link alone stands below it.
        delivery_span if late else record.parent_span_id,
        record.time_ns,
        record.duration_ns,
        record.name,
        record.service,
        "bad" if record.error else "late" if late else "other",
        note,
    )


def _as_tree(items: list[_Item]) -> list[tuple[_Item, int]]:
    """Orders parents before children, by time. A span without a known parent, or in a circle, comes at the top."""
    ids = {item.span_id for item in items}
    below: dict[str, list[_Item]] = defaultdict(list)
    for item in sorted(items, key=lambda item: item.start):
        below[item.parent if item.parent in ids and item.parent != item.span_id else ""].append(item)
    ordered: list[tuple[_Item, int]] = []
    waiting = [(item, 0) for item in reversed(below.pop("", []))]
    while waiting:
        item, depth = waiting.pop()
        ordered.append((item, min(depth, _DEEPEST)))
        waiting += [(child, depth + 1) for child in reversed(below.pop(item.span_id, []))]
    return ordered + [(item, 0) for circle in below.values() for item in circle]


def _bar(item: _Item, depth: int, begins: int, whole: int) -> Bar:
    x = min((item.start - begins) / whole * 100, 100 - _NARROWEST)
    width = min(max(item.took / whole * 100, _NARROWEST), 100 - x)
    starts = f"+{duration(item.start - begins)}"
    return Bar(
        item.name,
        item.service,
        duration(item.took),
        starts,
        round(x, 2),
        round(width, 2),
        depth,
        item.tone,
        item.note,
    )
