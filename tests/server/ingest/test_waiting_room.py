"""The other spans of a delivery's trace: kept whenever they come, within budgets."""

from __future__ import annotations

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from support.exports import PROTOBUF, both, span, traces
from support.staged_store import StagedStore

from outworx_otel.server.ingest import waiting_spans
from outworx_otel.server.ingest.span_sorting import sort
from outworx_otel.server.ingest.waiting_spans import WaitingSpan, WaitingSpans

from .serving import Serving

TRACE = b"trace of a shop!"
OTHER = b"another trace...!"[:16]
DELIVERY = traces([span(trace=TRACE)])


def query(name: str = "SELECT", trace: bytes = TRACE, **fields: object) -> Span:
    return span(name, {"db.system": "postgresql"}, trace=trace, **fields)


def arrived(room: WaitingSpans, *spans: Span) -> list[WaitingSpan]:
    """Those that are kept at once."""
    found = sort(traces(spans, scope="sqlalchemy").SerializeToString())
    return [one for one in found.others if room.admit(one)]


def delivered(room: WaitingSpans, trace: bytes = TRACE) -> list[WaitingSpan]:
    """Those that waited for it."""
    return room.arrived(sort(traces([span(trace=trace)]).SerializeToString()).traces)


@pytest.mark.parametrize("order", ["before", "with", "after"])
def test_the_spans_of_a_deliverys_trace_are_kept_whenever_they_come(server: Serving, order: str) -> None:
    context = traces([query(), query("POST api.stripe.com")], scope="sqlalchemy")
    exports = {"before": [context, DELIVERY], "with": [both(context, DELIVERY)], "after": [DELIVERY, context]}
    for request in exports[order]:
        assert server.post("/v1/traces", request.SerializeToString(), PROTOBUF).status_code == 200
    kept = server.spans(TRACE)
    assert sorted(record.name for record in kept) == ["POST api.stripe.com", "SELECT"]
    assert {record.scope for record in kept} == {"sqlalchemy"}
    assert {record.service for record in kept} == {"shop"}
    assert len(server.deliveries()) == 1


def test_spans_of_traces_without_a_delivery_are_accepted_and_dropped(server: Serving) -> None:
    lonely = traces([query(trace=OTHER)], scope="sqlalchemy")
    answer = server.post("/v1/traces", both(lonely, DELIVERY).SerializeToString(), PROTOBUF)
    assert (answer.status_code, answer.content) == (200, b"")
    assert server.spans(OTHER) == []


def test_deferred_work_is_kept_by_its_link_whatever_its_trace(server: Serving) -> None:
    work = span("process", trace=OTHER, links=[Span.Link(trace_id=TRACE, span_id=b"delivery")])
    server.post("/v1/traces", traces([work]).SerializeToString(), PROTOBUF)
    (kept,) = server.spans(OTHER)
    assert kept.name == "process"
    assert [(link.trace_id, link.span_id) for link in kept.links] == [(TRACE.hex(), b"delivery".hex())]


def test_a_span_waits_a_minute_and_no_longer() -> None:
    now = [0.0]
    room = WaitingSpans(clock=lambda: now[0])
    arrived(room, query())
    now[0] = 59.0
    arrived(room, query(trace=OTHER))
    now[0] = 61.0
    arrived(room, query(trace=b"yet another one!"))
    assert delivered(room) == []
    assert len(delivered(room, OTHER)) == 1


def test_the_room_is_bounded_in_bytes_and_loses_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_spans, "MAX_BYTES", 20_000)
    room = WaitingSpans()
    ids = [number.to_bytes(16, "big") for number in range(1, 200)]
    for trace in ids:
        arrived(room, query(trace=trace))
        assert room.size <= 20_000
    assert delivered(room, ids[0]) == []
    assert len(delivered(room, ids[-1])) == 1


@pytest.mark.parametrize("first", ["spans", "delivery"])
def test_one_trace_has_a_budget(first: str) -> None:
    room = WaitingSpans()
    if first == "delivery":
        delivered(room)
    spans = [query("x" * 1000) for _ in range(400)]
    kept = [*arrived(room, *spans), *delivered(room), *arrived(room, query())]
    assert 100 < len(kept) < 256 * 1024 // 1000
    assert room.size == 0


def test_traces_that_are_known_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_spans, "MAX_KNOWN", 10)
    room = WaitingSpans()
    ids = [number.to_bytes(16, "big") for number in range(1, 50)]
    for trace in ids:
        delivered(room, trace)
    assert arrived(room, query(trace=ids[0])) == []
    assert len(arrived(room, query(trace=ids[-1]))) == 1


def test_spans_that_waited_for_a_delivery_that_could_not_be_written_wait_on(
    staged: Serving, store: StagedStore
) -> None:
    from outworx_otel.server.store import StoreBusy

    staged.post("/v1/traces", traces([query()], scope="sqlalchemy").SerializeToString(), PROTOBUF)
    store.faults["write"] = StoreBusy()
    assert staged.post("/v1/traces", DELIVERY.SerializeToString(), PROTOBUF).status_code == 503
    store.faults.clear()
    assert staged.post("/v1/traces", DELIVERY.SerializeToString(), PROTOBUF).status_code == 200
    assert [record.name for record in staged.spans(TRACE)] == ["SELECT"]
