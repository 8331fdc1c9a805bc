"""OTLP export requests → what the store keeps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from outworx_otel import semconv
from outworx_otel.server.ingest.outcome import outcome_of
from outworx_otel.server.model import Attributes, Batch, Delivery


def batch_of(request: ExportTraceServiceRequest) -> Batch:
    """The deliveries among the spans."""
    batch = Batch()
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            if scope_spans.scope.name == semconv.SCOPE:
                batch.deliveries.extend(_delivery(span, resource) for span in scope_spans.spans)
    return batch


def _delivery(span: Span, resource: Attributes) -> Delivery:
    attributes = _attributes(span.attributes)
    trace_id, span_id = span.trace_id.hex(), span.span_id.hex()
    return Delivery(
        id=trace_id[:16] + span_id,
        time_ns=span.start_time_unix_nano,
        duration_ns=max(span.end_time_unix_nano - span.start_time_unix_nano, 0),
        provider=attributes.get(semconv.PROVIDER, "unknown"),
        outcome=outcome_of(attributes),
        trace_id=trace_id,
        span_id=span_id,
        service=resource.get("service.name", ""),
        method=attributes.get(semconv.HTTP_METHOD, "POST"),
        path=attributes.get(semconv.URL_PATH),
        route=attributes.get(semconv.HTTP_ROUTE),
        status=attributes.get(semconv.HTTP_STATUS),
        event_type=attributes.get(semconv.EVENT_TYPE),
        event_id=attributes.get(semconv.EVENT_ID),
        signature_valid=attributes.get(semconv.SIGNATURE_VALID),
        reason=attributes.get(semconv.SIGNATURE_REASON),
        idempotency=attributes.get(semconv.IDEMPOTENCY_OUTCOME),
        idempotency_key=attributes.get(semconv.IDEMPOTENCY_KEY),
        processing=attributes.get(semconv.PROCESSING_STATUS),
        cause=attributes.get(semconv.SILENT_DROP_CAUSE),
        body_size=attributes.get(semconv.HTTP_BODY_SIZE),
        parent_span_id=span.parent_span_id.hex(),
        status_message=span.status.message,
        attributes=attributes,
        resource=resource,
    )


def _attributes(pairs: Iterable[KeyValue]) -> Attributes:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return None if kind is None else getattr(value, kind)
