"""The one table of a delivery's fields.

Ingest, columns, filters, lists, CSV and OpenAPI are derived from it. A new field is a row here, a field of
`model.Summary`, its place on a page, and a migration where it is a column.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from outworx_otel.telemetry import semconv

Kind = Literal["text", "whole", "flag", "time", "seconds"]
"""text, a 64-bit integer, true or false, nanoseconds since 1970, and nanoseconds that took (JSON: seconds)."""

ENVIRONMENT: Final = "deployment.environment.name"
_PREFIX: Final = "outworx.webhook."
_SHORT: Final = 64
_ASKED_FOR: Final = 200
_TEXT: Final = 512


class Field(NamedTuple):
    """One field.

    Args:
        name: of `model.Summary`, its column, and the query parameter where it is a filter.
        json: its name in JSON and CSV; an attribute's is that without `outworx.webhook.`.
        label: what a page calls it.
        says: what it is, for OpenAPI.
        kind: of its value.
        attribute: the span's attribute that it is, None where it comes from elsewhere.
        filtered: whether a query parameter asks for one value of it.
        faceted: whether it is kept once for all deliveries that have the same combination.
        always: whether every delivery has it.
        searched: whether a part of it is found by a search.
        longest: characters that are kept of a text.
    """

    name: str
    json: str
    label: str
    says: str
    kind: Kind = "text"
    attribute: str | None = None
    filtered: bool = False
    faceted: bool = False
    always: bool = False
    searched: bool = False
    longest: int = _TEXT


def _attribute(name: str, attribute: str, label: str, says: str, kind: Kind = "text", **more: bool) -> Field:
    longest = _ASKED_FOR if more.get("filtered") else _TEXT
    return Field(name, attribute.removeprefix(_PREFIX), label, says, kind, attribute, longest=longest, **more)


FIELDS: Final[tuple[Field, ...]] = (
    Field(
        "id",
        "id",
        "Delivery",
        "The right half of the trace id, and the span id.",
        always=True,
        longest=_ASKED_FOR,
    ),
    Field(
        "time_ns",
        "time",
        "Time",
        "When it began, by the sender's clock; by ours where that is absurd.",
        "time",
        always=True,
    ),
    Field("duration_ns", "duration", "Took", "Seconds until the answer's last byte.", "seconds", always=True),
    _attribute(
        *("outcome", semconv.OUTCOME, "Outcome", "What became of it."),
        filtered=True,
        faceted=True,
        always=True,
    ),
    _attribute(
        *("provider", semconv.PROVIDER, "Provider", "Who sent it."), filtered=True, faceted=True, always=True
    ),
    _attribute(
        *("event_type", semconv.EVENT_TYPE, "Event type", "What happened at the provider."),
        filtered=True,
        searched=True,
    ),
    _attribute("event_id", semconv.EVENT_ID, "Event", "The provider's id of the event."),
    _attribute("method", semconv.HTTP_METHOD, "Method", "The request's method.", always=True)._replace(
        longest=_SHORT
    ),
    _attribute(
        *("route", semconv.HTTP_ROUTE, "Endpoint", "The route that took it."),
        filtered=True,
        faceted=True,
        searched=True,
    ),
    _attribute("path", semconv.URL_PATH, "Path", "The request's path.", searched=True),
    _attribute("status", semconv.HTTP_STATUS, "Status", "The status of the answer.", "whole"),
    _attribute(
        "signature_valid",
        semconv.SIGNATURE_VALID,
        "Valid",
        "Whether the signature fits; missing where none was checked.",
        "flag",
    ),
    _attribute(
        *("reason", semconv.SIGNATURE_REASON, "Signature", "Why the signature does not fit."),
        filtered=True,
        faceted=True,
    ),
    _attribute(
        *(
            "idempotency",
            semconv.IDEMPOTENCY_OUTCOME,
            "Idempotency",
            "What its key came to; `not_called`: the handler never came to its `track.once()`.",
        ),
        filtered=True,
        faceted=True,
    ),
    _attribute("idempotency_key", semconv.IDEMPOTENCY_KEY, "Key", "A hash of its key."),
    _attribute("processing", semconv.PROCESSING_STATUS, "Mark", "What the handler said of it."),
    _attribute(
        *("cause", semconv.SILENT_DROP_CAUSE, "Drop cause", "The proved cause of a silent drop."),
        filtered=True,
        faceted=True,
    ),
    Field(
        "failure",
        "failure",
        "Why",
        "Why it failed, in the application's words: the exception, or what the handler said.",
        searched=True,
    ),
    _attribute(
        "exception_type",
        semconv.EXCEPTION_TYPE,
        "Exception",
        "The type of the exception that decided it.",
        searched=True,
    ),
    Field(
        "code_function",
        semconv.CODE_FUNCTION,
        "Function",
        "Where in the application it failed: the function.",
    ),
    Field("code_file", semconv.CODE_FILE, "File", "Where in the application it failed: the file."),
    _attribute("body_size", semconv.HTTP_BODY_SIZE, "Size", "Bytes of the request's body.", "whole"),
    Field(
        "service",
        "service.name",
        "Service",
        "The application that took it.",
        filtered=True,
        faceted=True,
        always=True,
        longest=_ASKED_FOR,
    ),
    Field(
        "environment",
        ENVIRONMENT,
        "Environment",
        "The deployment of the application.",
        filtered=True,
        faceted=True,
        longest=_ASKED_FOR,
    ),
    Field(
        "arrived_ns",
        "arrived",
        "Arrived",
        "When the report of it came in here; missing in what an older server took.",
        "time",
    ),
    Field("trace_id", "trace_id", "Trace", "In hexadecimal.", always=True, longest=_SHORT),
    Field("span_id", "span_id", "Span", "In hexadecimal.", always=True, longest=_SHORT),
)
"""All of a summary, in the order of CSV's columns."""

BY_NAME: Final[dict[str, Field]] = {field.name: field for field in FIELDS}
FILTERED: Final[tuple[str, ...]] = tuple(field.name for field in FIELDS if field.filtered)
SEARCHED: Final[tuple[str, ...]] = tuple(field.name for field in FIELDS if field.searched)
# By the alphabet: a facet's digest is made in this order, whatever the order of the table.
FACETED: Final[tuple[str, ...]] = tuple(sorted(field.name for field in FIELDS if field.faceted))
IN_ROW: Final[tuple[str, ...]] = tuple(field.name for field in FIELDS if not field.faceted)
ATTRIBUTES: Final[dict[str, Field]] = {field.attribute: field for field in FIELDS if field.attribute}
"""The fields that a span's attribute is, by the attribute."""
