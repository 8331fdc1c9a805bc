"""A delivery as JSON: the attributes' names without `outworx.webhook.`."""

from __future__ import annotations

import base64
import datetime
import math
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, Literal

import msgspec

from outworx_otel.server.described import ListedDelivery, Time, says
from outworx_otel.server.explaining.verdict import DeliveryVerdict, verdict_of
from outworx_otel.server.explaining.whys import why_of
from outworx_otel.server.fields import FIELDS, Kind
from outworx_otel.server.model import SpanEvent, SpanLink, SpanRecord, StoredDelivery, Summary
from outworx_otel.telemetry import error_message, semconv

_PREFIX: Final = "outworx.webhook."
# What JSON readers hold: beyond it a number goes as text.
_MIN_INT: Final = -(2**63)
_MAX_INT: Final = 2**64 - 1
_MAX_DEPTH: Final = 32


class EventDocument(msgspec.Struct, frozen=True):
    """Something that happened during a span, such as an exception."""

    name: str
    time: Time
    attributes: dict[str, Any]


class LinkDocument(msgspec.Struct, frozen=True):
    """Another span that this one belongs to: the first run of a duplicate, the delivery of deferred work."""

    trace_id: str
    span_id: str
    attributes: dict[str, Any]


class SpanDocument(msgspec.Struct, frozen=True, kw_only=True, rename={"service": "service.name"}):
    """A span that is no delivery."""

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    kind: str
    time: Time
    duration: Annotated[float, says("Seconds.", minimum=0)]
    service: str
    scope: str
    error: bool
    status_message: str
    attributes: dict[str, Any]
    events: list[EventDocument]
    links: list[LinkDocument]


class WholeDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of one delivery beside its summary, its verdict and its attributes."""

    source: Annotated[Literal["otlp", "events"], says("How it was reported.")]
    parent_span_id: str
    status_message: str
    error_message: Annotated[
        str | None,
        says("What went wrong: the status message, and each exception that decided something."),
    ]
    resource: dict[str, Any]
    events: list[EventDocument]
    links: list[LinkDocument]
    spans: Annotated[list[SpanDocument], says("Of the same trace.")]
    deferred: Annotated[list[SpanDocument], says("Work that went on after the answer.")]
    same_event: Annotated[list[ListedDelivery], says("All deliveries of the same event, oldest first.")]


class DeliveryTruth(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a delivery's event and of its sender."""

    unhandled: Annotated[bool, says("Whether the event went wrong and was not handled since.")]
    genuine: Annotated[
        bool | None,
        says(
            "Whether the provider was proved to be the sender: by its signature, or by the diagnosis of"
            " a rejection. null where the endpoint does not verify."
        ),
    ]


def summary_document(delivery: Summary) -> dict[str, Any]:
    """Returns a delivery as lists show it, with why it ended as it did; unknown fields are left out."""
    document: dict[str, Any] = {}
    for name, json, kind in _SHOWN:
        value = getattr(delivery, name)
        if value is not None:
            document[json] = _WRITTEN[kind](value) if kind in _WRITTEN else value
    document["why"] = why_of(delivery).text
    return document


def delivery_document(
    delivery: StoredDelivery,
    *,
    spans: Iterable[SpanRecord],
    deferred: Iterable[SpanRecord],
    same_event: Iterable[Summary],
    truth: DeliveryTruth,
) -> dict[str, Any]:
    """Returns everything about one delivery.

    Args:
        delivery: the delivery. An attribute that a sender has named like one of our own fields does not replace it.
        spans: of the same trace.
        deferred: of work that went on after the answer.
        same_event: other deliveries of the same event, and this one.
        truth: what is known of its event and its sender.
    """
    others = list(same_event)
    whole = WholeDelivery(
        source=delivery.source,
        parent_span_id=delivery.parent_span_id,
        status_message=delivery.status_message,
        error_message=error_message_of(delivery),
        resource=attributes_document(delivery.resource),
        events=[_event(event) for event in delivery.events],
        links=[_link(link) for link in delivery.links],
        spans=[_span(span) for span in spans],
        deferred=[_span(span) for span in deferred],
        same_event=[summary_document(other) for other in others],
    )
    return flat_document(delivery, verdict_of(delivery, others), whole, truth)


def flat_document(
    delivery: StoredDelivery, *more: DeliveryVerdict | WholeDelivery | DeliveryTruth
) -> dict[str, Any]:
    """Returns a delivery with its attributes beside our own fields, which they cannot replace."""
    document = summary_document(delivery)
    for part in more:
        document |= msgspec.to_builtins(part)
    for name, value in delivery.attributes.items():
        document.setdefault(name.removeprefix(_PREFIX), jsonable(value))
    return document


def error_message_of(delivery: StoredDelivery) -> str | None:
    """Returns what went wrong, for the older batch's field of this name: the status, and each exception."""
    raised = (event.attributes for event in delivery.events if event.name == semconv.EXCEPTION_EVENT)
    return error_message(
        delivery.status_message,
        [
            (str(found.get(semconv.EXCEPTION_TYPE, "")), str(found.get(semconv.EXCEPTION_MESSAGE, "")))
            for found in raised
        ],
    )


def attributes_document(attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes by their own names."""
    return {name: jsonable(value) for name, value in attributes.items()}


def jsonable(value: Any, depth: int = 0) -> Any:
    """Returns a value as JSON can hold it: NaN and infinity by name as in OTLP, bytes in base64."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if _MIN_INT <= value <= _MAX_INT else str(value)
    if isinstance(value, float):
        return finite(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if depth >= _MAX_DEPTH:
        return "..."
    if isinstance(value, dict):
        return {str(name): jsonable(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item, depth + 1) for item in value]
    return str(value)


def finite(number: float) -> float | str:
    """The number, or `NaN`, `Infinity` or `-Infinity` as OTLP's JSON spells them."""
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def iso_time(time_ns: int) -> str:
    """UTC, to the millisecond."""
    moment = datetime.datetime.fromtimestamp(time_ns // 1_000_000 / 1000, datetime.timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_time_if_any(time_ns: int | None) -> str | None:
    """The same of a time that may not be known."""
    return None if time_ns is None else iso_time(time_ns)


_SHOWN: Final = tuple((field.name, field.json, field.kind) for field in FIELDS)
_WRITTEN: Final[dict[Kind, Callable[[int], Any]]] = {
    "time": iso_time,
    "seconds": lambda nanoseconds: nanoseconds / 1e9,
}


def _span(span: SpanRecord) -> SpanDocument:
    return SpanDocument(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        name=span.name,
        kind=span.kind,
        time=iso_time(span.time_ns),
        duration=span.duration_ns / 1e9,
        service=span.service,
        scope=span.scope,
        error=span.error,
        status_message=span.status_message,
        attributes=attributes_document(span.attributes),
        events=[_event(event) for event in span.events],
        links=[_link(link) for link in span.links],
    )


def _event(event: SpanEvent) -> EventDocument:
    return EventDocument(event.name, iso_time(event.time_ns), attributes_document(event.attributes))


def _link(link: SpanLink) -> LinkDocument:
    return LinkDocument(link.trace_id, link.span_id, attributes_document(link.attributes))
