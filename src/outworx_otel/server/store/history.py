"""What keeps deliveries and spans, behind one face: tables beside the state's, or a store of columns.

The *state* is what needs transactions and stays small: figures, endpoints, problems, events, alerts, keys. The
*history* are the rows. A writer works inside a transaction of the state, which excludes every other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple, Protocol

from sqlalchemy import Connection

from outworx_otel.server.model import Filter, Hits, SpanRecord, StoredDelivery, Summary
from outworx_otel.server.problems.judging import Arrived
from outworx_otel.server.problems.state import EndpointState
from outworx_otel.server.store.facets import Facet
from outworx_otel.server.store.places import FoundPlaces, PageStart

MAX_SPANS_PER_TRACE: Final = 200
MAX_OF_AN_EVENT: Final = 100


class NewDelivery(NamedTuple):
    """A delivery as it is written.

    Args:
        seq: its number, in the order of arrival.
        facet: what it is faceted by.
        row: its columns (`packing.Packed.rows`).
        detail: all of it, as `packing.pack` made it.
        is_offered: whether filters offer its event type.
        problem: the number of the problem that it belongs to.
    """

    seq: int
    facet: Facet
    row: tuple[Any, ...]
    detail: bytes
    is_offered: bool
    problem: int | None = None


class OfAnEvent(NamedTuple):
    """What a stored delivery tells of its event. Empty is none."""

    event_id: str
    time_ns: int
    signature_valid: bool | None
    id: str
    outcome: str
    service: str
    environment: str
    provider: str
    route: str
    path: str | None
    problem: int | None


class Deferred(NamedTuple):
    """A stored delivery, as the end of its deferred work asks for it. Empty is none."""

    place: PageStart
    trace_id: str
    span_id: str
    id: str
    event_id: str | None
    signature_valid: bool | None
    path: str | None
    problem: int | None
    service: str
    environment: str
    provider: str
    route: str


class Erasure(NamedTuple):
    """Which deliveries are to go: exactly one of the three.

    Args:
        id: one delivery.
        event_id: every delivery of an event.
        before: what began before (Unix nanoseconds, the deliveries' own time).
        provider: of the event; None for any.
    """

    id: str | None = None
    event_id: str | None = None
    before: int | None = None
    provider: str | None = None


class Erasable(NamedTuple):
    """A stored delivery that is to go, and what else is kept of it by."""

    place: PageStart
    id: str
    trace_id: str
    span_id: str
    event_type: str | None
    event_id: str | None
    idempotency_key: str | None
    provider: str


class HistoryReader(Protocol):
    """Reads. What a method here is about, `Store`'s of the same name says."""

    def places(self, wanted: Filter, after: PageStart, limit: int) -> FoundPlaces:
        """Where the deliveries of a page are, newest first."""

    def summaries(self, found: Sequence[PageStart]) -> list[Summary]:
        """The deliveries of those places, in the same order, as far as they are there."""

    def whole(self, found: Sequence[PageStart]) -> list[StoredDelivery]:
        """All of them, in the same order."""

    def hits(self, wanted: Filter) -> Hits:
        """Counted to `MOST_COUNTED` at most."""

    def neighbours(self, wanted: Filter, id: str) -> tuple[str | None, str | None]: ...

    def delivery(self, id: str) -> StoredDelivery | None: ...

    def spans(self, trace_id: str) -> list[SpanRecord]: ...

    def traces_with_deliveries(self, traces: Sequence[str]) -> set[str]: ...

    def deferred_of(self, delivery: Summary) -> list[SpanRecord]: ...

    def same_event(self, delivery: Summary) -> list[Summary]: ...

    def arrivals(self, endpoint: EndpointState, since_ns: int, every: int, limit: int) -> list[float]:
        """When an endpoint's last deliveries came, in Unix seconds and in order; one of `every` is looked at."""

    def erasable(self, which: Erasure) -> int: ...

    def size(self) -> int:
        """Bytes that it takes on the disk, as retention counts them."""


class HistoryWriter(Protocol):
    """Writes, and reads what the writer has to know; in a transaction of the state."""

    def last_delivery(self) -> int:
        """The number of the last delivery that arrived, also where it has been removed: none is given twice."""

    def last_span(self) -> int:
        """The same of spans."""

    def stored(self, ids: Sequence[str], times_ns: Sequence[int]) -> set[str] | None:
        """Those that are there already; None where that was not looked at, as all are taken to be new.

        Args:
            times_ns: when each began.
        """

    def insert(self, deliveries: Sequence[NewDelivery]) -> None:
        """Writes new ones.

        Raises:
            Duplicates: not all was new.
        """

    def spans_of(self, traces: Sequence[str]) -> dict[str, set[str]]:
        """The ids of the spans that each trace has."""

    def insert_spans(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Writes new spans, each with its number before what `packing.Packed.spans` has."""

    def known_events(self, hashes: Sequence[int]) -> set[int]:
        """Those of the hashes of event ids that deliveries have."""

    def of_events(self, hashes: Sequence[int]) -> Iterator[OfAnEvent]:
        """The deliveries of these events, in the order of arrival."""

    def deferred(self, ids: Sequence[str]) -> list[Deferred]:
        """The deliveries with these ids."""

    def ends(self, linked: Sequence[str]) -> Iterator[SpanRecord]:
        """The spans of deferred work that are linked to these deliveries (trace and span id)."""

    def claim(self, problem: int, like: Arrived, number: int) -> list[Arrived]:
        """The last deliveries of a facet that belong to no problem, which belong to this one from now on."""

    def set_problem(self, place: PageStart, problem: int) -> None:
        """A delivery belongs to this problem from now on."""

    def remove_arrived(self, until_delivery: int, until_span: int) -> int:
        """Removes some of what arrived up to these numbers; how much."""

    def make_room(self, max_bytes: int, at_once: int) -> int:
        """Removes some where it takes more than `max_bytes`; how much. What was never proved genuine goes first."""

    def chosen(self, which: Erasure, limit: int) -> list[Erasable]:
        """The oldest deliveries that are to go."""

    def remove(self, found: Sequence[Erasable]) -> int:
        """Removes deliveries with their traces' spans and their deferred work; how many spans."""

    def events_left(self, event_ids: Collection[str], without: Sequence[Erasable]) -> set[str]:
        """Those of the events of which other deliveries are there."""

    def has_event_type(self, name: str, without: Sequence[Erasable]) -> bool:
        """Whether another delivery has this event type."""

    def finish(self) -> None:
        """Does what can only be done when the state's transaction is durable."""


class History(Protocol):
    """Opens readers and writers."""

    compresses: bool
    """Whether it compresses details by itself, and all the better where they are not yet."""

    def read(self) -> AbstractContextManager[HistoryReader]:
        """A reader.

        Raises:
            QueryTooWide: a statement took too long.
            StoreUnavailable: it does not answer.
        """

    def prepare(self, deliveries: int, spans: int) -> None:
        """Before a transaction of the state in which at most so many are written."""

    def writer(self, connection: Connection, *, careful: bool = False) -> HistoryWriter:
        """A writer.

        Args:
            connection: with the state's transaction.
            careful: looks first what is there.
        """

    def check(self) -> None:
        """Returns where it answers.

        Raises:
            StoreUnavailable: it does not.
        """

    def overwrite(self) -> str | None:
        """Sees to it that nothing that was removed is left on the disk; what may be left, and what to do about it."""

    def close(self) -> None:
        """Closes its connections."""


class Duplicates(Exception):
    """Something was stored before; the transaction must be rolled back."""
