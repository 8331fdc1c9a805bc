"""What the server keeps: deliveries, the other spans of their traces, and counts out of metrics."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from outworx_otel.server.proof import SecretUses, SignatureKind
from outworx_otel.telemetry.outcomes import Outcome

Attributes = dict[str, Any]
"""Text, booleans, numbers, and lists of these, by attribute name."""


NOT_CALLED: Final = "not_called"
"""What the idempotency outcome `fail_open` is where the key belongs into the application's own transaction: no store
was away."""


class SpanEvent(msgspec.Struct, frozen=True):
    """Something that happened during a span, such as an exception."""

    name: str
    time_ns: int
    attributes: Attributes = {}


class SpanLink(msgspec.Struct, frozen=True):
    """Another span that this one belongs to: the first run of a duplicate, the delivery of deferred work."""

    trace_id: str
    span_id: str
    attributes: Attributes = {}


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery as lists show it; `fields.FIELDS` says what each field is.

    `id` is derived from the span where there is one (half of the trace id, then the span id), so that a batch sent
    again is not kept twice. Times are nanoseconds, `time_ns` since 1970: where it cannot be right (before 2000, more
    than a day ahead) the store puts the time of arrival. Texts are cut at 512 characters, those that filters ask for
    at 200.
    """

    id: str
    time_ns: int
    duration_ns: int
    provider: str
    outcome: Outcome
    trace_id: str = ""
    span_id: str = ""
    service: str = ""
    method: str = "POST"
    path: str | None = None
    route: str | None = None
    status: int | None = None
    event_type: str | None = None
    event_id: str | None = None
    signature_valid: bool | None = None
    reason: str | None = None
    idempotency: str | None = None
    idempotency_key: str | None = None
    processing: str | None = None
    cause: str | None = None
    failure: str | None = None
    exception_type: str | None = None
    code_function: str | None = None
    code_file: str | None = None
    body_size: int | None = None
    environment: str | None = None
    arrived_ns: int | None = None


class StoredDelivery(Summary, frozen=True, kw_only=True, omit_defaults=True):
    """All that is known of a delivery; `attributes` are the span's, as they came.

    `reported_time_ns` is the sender's time where another one stands for it, at most 64 bits.
    """

    source: Literal["otlp", "events"] = "otlp"
    parent_span_id: str = ""
    status_message: str = ""
    attributes: Attributes = {}
    resource: Attributes = {}
    events: tuple[SpanEvent, ...] = ()
    links: tuple[SpanLink, ...] = ()
    reported_time_ns: int | None = None


class SpanRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A span that is no delivery: of the same trace, or `process`, which belongs to a delivery by its link."""

    trace_id: str
    span_id: str
    name: str
    time_ns: int
    duration_ns: int
    parent_span_id: str = ""
    kind: str = "internal"
    service: str = ""
    scope: str = ""
    error: bool = False
    status_message: str = ""
    attributes: Attributes = {}
    events: tuple[SpanEvent, ...] = ()
    links: tuple[SpanLink, ...] = ()


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries a metric counted in a time, whether or not each has a span here."""

    time_ns: int
    provider: str
    outcome: str
    value: float
    service: str = ""
    environment: str | None = None
    route: str | None = None
    reason: str | None = None


class Batch(msgspec.Struct, kw_only=True):
    """What one request brought; it is written as a whole or not at all. `size` is its bytes on the wire."""

    deliveries: list[StoredDelivery] = []
    spans: list[SpanRecord] = []
    counts: list[Count] = []
    size: int = 0


RAN: Final[tuple[Outcome, ...]] = ("accepted", "unprotected", "deferred")
"""The outcomes of what ran, and was handled or may yet be."""

Wanted = str | tuple[str, ...] | None
"""One value, any of several, or whatever there is."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries; None is any. `since` (included) and `until` (not) are Unix nanoseconds.

    `search` is a delivery's id or at least the first 4 characters of one, an event id, a trace id or an idempotency
    key; or a part of an event type, of an endpoint, or of a path, an exception's type or the reason of a failure; or,
    where none of these holds it or `body:` stands before it, of a stored body.
    `problem` is the number of the problem that a delivery belongs to. `unverified` is what ran without a signature
    being looked at. Of providers, routes and services together the
    store tells some thousand combinations apart; what is beyond that is found as `_OTHER`.
    """

    provider: Wanted = None
    event_type: Wanted = None
    route: Wanted = None
    outcome: Wanted = None
    reason: Wanted = None
    cause: Wanted = None
    idempotency: Wanted = None
    service: Wanted = None
    environment: Wanted = None
    since: int | None = None
    until: int | None = None
    search: str | None = None
    problem: int | None = None
    unverified: bool = False

    def any_of(self, name: str) -> tuple[str, ...]:
        """Returns the values of which a field may have any; none where it does not matter."""
        value = getattr(self, name)
        if value is None:
            return ()
        return (value,) if isinstance(value, str) else value


