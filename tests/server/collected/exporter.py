"""The collector's ClickHouse exporter, as far as its rows go, and requests that applications send to a collector."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from support.clickhouse import ClickHouse
from support.exports import WEBHOOK, both, put, span, traces
from support.otel_traces import COLUMNS, ddl, rows

from outworx_otel.telemetry import semconv

MINUTE = 60 * 10**9
_numbers = itertools.count()


class Exporter:
    """Makes its tables in a database of their own, and writes what a collector would have been sent.

    Args:
        server: whose database it is.
        table: the name of the spans' table.
    """

    def __init__(self, server: ClickHouse, table: str = "otel_traces") -> None:
        self.database, self.table = f"otel_{next(_numbers)}", table
        self._client = server.client()
        for statement in ddl(self.database, table):
            self._client.command(statement)
        self.url = f"{server.url.rpartition('/')[0]}/{self.database}?table={table}"

    def write(self, *requests: ExportTraceServiceRequest) -> None:
        """One insert."""
        self._client.insert(
            self.table, list(rows(both(*requests))), column_names=list(COLUMNS), database=self.database
        )

    def run(self, statement: str) -> Any:
        """Whatever a test does by itself."""
        return self._client.command(statement)

    def written(self) -> Sequence[Any]:
        """What can be told of the database: its tables, and what each has."""
        tables = self._client.query(
            "SELECT name, create_table_query, total_rows FROM system.tables WHERE database = {name:String}"
            " ORDER BY name",
            parameters={"name": self.database},
        )
        return tables.result_rows


def delivery(
    attributes: Mapping[str, Any] = {},  # read only
    ago: int = MINUTE,
    *,
    provider: str = "stripe",
    **fields: Any,
) -> Span:
    """A webhook span that began so many nanoseconds ago."""
    merged = {**WEBHOOK, semconv.PROVIDER: provider, semconv.SIGNATURE_VALID: True, **attributes}
    return span(
        f"webhook {provider}",
        {name: value for name, value in merged.items() if value is not None},
        start_ns=time.time_ns() - ago,
        kind=Span.SPAN_KIND_CONSUMER,
        **fields,
    )


def raising(ago: int = MINUTE, **attributes: Any) -> Span:
    """One whose handler raised an exception."""
    found = delivery(
        {
            semconv.HTTP_STATUS: 500,
            semconv.ERROR_TYPE: "KeyError",
            semconv.OUTCOME: "error",
            semconv.EVENT_ID: "evt_raised",
            **attributes,
        },
        ago,
        status=Status(code=Status.STATUS_CODE_ERROR, message="KeyError: 'order'"),
    )
    event = found.events.add(name="exception", time_unix_nano=found.end_time_unix_nano)
    put(
        event.attributes,
        {
            semconv.EXCEPTION_TYPE: "KeyError",
            semconv.EXCEPTION_MESSAGE: "'order'",
            semconv.EXCEPTION_STACKTRACE: 'Traceback (most recent call last):\n  File "shop.py", line 12, in paid\n',
        },
    )
    return found


def everything() -> Span:
    """One with an attribute of each kind."""
    return delivery(
        {
            semconv.OUTCOME: "unprotected",
            semconv.EVENT_ID: "evt_all",
            semconv.SIGNATURE_KIND: "verified",
            semconv.SIGNATURE_KEY_INDEX: 1,
            semconv.SIGNATURE_KEY_COUNT: 2,
            semconv.SIGNATURE_AGE: 0.25,
            semconv.IDEMPOTENCY_OUTCOME: "fail_open",
            semconv.IDEMPOTENCY_KEY: "0f" * 32,
            semconv.IDEMPOTENCY_COMMITTED: False,
            semconv.PROCESSING_STATUS: "completed",
            semconv.PROCESSING_MARKED_AT: 1735689600.5,
            semconv.HTTP_BODY_SIZE: 1234,
            semconv.REQUEST_BODY: '{"id": 12, "text": "caf\u00e9 <b>"}',
            f"{semconv.HTTP_REQUEST_HEADER_PREFIX}user-agent": ["Stripe/1.0", "12"],
            f"{semconv.METADATA_PREFIX}team": "payments",
            f"{semconv.METADATA_PREFIX}amount": 1200,
            f"{semconv.METADATA_PREFIX}rate": 0.5,
            f"{semconv.METADATA_PREFIX}zip": "01234",
            f"{semconv.METADATA_PREFIX}gift": True,
            f"{semconv.METADATA_PREFIX}tags": ["a", "b"],
        }
    )


def busy(trace: bytes) -> list[ExportTraceServiceRequest]:
    """An hour of two services: every outcome, the other spans of a trace, and deferred work that ended badly."""
    outcomes: list[dict[str, Any]] = [
        {semconv.OUTCOME: "accepted", semconv.EVENT_ID: "evt_1"},
        {semconv.OUTCOME: "replayed", semconv.IDEMPOTENCY_OUTCOME: "replayed", semconv.EVENT_ID: "evt_1"},
        {semconv.OUTCOME: "in_flight", semconv.HTTP_STATUS: 409, semconv.IDEMPOTENCY_OUTCOME: "in_flight"},
        {semconv.OUTCOME: "refused", semconv.HTTP_STATUS: 400},
        {semconv.OUTCOME: "rejected", semconv.HTTP_STATUS: 401, semconv.SIGNATURE_VALID: False}
        | {semconv.SIGNATURE_REASON: "hmac_mismatch", semconv.ERROR_TYPE: "hmac_mismatch"},
        {semconv.OUTCOME: "rejected", semconv.HTTP_STATUS: 401, semconv.SIGNATURE_VALID: False}
        | {semconv.SIGNATURE_REASON: "parsed_body", semconv.ERROR_TYPE: "parsed_body"},
        {
            semconv.OUTCOME: "failed",
            semconv.PROCESSING_STATUS: "failed",
            semconv.PROCESSING_REASON: "no order",
        },
        {semconv.OUTCOME: "silent_drop", semconv.SILENT_DROP_CAUSE: "early_return"}
        | {semconv.PROCESSING_STATUS: "silent_drop"},
        {semconv.OUTCOME: "turned_away", semconv.HTTP_STATUS: 403, semconv.SIGNATURE_VALID: None},
        {semconv.OUTCOME: "handshake"},
        {semconv.OUTCOME: None, semconv.SIGNATURE_VALID: None, semconv.EVENT_TYPE: "order.paid"},
        {semconv.OUTCOME: None, semconv.HTTP_STATUS: 503},
    ]
    shop = [delivery(one, (40 - number) * MINUTE) for number, one in enumerate(outcomes)]
    deferred = delivery(
        {semconv.OUTCOME: "deferred", semconv.EVENT_ID: "evt_later"}, 20 * MINUTE, trace=trace
    )
    beside = span(
        "POST /webhooks/stripe", {"server.port": 8000}, trace=trace, start_ns=deferred.start_time_unix_nano
    )
    work = span(
        "process",
        {
            semconv.PROVIDER: "stripe",
            semconv.HTTP_ROUTE: "/webhooks/stripe",
            semconv.EVENT_ID: "evt_later",
            semconv.PROCESSING_STATUS: "failed",
            semconv.QUEUE_DELAY: 2,
        },
        start_ns=deferred.start_time_unix_nano + MINUTE,
        links=[Span.Link(trace_id=deferred.trace_id, span_id=deferred.span_id)],
    )
    others = [delivery({semconv.HTTP_ROUTE: "/github"}, 5 * MINUTE, provider="github") for _ in range(3)]
    return [
        traces([*shop, deferred, work, raising(2 * MINUTE), everything()]),
        traces([beside], scope="fastapi"),
        traces([*others, raising(MINUTE, **{semconv.HTTP_ROUTE: "/github"})], service="ci"),
    ]
