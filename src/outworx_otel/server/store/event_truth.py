"""Whether events were handled: kept for those that were not at once, or that came more than once.

An event that came once and was handled needs no row: its delivery says so. Most are such.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, delete

from outworx_otel.server.problems.judging import Arrived, EndpointKey, Kind, event_number
from outworx_otel.server.store.endpoints import Endpoints
from outworx_otel.server.store.history import HistoryWriter
from outworx_otel.server.store.packing import text
from outworx_otel.server.store.problem_records import ProblemRow
from outworx_otel.server.store.schema import events
from outworx_otel.server.store.statements import insert_rows, replaces, select_among

_RUN: Final = frozenset({Kind.GOOD, Kind.UNPROTECTED})
_RAN: Final = frozenset({"accepted", "unprotected"})
_HANDLED: Final = _RAN | {"replayed"}
# Nobody's, wherever it came to: what was not proved genuine tells nothing of an event.
_OF_AN_EVENT: Final = _HANDLED | {"in_flight", "deferred", "refused", "failed", "silent_drop", "error"}


class Event(msgspec.Struct):
    """A row of `events`, in the order of its columns."""

    hash: int
    endpoint: int
    event_id: str | None
    first_ns: int
    last_ns: int
    handled_ns: int | None = None
    deliveries: int = 0
    runs: int = 0
    ran_at: int | None = None
    outcome: str = ""
    problem: int | None = None

    @property
    def needs_a_row(self) -> bool:
        """Whether its only delivery does not tell all of it."""
        return self.handled_ns is None or self.deliveries > 1 or self.problem is not None

    def came(self, at_ns: int, outcome: str) -> None:
        """Counts a delivery of it."""
        self.deliveries += 1
        if at_ns >= self.last_ns:
            self.last_ns, self.outcome = at_ns, outcome
        self.first_ns = min(self.first_ns, at_ns)

    def ran(self, at_ns: int, endpoint: int) -> None:
        """Counts a run that ended well. Another endpoint that gets the same event runs it rightly."""
        self.handled(at_ns)
        if self.ran_at is None:
            self.ran_at = endpoint
        if self.ran_at == endpoint:
            self.runs += 1

    def handled(self, at_ns: int) -> None:
        """It was done, now or before."""
        self.handled_ns = at_ns if self.handled_ns is None else min(self.handled_ns, at_ns)


class Told(NamedTuple):
    """What tells of an event: a delivery, or the end of its deferred work."""

    of: Arrived
    problem: ProblemRow | None
    is_delivery: bool = True


_REPLACES: Final = replaces(events, "hash")
_COLUMNS: Final = ", ".join(Event.__struct_fields__)


def tell(
    connection: Connection,
    mark: str,
    history: HistoryWriter,
    endpoints: Endpoints,
    told: Sequence[Told],
    good: Sequence[Arrived] = (),
) -> None:
    """Keeps what is known of events. Call it before the deliveries themselves are written.

    Args:
        good: more deliveries, that went well.
    """
    came = [*good, *(one.of for one in told if one.is_delivery)]
    ids = Counter([one.event_hash for one in came if one.event_hash is not None])
    before = history.known_events(list(ids))
    again = before.union(id for id, number in ids.items() if number > 1)
    told = [*told, *(Told(one, None) for one in good if one.event_hash in again)]
    wanted = [
        (event_number(one.of.judged.endpoint, one.of.judged.event_id, one.of.judged.delivery), one)
        for one in told
        if one.of.event_hash in again
        or one.problem is not None
        or one.of.judged.kind is Kind.DEFERRED
        or not one.is_delivery
    ]
    if not wanted:
        return
    kept = _stored(connection, mark, [number for number, _ in wanted])
    there = set(kept)
    fresh = {number: one.of for number, one in wanted if number not in kept}
    earlier = _from_deliveries(history, endpoints, fresh.values(), before)
    kept |= {number: event for number, event in earlier.items() if number in fresh}
    for number, one in sorted(wanted, key=lambda pair: pair[1].of.judged.at_ns):
        judged = one.of.judged
        endpoint = endpoints[judged.endpoint].id
        event = kept.get(number)
        if event is None:
            event = Event(number, endpoint, text(judged.event_id), judged.at_ns, judged.at_ns)
            kept[number] = event
        if one.is_delivery:
            event.came(judged.at_ns, judged.outcome)
        if judged.kind in _RUN:
            event.ran(judged.at_ns, endpoint)
        elif judged.outcome == "replayed":
            event.handled(judged.at_ns)
        if one.problem is not None and event.problem != one.problem.id:
            event.problem = one.problem.id
            one.problem.events += 1
    telling = [event for event in kept.values() if event.needs_a_row]
    rows = [msgspec.structs.astuple(event) for event in telling]
    plain = there.difference(event.hash for event in telling)
    if plain:
        connection.execute(delete(events).where(events.c.hash.in_(plain)))
    insert_rows(connection, mark, events, rows, _REPLACES)


def _stored(connection: Connection, mark: str, numbers: Sequence[int]) -> dict[int, Event]:
    query = f"SELECT {_COLUMNS} FROM events WHERE hash IN ({{}})"  # noqa: S608
    return {
        row[0]: Event(*row) for row in select_among(connection, mark, query, list(dict.fromkeys(numbers)))
    }


def _from_deliveries(
    history: HistoryWriter, endpoints: Endpoints, fresh: Iterable[Arrived], before: set[int]
) -> dict[int, Event]:
    """Events that had no row, from the deliveries of them that there are."""
    wanted = {one.event_hash for one in fresh if one.event_hash is not None and one.event_hash in before}
    found: dict[int, Event] = {}
    for one in history.of_events(list(wanted)):
        time_ns, outcome = one.time_ns, one.outcome
        if (outcome not in _OF_AN_EVENT or one.signature_valid is False) and one.problem is None:
            continue
        endpoint_key = EndpointKey(one.service, one.environment, one.provider, one.route or one.path or "")
        number = event_number(endpoint_key, one.event_id, one.id)
        endpoint = endpoints.number_of(endpoint_key)
        event = found.get(number)
        if event is None:
            event = found[number] = Event(number, endpoint, one.event_id, time_ns, time_ns)
        event.came(time_ns, outcome)
        if outcome in _RAN:
            event.ran(time_ns, endpoint)
        elif outcome == "replayed":
            event.handled(time_ns)
    return found
