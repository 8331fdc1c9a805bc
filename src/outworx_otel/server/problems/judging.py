"""What a delivery means for its endpoint: whether it went well, and which problem it belongs to where it did not.

Strangers send to webhooks too. What they can bring about from outside (a signature that does not fit, a path that
nothing serves) is a problem only where the delivery was proved to be the provider's.
"""

from __future__ import annotations

import enum
import functools
import hashlib
from typing import Any, Final, NamedTuple

from outworx_otel.server.attributes import whole
from outworx_otel.server.failures import place_of
from outworx_otel.server.genuine import is_genuine
from outworx_otel.server.model import NOT_CALLED, SpanRecord, StoredDelivery, Summary
from outworx_otel.server.proof import MAX_SECRETS, SignatureKind
from outworx_otel.telemetry import semconv

MISMATCHES: Final = 5
"""So many well-formed deliveries in a row whose signature did not fit, at an endpoint that used to verify, are not
strangers any more: its secret is wrong."""

_MAX_TEXT: Final = 200
_MAX_MESSAGE: Final = 300
_HANDLER: Final = frozenset({"refused", "failed", "silent_drop", "error"})
_BEFORE_THE_HANDLER: Final = frozenset({"unrouted", "redirected", "turned_away"})
# The endpoint's own fault, whoever sent the delivery.
_UNABLE: Final = frozenset(
    {"hmac_mismatch", "credentials_mismatch", "missing_secret", "unsupported_provider", "key_unavailable"}
)
_MAX_STACK: Final = 256 * 1024


class Kind(enum.IntEnum):
    """What a delivery says of its endpoint.

    NOTHING: anyone may have sent it. GOOD: handled. BAD: a problem, and a failure. MISMATCH: a problem where too many
    come in a row. UNPROTECTED: handled, and a problem. DEFERRED: not known yet. DUPLICATE: an earlier one counts.
    """

    NOTHING = 0
    GOOD = 1
    BAD = 2
    MISMATCH = 3
    UNPROTECTED = 4
    DEFERRED = 5
    DUPLICATE = 6


class EndpointKey(NamedTuple):
    """Where deliveries go. Where there is no route the path stands for it. Empty is none."""

    service: str
    environment: str
    provider: str
    route: str


class Fingerprint(NamedTuple):
    """What two deliveries of one problem have in common. Empty is none; the place is that in the application."""

    endpoint: EndpointKey
    outcome: str
    reason: str = ""
    cause: str = ""
    exception_type: str = ""
    code_function: str = ""
    code_file: str = ""

    @property
    def digest(self) -> bytes:
        """It, in 16 bytes."""
        return digest_of(*self.endpoint, *self[1:])


class Judged(NamedTuple):
    """What a delivery means.

    Args:
        at_ns: when it came, in Unix nanoseconds, never later than it arrived.
        verified: whether its signature was found valid; None where it was not looked at.
        guessed: its provider was taken from its headers, at an endpoint that nobody configured.
        event_id: the provider's; None where it has none.
        delivery: its id.
        kind_of_signature: what its valid signature proves; None where it is not said.
        secret: which of the endpoint's secrets matched, and how many there are; None where there is one.
    """

    kind: Kind
    endpoint: EndpointKey
    at_ns: int
    outcome: str
    verified: bool | None
    guessed: bool
    event_id: str | None
    delivery: str
    fingerprint: Fingerprint | None = None
    version: str = ""
    message: str = ""
    kind_of_signature: SignatureKind | None = None
    secret: tuple[int, int] | None = None


class Arrived(NamedTuple):
    """A delivery that was not there before. `linked` is its trace and span, as its `process` span names it."""

    judged: Judged
    facet: int
    event_hash: int | None
    linked: str


class Ended(NamedTuple):
    """How the deferred work of a delivery ended: its `process` span."""

    linked: str
    at_ns: int
    outcome: str
    cause: str
    exception_type: str
    code_function: str
    code_file: str
    message: str


_KINDS: Final = {
    "accepted": Kind.GOOD,
    "unprotected": Kind.UNPROTECTED,
    "deferred": Kind.DEFERRED,
    "replayed": Kind.DUPLICATE,
    "in_flight": Kind.DUPLICATE,
    "handshake": Kind.NOTHING,
}


def judge(delivery: StoredDelivery, at_ns: int) -> Judged:
    """What a delivery means for its endpoint.

    Args:
        at_ns: when it came, in Unix nanoseconds.
    """
    kind, valid = _kind(delivery), delivery.signature_valid
    guessed = delivery.attributes.get(semconv.DETECTED) is True
    route = delivery.route
    if not route and delivery.source == "otlp" and (valid is True or not guessed):
        route = delivery.path
    endpoint = _endpoint_of(delivery.service, delivery.environment, delivery.provider, route)
    judged = Judged(
        *(kind, endpoint, at_ns, delivery.outcome, valid, guessed, delivery.event_id, delivery.id),
        kind_of_signature=_kind_of_signature(delivery) if valid else None,
        secret=_secret(delivery) if valid else None,
    )
    if kind not in (Kind.BAD, Kind.MISMATCH, Kind.UNPROTECTED):
        return judged
    return judged._replace(
        fingerprint=_fingerprint(delivery, endpoint),
        version=_text(delivery.resource.get("service.version")),
        message=_message(delivery),
    )


