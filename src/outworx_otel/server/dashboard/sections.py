"""Extracts what the page of a delivery shows from its span's attributes and events."""

from __future__ import annotations

from typing import Final, NamedTuple

from outworx_otel.server.attributes import flag, seconds, text, whole
from outworx_otel.server.dashboard.bodies import ShownBody, body_of
from outworx_otel.server.failures import CodePlace, place_of
from outworx_otel.server.fields import ATTRIBUTES
from outworx_otel.server.formatting import plain
from outworx_otel.server.model import Attributes, SpanEvent, SpanRecord, StoredDelivery
from outworx_otel.telemetry import semconv
from outworx_otel.telemetry.redaction import REDACTED

_OURS: Final = "outworx.webhook."
_SHOWN_ELSEWHERE: Final = frozenset(
    {
        *ATTRIBUTES,
        semconv.CLOUDEVENTS_TYPE,
        semconv.CLOUDEVENTS_ID,
        semconv.SIGNATURE_KIND,
        semconv.SIGNATURE_HINT,
        semconv.SIGNATURE_KEY_INDEX,
        semconv.SIGNATURE_KEY_COUNT,
        semconv.SIGNATURE_AGE,
        semconv.IDEMPOTENCY_COMMITTED,
        semconv.IDEMPOTENCY_BODY_OMITTED,
        semconv.IDEMPOTENCY_FINGERPRINT_MISMATCH,
        semconv.PROCESSING_REASON,
        semconv.PROCESSING_MARKED_AT,
        semconv.CODE_FILE,
        semconv.CODE_LINE,
        semconv.CODE_FUNCTION,
        semconv.REQUEST_BODY,
        semconv.RESPONSE_BODY,
        semconv.HEADERS_OMITTED,
        semconv.METADATA_OMITTED,
    }
)


class Header(NamedTuple):
    """One header as it was captured."""

    name: str
    value: str
    redacted: bool


class DropCause(NamedTuple):
    """One cause of a silent drop, and the line of code that it points at."""

    cause: str
    place: str
    function: str
    exception: str
    detail: str


class RecordedException(NamedTuple):
    """An exception that was recorded."""

    type: str
    message: str
    stack: str
    place: CodePlace


class Sections(NamedTuple):
    """All that is known beyond the summary."""

    signature_hint: str | None
    signature_kind: str | None
    key_index: int | None
    key_count: int | None
    signature_age: float | None
    committed: bool | None
    rolled_back: str
    body_omitted: bool
    fingerprint_mismatch: bool
    reason: str | None
    findings: list[DropCause]
    exceptions: list[RecordedException]
    headers: list[Header]
    headers_omitted: int
    metadata: list[tuple[str, str]]
    metadata_omitted: int
    request_body: ShownBody | None
    response_body: ShownBody | None
    others: list[tuple[str, str]]
    resource: list[tuple[str, str]]


def sections_of(delivery: StoredDelivery) -> Sections:
    """Reads them all."""
    attributes = delivery.attributes
    headers = headers_of(attributes)
    content_type = next((one.value for one in headers if one.name == "content-type"), "")
    return Sections(
        text(attributes, semconv.SIGNATURE_HINT),
        text(attributes, semconv.SIGNATURE_KIND),
        whole(attributes, semconv.SIGNATURE_KEY_INDEX),
        whole(attributes, semconv.SIGNATURE_KEY_COUNT),
        seconds(attributes, semconv.SIGNATURE_AGE),
        flag(attributes, semconv.IDEMPOTENCY_COMMITTED),
        _rolled_back(delivery),
        bool(flag(attributes, semconv.IDEMPOTENCY_BODY_OMITTED)),
        bool(flag(attributes, semconv.IDEMPOTENCY_FINGERPRINT_MISMATCH)),
        text(attributes, semconv.PROCESSING_REASON),
        findings_of(delivery),
        [_raised(event) for event in delivery.events if event.name == semconv.EXCEPTION_EVENT],
        headers,
        whole(attributes, semconv.HEADERS_OMITTED) or 0,
        _below(attributes, semconv.METADATA_PREFIX),
        whole(attributes, semconv.METADATA_OMITTED) or 0,
        _body(attributes, semconv.REQUEST_BODY, delivery.body_size, content_type),
        _body(attributes, semconv.RESPONSE_BODY, None, ""),
        _others(attributes),
        [(name, plain(value)) for name, value in sorted(delivery.resource.items())],
    )


def findings_of(record: StoredDelivery | SpanRecord) -> list[DropCause]:
    """The causes of a silent drop, the most telling first."""
    found = [_finding(record.attributes)] if semconv.SILENT_DROP_CAUSE in record.attributes else []
    more = (_finding(event.attributes) for event in record.events if event.name == semconv.SILENT_DROP_EVENT)
    return [*found, *more]


def _finding(attributes: Attributes) -> DropCause:
    file, line = attributes.get(semconv.CODE_FILE), attributes.get(semconv.CODE_LINE)
    place = "" if file is None else plain(file) if line is None else f"{plain(file)}:{plain(line)}"
    return DropCause(
        plain(attributes.get(semconv.SILENT_DROP_CAUSE, "")),
        place,
        plain(attributes.get(semconv.CODE_FUNCTION, "")),
        plain(attributes.get(semconv.EXCEPTION_TYPE, "")),
        plain(attributes.get(semconv.PROCESSING_REASON, "")),
    )


def _rolled_back(delivery: StoredDelivery) -> str:
    """The exception that undid the block with the event's effects; empty where none did."""
    raised = (_raised(event) for event in delivery.events if event.name == semconv.ROLLED_BACK_EVENT)
    return next((f"{one.type}: {one.message}" for one in raised), "")


def _raised(event: SpanEvent) -> RecordedException:
    names = (semconv.EXCEPTION_TYPE, semconv.EXCEPTION_MESSAGE, semconv.EXCEPTION_STACKTRACE)
    kind, message, stack = (plain(event.attributes.get(name, "")) for name in names)
    return RecordedException(kind, message, stack, place_of(stack))


def headers_of(attributes: Attributes) -> list[Header]:
    """The captured headers, by name."""
    found = ((name, plain(value)) for name, value in _below(attributes, semconv.HTTP_REQUEST_HEADER_PREFIX))
    return [Header(name, value, value == REDACTED) for name, value in found]


def _below(attributes: Attributes, prefix: str) -> list[tuple[str, str]]:
    return sorted(
        (name[len(prefix) :], plain(value)) for name, value in attributes.items() if name.startswith(prefix)
    )


def _body(attributes: Attributes, name: str, size: int | None, content_type: str) -> ShownBody | None:
    stored = text(attributes, name)
    return None if stored is None else body_of(stored, size, content_type)


def _others(attributes: Attributes) -> list[tuple[str, str]]:
    prefixes = (semconv.METADATA_PREFIX, semconv.HTTP_REQUEST_HEADER_PREFIX)
    return sorted(
        (name.removeprefix(_OURS), plain(value))
        for name, value in attributes.items()
        if name not in _SHOWN_ELSEWHERE and not name.startswith(prefixes)
    )
