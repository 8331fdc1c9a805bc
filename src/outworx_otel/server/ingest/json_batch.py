"""Turns the published SDK's JSON batch into deliveries with OTLP's attribute names."""

from __future__ import annotations

import datetime
import hashlib
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from outworx_otel.http.body import UNREADABLE
from outworx_otel.server.documents import finite
from outworx_otel.server.ingest import loose_json
from outworx_otel.server.ingest.outcome import outcome_of
from outworx_otel.server.ingest.values import columns, fields_of
from outworx_otel.server.model import Attributes, StoredDelivery
from outworx_otel.telemetry import semconv
from outworx_otel.telemetry.outcomes import Outcome

MAX_EVENTS: Final = 10_000
_MAX_DURATION_MS: Final = 7 * 86_400_000.0
_MAX_ENTRIES: Final = 128
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_LATEST: Final = datetime.datetime(2262, 1, 1, tzinfo=datetime.timezone.utc)
_HEADER: Final = semconv.HTTP_REQUEST_HEADER_PREFIX


class BatchEvent(msgspec.Struct, kw_only=True):
    """One delivery of a batch; unknown fields are ignored."""

    provider: str
    status_code: Annotated[int, msgspec.Meta(ge=100, le=999)]
    timestamp: Annotated[datetime.datetime, msgspec.Meta(tz=True)]
    success: bool | None = None
    duration_ms: Annotated[float, msgspec.Meta(ge=0, le=_MAX_DURATION_MS)] = 0.0
    payload_size: Annotated[int, msgspec.Meta(ge=0)] | None = None
    event_type: str | None = None
    request_headers: dict[str, Any] | None = None
    request_body: Any = None
    response_body: Any = None
    signature_valid: bool | None = None
    error_message: str | None = None
    metadata: dict[str, Any] | None = None
    source_url: str | None = None
    method: str | None = None


class UnusableEvent(msgspec.Struct, frozen=True):
    """An event of a batch that was not kept, by its position, and why."""

    index: int
    error: str


class DecodedEvents(NamedTuple):
    """The deliveries of a batch, and what could not be used."""

    deliveries: list[StoredDelivery]
    unusable: list[UnusableEvent]


class _EventBatch(msgspec.Struct):
    events: list[msgspec.Raw]


_batch: Final = msgspec.json.Decoder(_EventBatch)
_event: Final = msgspec.json.Decoder(BatchEvent)
_OPTIONAL: Final = {
    field.name: field.type for field in msgspec.structs.fields(BatchEvent) if not field.required
}


def deliveries_of(body: bytes) -> DecodedEvents:
    """Returns the deliveries of a batch. An unusable event is left out; the others are kept.

    An event is unusable without provider, status and time. What else cannot be used is left out of it.

    Raises:
        ValueError: no JSON, no list of `events`, or more than `MAX_EVENTS`.
        TooManyParts: more than may be read.
    """
    loose_json.check_parts(body)
    events = _events(body)
    if len(events) > MAX_EVENTS:
        raise ValueError(f"a batch may have {MAX_EVENTS} events, not {len(events)}: send smaller ones")
    # A batch that is sent again, because its answer was lost, has the same bytes and makes the same deliveries.
    digest = hashlib.sha256(body)
    found = DecodedEvents([], [])
    for index, sent in enumerate(events):
        try:
            event = _read(sent)
            _check(event)
        except ValueError as error:
            found.unusable.append(UnusableEvent(index, str(error)[:300]))
        else:
            numbered = digest.copy()
            numbered.update(b"\n%d" % index)
            found.deliveries.append(_delivery(event, numbered.hexdigest()[:32]))
    return found


def _events(body: bytes) -> list[Any]:
    """Each still to be read, or, where the batch is no JSON that everybody reads, as it was read."""
    try:
        return list(_batch.decode(body).events)
    except UNREADABLE:
        document = loose_json.read(body)
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        raise ValueError("it has no list of events")
    return events


def _read(sent: Any) -> BatchEvent:
    if isinstance(sent, msgspec.Raw):
        try:
            return _event.decode(sent)
        except UNREADABLE:
            sent = loose_json.read(bytes(sent))
    event = loose_json.cleaned(sent)
    if isinstance(event, dict):
        event = {name: value for name, value in event.items() if _is_usable(name, value)}
    return loose_json.converted(event, _event)


def _is_usable(name: str, value: Any) -> bool:
    """Whether a field that may be missing has a value that it can have; the others are looked at together."""
    kind = _OPTIONAL.get(name)
    if kind is None:
        return True
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _check(event: BatchEvent) -> None:
    if not event.provider:
        raise ValueError("provider is empty")
    if not _EPOCH < event.timestamp < _LATEST:
        raise ValueError("timestamp is before 1970 or after 2261")


def _delivery(event: BatchEvent, id: str) -> StoredDelivery:
    attributes = _attributes(event)
    since = event.timestamp - _EPOCH
    time_ns = ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000
    return StoredDelivery(
        **fields_of(columns(attributes)),
        id=id,
        source="events",
        time_ns=time_ns,
        duration_ns=round(event.duration_ms * 1e6),
        outcome=_outcome(event, attributes),
        status_message=event.error_message or "",
        attributes=attributes,
    )


def _attributes(event: BatchEvent) -> Attributes:
    """Under the names that a span has for the same."""
    attributes: Attributes = {
        semconv.PROVIDER: event.provider,
        semconv.HTTP_METHOD: event.method or "POST",
        semconv.HTTP_STATUS: event.status_code,
        semconv.HTTP_BODY_SIZE: event.payload_size,
        semconv.EVENT_TYPE: event.event_type,
        semconv.SIGNATURE_VALID: event.signature_valid,
        semconv.REQUEST_BODY: _text(event.request_body),
        semconv.RESPONSE_BODY: _text(event.response_body),
        semconv.PROCESSING_REASON: event.error_message,
    }
    if event.source_url is not None:
        attributes[semconv.URL_PATH] = _path(event.source_url)
        attributes["url.full"] = event.source_url
    for name, value in _first(event.request_headers):
        attributes[f"{_HEADER}{name.lower()}"] = [value if isinstance(value, str) else _text(value)]
    for name, value in _first(event.metadata):
        attributes[f"{semconv.METADATA_PREFIX}{name}"] = _plain(value)
    if event.metadata is not None and event.metadata.get("duplicate") is True:
        # How that SDK says that it gave back the answer of the first delivery.
        attributes[semconv.IDEMPOTENCY_OUTCOME] = "replayed"
    return {name: value for name, value in attributes.items() if value is not None}


def _outcome(event: BatchEvent, attributes: Attributes) -> Outcome:
    outcome = outcome_of(attributes)
    if outcome == "refused" and event.signature_valid is False and event.status_code == 401:
        return "rejected"
    # It answered well and says that it did not succeed: how our own batches tell of a failed mark.
    return "failed" if outcome == "accepted" and event.success is False else outcome


def _first(entries: dict[str, Any] | None) -> list[tuple[str, Any]]:
    return [] if entries is None else list(entries.items())[:_MAX_ENTRIES]


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return finite(value)
    # JSON's integers have any size, msgpack's and OTLP's 64 bits.
    if isinstance(value, bool | str) or (isinstance(value, int) and -(2**63) <= value < 2**63):
        return value
    return None if value is None else _text(value)


def _text(value: Any) -> str | None:
    """Bodies are text; some senders give the JSON itself."""
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode() if not isinstance(value, int) else str(value)


def _path(url: str) -> str:
    try:
        return urlsplit(url).path or "/"
    except ValueError:
        return url
