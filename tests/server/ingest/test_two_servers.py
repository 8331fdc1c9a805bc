"""Two servers on one PostgreSQL, with a load balancer before them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from support.databases import PostgresServer, until
from support.exports import PROTOBUF, span, traces

from outworx_otel.server.ingest import elsewhere, waiting_spans

from .serving import Serving

TRACE, LONELY = b"trace of a shop!", b"trace of nobody!"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.mark.parametrize("order", ["the delivery first", "its spans first"])
def test_the_spans_of_a_delivery_are_kept_whichever_server_they_reach(
    postgres: PostgresServer,
    serve: Callable[..., Serving],
    monkeypatch: pytest.MonkeyPatch,
    order: str,
) -> None:
    monkeypatch.setattr(elsewhere, "LOOKS_EVERY", 0.05)
    # By then the other's delivery has come; the second look is a test's time away.
    monkeypatch.setattr(waiting_spans, "LOOKS_AFTER", (0.0, 0.5))
    trace = TRACE[:-1] + order[:1].encode()
    one, other = (serve(database=postgres.url) for _ in range(2))
    delivery = traces([span(trace=trace)])
    inner = [span(f"SELECT {number}", {}, trace=trace) for number in range(3)]
    inner.append(span("SELECT", {}, trace=LONELY))
    context = traces(inner, scope="sqlalchemy")
    sends = [(one, delivery), (other, context)]
    for server, request in sends if order == "the delivery first" else reversed(sends):
        assert server.post("/v1/traces", request.SerializeToString(), PROTOBUF).status_code == 200
    until(lambda: len(one.spans(trace)) == 3, "the spans that reached the other server")
    assert {record.name for record in other.spans(trace)} == {"SELECT 0", "SELECT 1", "SELECT 2"}
    # From now on the other server knows the trace.
    late = traces([span("COMMIT", {}, trace=trace)], scope="sqlalchemy")
    other.post("/v1/traces", late.SerializeToString(), PROTOBUF)
    assert len(one.spans(trace)) == 4
    assert one.spans(LONELY) == []