class Page(msgspec.Struct, frozen=True):
    """Deliveries, newest first; `next_cursor` asks for those after, None where there are none.

    A search for a text looks through so many at once, and may show few or none of a page: `looked_back_to` (Unix
    nanoseconds) is how far it came, and `next_cursor` goes on from there.
    """

    deliveries: list[Summary]
    next_cursor: str | None
    looked_back_to: int | None = None


class Hits(msgspec.Struct, frozen=True):
    """How many deliveries fit a filter: so many, or so many at least."""

    count: int
    at_least: bool = False


class Slot(msgspec.Struct, frozen=True):
    """Deliveries that began within `step_ns` of `time_ns`, by outcome; and what counts in a rate, if asked for."""

    time_ns: int
    outcomes: dict[Outcome, int]
    good: int = 0
    bad: int = 0


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries of a time as they count in a rate: proved genuine, or of an endpoint that does not verify.

    Args:
        arrived: all of them; also duplicates and what is deferred, which are neither good nor bad.
        good: that were handled. A deferred one counts when its work has ended.
        bad: that were not.
        unprotected: of the good ones, those that ran without the idempotency key that they should have had.
        unverified: those that ran without a verified signature.
    """

    arrived: int = 0
    good: int = 0
    bad: int = 0
    unprotected: int = 0
    unverified: int = 0

    @property
    def rate(self) -> float | None:
        """The part that is good, 0 to 1; None where nothing counts."""
        return self.good / (self.good + self.bad) if self.good + self.bad else None


class EndpointFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How one endpoint does: in a time, and at present. Times are Unix nanoseconds.

    Args:
        route: None where there is none; the path of what has no route stands for it.
        verified: whether it verifies its deliveries; None where that is not known.
        kind: what a valid signature proves there; None where it was not said.
        secrets: when each of its secrets matched last, where there are several.
        total: its deliveries in the time, whoever sent them.
        tally: what counts of these.
        before: the same for as long a time just before.
        usual: deliveries in such a time, as is learnt, or as the last week had them; None where it is not known yet.
        streak: how many failed since the last good one, and `streak_ns` since when.
        good_ns: the last good one.
        last_ns: the last of what its provider sent.
    """

    service: str
    environment: str | None
    provider: str
    route: str | None
    verified: bool | None
    kind: SignatureKind | None
    secrets: SecretUses | None
    total: int
    tally: Tally
    before: Tally
    usual: float | None
    streak: int
    streak_ns: int | None
    good_ns: int | None
    last_ns: int
    p50_ns: int | None
    p95_ns: int | None
    signature_failures: int
    silent_drops: int
    duplicates: int


class ServiceClock(msgspec.Struct, frozen=True):
    """How far a service's clock is ahead (behind: less than 0), where it is off, and since when that is known."""

    service: str
    environment: str
    offset_ns: int
    since_ns: int


class EventCounts(msgspec.Struct, frozen=True):
    """How many different events of a range were handled, were not, and ran more than once."""

    handled: int
    unhandled: int
    ran_more_than_once: int


class Repeats(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one endpoint that came far too often, or ran to a good end more than once.

    Args:
        service: that took them; of what.
        events: how many.
        repeated: how many of these ran more than once.
        since_ns: when the first of them came first.
        event_id: the provider's, of the one that came most often; None where it has none.
        deliveries: how often that one came.
        runs: how often it ran.
    """

    service: str
    environment: str | None
    provider: str
    route: str | None
    events: int
    repeated: int
    since_ns: int
    event_id: str | None
    deliveries: int
    runs: int


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """What happened from `since` (included) to `until` (not), Unix nanoseconds.

    `tally` says what counts in a rate, `before` the same of as long a time just before. `counted` is how many
    deliveries the metrics counted in that time: more than `total` where spans were not sent (sampling, floods of
    rejections). `endpoints` are all that are known, those first that fail, then the busiest.
    """

    since: int
    until: int
    step_ns: int
    slots: list[Slot]
    total: int
    outcomes: dict[Outcome, int]
    tally: Tally
    before: Tally
    p50_ns: int | None
    p95_ns: int | None
    reasons: dict[str, int]
    causes: dict[str, int]
    duplicates: dict[str, int]
    endpoints: list[EndpointFigures]
    events: EventCounts
    repeats: list[Repeats]
    clocks: list[ServiceClock]
    counted: int


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What filters can be set to: the values that occur, the most frequent first, at most 200 of each."""

    providers: list[str]
    event_types: list[str]
    routes: list[str]
    reasons: list[str]
    causes: list[str]
    services: list[str]
    environments: list[str]