def judge_process(span: SpanRecord) -> Ended | None:
    """What a `process` span says of the delivery that it is linked to; None of any other span."""
    if span.scope != semconv.SCOPE or span.name != "process" or not span.links:
        return None
    status, link = span.attributes.get(semconv.PROCESSING_STATUS), span.links[0]
    outcome = str(status) if status in ("failed", "silent_drop") else "error" if span.error else "accepted"
    raised = next((event for event in reversed(span.events) if event.name == semconv.EXCEPTION_EVENT), None)
    told = {} if raised is None else raised.attributes
    place = place_of(_text(told.get(semconv.EXCEPTION_STACKTRACE), _MAX_STACK))
    kind, cause, function, file = (
        _text(span.attributes.get(name))
        for name in (
            *(semconv.EXCEPTION_TYPE, semconv.SILENT_DROP_CAUSE, semconv.CODE_FUNCTION, semconv.CODE_FILE),
        )
    )
    return Ended(
        link.trace_id + link.span_id,
        span.time_ns + span.duration_ns,
        outcome,
        cause=cause if outcome == "silent_drop" else "",
        exception_type=_text(told.get(semconv.EXCEPTION_TYPE)) or kind,
        code_function=_text(place.function) or function,
        code_file=_text(place.file) or file,
        message=_text(span.status_message, _MAX_MESSAGE),
    )


def event_number(endpoint: EndpointKey, event_id: str | None, delivery: str) -> int:
    """63 bits that tell a provider's event from others of the service; without an id each delivery is its own."""
    of_whom = (*endpoint[:3], event_id) if event_id is not None else ("", "", "", "", delivery)
    return int.from_bytes(digest_of(*of_whom)[:8], "big") >> 1


def event_of(delivery: Summary) -> int:
    """The number of the event that a delivery is of."""
    service, environment, provider = map(_text, (delivery.service, delivery.environment, delivery.provider))
    return event_number(EndpointKey(service, environment, provider, ""), delivery.event_id, delivery.id)


def digest_of(*texts: str) -> bytes:
    """16 bytes of a hash of texts, none of which holds a NUL."""
    return hashlib.blake2b("\0".join(texts).encode("utf-8", "replace"), digest_size=16).digest()


@functools.lru_cache(maxsize=1024)
def service_of(service: str | None, environment: str | None) -> tuple[str, str]:
    """A service and its environment as its endpoints and its clock have them."""
    return _text(service), _text(environment)


@functools.lru_cache(maxsize=1024)
def _endpoint_of(*parts: str | None) -> EndpointKey:
    return EndpointKey(*map(_text, parts))


def _kind(delivery: StoredDelivery) -> Kind:
    outcome, valid = delivery.outcome, delivery.signature_valid
    kind = _KINDS.get(outcome)
    if kind is not None:
        # An endpoint that lets invalid signatures in: whoever sent it, it proves nothing.
        return Kind.NOTHING if valid is False else kind
    if outcome in _HANDLER:
        return Kind.NOTHING if valid is False and outcome == "refused" else Kind.BAD
    if outcome in _BEFORE_THE_HANDLER:
        return Kind.BAD if valid is True else Kind.NOTHING
    if is_genuine(delivery):
        return Kind.BAD
    return Kind.MISMATCH if delivery.reason in _UNABLE else Kind.NOTHING


def _kind_of_signature(delivery: StoredDelivery) -> SignatureKind | None:
    kind = delivery.attributes.get(semconv.SIGNATURE_KIND)
    return "verified" if kind == "verified" else "authenticated" if kind == "authenticated" else None


def _secret(delivery: StoredDelivery) -> tuple[int, int] | None:
    """Which of the endpoint's secrets matched, and how many there are."""
    count = whole(delivery.attributes, semconv.SIGNATURE_KEY_COUNT)
    if count is None:
        return None
    index = whole(delivery.attributes, semconv.SIGNATURE_KEY_INDEX)
    if index is None or not 0 <= index < count or not 1 < count <= MAX_SECRETS:
        return None
    return index, count


def _fingerprint(delivery: StoredDelivery, endpoint: EndpointKey) -> Fingerprint:
    attributes, outcome = delivery.attributes, delivery.outcome
    if outcome == "rejected":
        reason = delivery.reason or attributes.get(semconv.ERROR_TYPE)
        return Fingerprint(endpoint, outcome, reason=_text(reason))
    if outcome not in _HANDLER:
        return Fingerprint(endpoint, outcome, cause=NOT_CALLED if delivery.idempotency == NOT_CALLED else "")
    return Fingerprint(
        endpoint,
        outcome,
        cause=_text(delivery.cause) if outcome == "silent_drop" else "",
        exception_type=_text(delivery.exception_type),
        code_function=_text(delivery.code_function),
        code_file=_text(delivery.code_file),
    )


def _message(delivery: StoredDelivery) -> str:
    """The last words on it: what the handler, the exception or the diagnosis said."""
    hint = delivery.attributes.get(semconv.SIGNATURE_HINT)
    found: list[Any] = [hint if delivery.outcome == "rejected" else None, delivery.failure]
    if delivery.outcome in _BEFORE_THE_HANDLER or delivery.outcome == "refused":
        found.append(f"{delivery.method} {delivery.path or ''} was answered {delivery.status}")
    return next((_text(text, _MAX_MESSAGE) for text in found if isinstance(text, str) and text), "")


def _text(value: object, limit: int = _MAX_TEXT) -> str:
    if not isinstance(value, str):
        return ""
    if len(value) <= limit and value.isascii() and "\0" not in value:
        return value
    return value[:limit].replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode()
