"""Sorts exported spans into deliveries, deferred work, and other spans for the timelines of deliveries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from outworx_otel.server.ingest.otlp_parts import has_more_fields
from outworx_otel.server.ingest.otlp_spans import MAX_PARTS, delivery_of, problem_of, record_of, sender_of
from outworx_otel.server.ingest.otlp_wire import (
    MAX_PART_BYTES,
    MAX_VALUES,
    Decoder,
    Span,
    TooManyValues,
    text,
    trace_request,
)
from outworx_otel.server.ingest.values import column
from outworx_otel.server.ingest.waiting_spans import WaitingSpan
from outworx_otel.server.model import Batch
from outworx_otel.telemetry import semconv

MAX_SPANS: Final = 50_000
PROCESS: Final = b"process"
_WEBHOOK: Final = b"webhook "
# A span's own fields besides.
_MOST_FIELDS: Final = 3 * MAX_PARTS + 100


class TooManySpans(Exception):
    """More spans than one request may have."""


def check_number(of_each_scope: Iterable[int]) -> None:
    """Raises where a request has too many spans: an empty one has two bytes on the wire and 170 in memory."""
    if sum(of_each_scope) > MAX_SPANS:
        raise TooManySpans(f"a request may have {MAX_SPANS} spans: send smaller batches")


class SortedSpans(NamedTuple):
    """What a request held.

    Args:
        batch: the deliveries, and how deferred work ended.
        others: spans that are kept where their trace has a delivery.
        traces: those of the deliveries.
        rejected: spans that cannot be kept, by the reason.
    """

    batch: Batch
    others: list[WaitingSpan]
    traces: list[bytes]
    rejected: Counter[str]

    @property
    def accepted(self) -> int:
        """Returns how many spans were taken, also those of `others` that will not be kept."""
        return len(self.batch.deliveries) + len(self.batch.spans) + len(self.others)


def sort(encoded: bytes) -> SortedSpans:
    """Sorts an export request's spans. Every attribute may be of any type.

    Args:
        encoded: an ExportTraceServiceRequest.

    Raises:
        google.protobuf.message.DecodeError: it is none.
        TooManySpans: it has more spans than may be.
        TooManyValues: it has more resources, or attributes of these, than may be.
    """
    request = trace_request(encoded)
    check_number(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)
    decoder = Decoder()
    batch = Batch()
    rejected: Counter[str] = Counter()
    others: list[WaitingSpan] = []
    held = 0
    traces: dict[bytes, None] = {}
    for resource_spans in request.resource_spans:
        sender = sender_of(decoder.attributes(resource_spans.resource.attributes))
        service = sender.service
        for scope_spans in resource_spans.scope_spans:
            scope = column(text(scope_spans.scope.name)) or ""
            ours = scope == semconv.SCOPE
            for one in scope_spans.spans:
                if len(one) > MAX_PART_BYTES:
                    rejected[f"it is larger than {MAX_PART_BYTES} bytes"] += 1
                    continue
                if len(one) > 2 * _MOST_FIELDS and has_more_fields(one, Span.DESCRIPTOR, _MOST_FIELDS):
                    rejected[f"it has more than {MAX_PARTS} attributes, events or links"] += 1
                    continue
                try:
                    span = Span.FromString(one)
                    problem = problem_of(span, len(one))
                    if problem is not None:
                        rejected[problem] += 1
                    elif ours and span.name.startswith(_WEBHOOK):
                        batch.deliveries.append(delivery_of(span, decoder, sender))
                        traces[span.trace_id] = None
                    elif ours and span.name == PROCESS:
                        batch.spans.append(record_of(span, decoder, service, scope))
                    else:
                        held += len(span.attributes) + len(span.events) + len(span.links)
                        if held > MAX_VALUES:
                            raise TooManyValues
                        others.append(WaitingSpan(span.trace_id, one, service, scope))
                except DecodeError:
                    rejected["it cannot be decoded"] += 1
                except TooManyValues:
                    rejected[f"the request holds more than {MAX_VALUES} values: send smaller batches"] += 1
    return SortedSpans(batch, others, list(traces), rejected)
