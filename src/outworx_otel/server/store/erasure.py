"""Removes deliveries because somebody asks to, with everything that is kept of them. Figures stay: they are numbers.

Whoever keeps something else of a delivery, in a table of its own, removes it in `erase`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, select, update

from outworx_otel.idempotency import hashed_key
from outworx_otel.server.store.claims import SCOPE, claims
from outworx_otel.server.store.history import Erasure, HistoryWriter
from outworx_otel.server.store.packing import text
from outworx_otel.server.store.schema import alerts, event_types, events, problems

AT_ONCE: Final = 200
"""Deliveries of one transaction."""


class Erased(NamedTuple):
    """What went in one transaction, and whose.

    Args:
        ids: the deliveries.
        traces: of these, in hexadecimal.
        spans: how many others.
        keys: how many idempotency records.
        more: whether there may be more.
    """

    ids: list[str]
    traces: list[str]
    spans: int
    keys: int
    more: bool


def erase(connection: Connection, history: HistoryWriter, which: Erasure) -> Erased:
    """Removes the first `AT_ONCE` of them, in the transaction that is open."""
    found = history.chosen(which, AT_ONCE)
    keys = {key for one in found for key in _keys(one.provider, one.event_id, one.idempotency_key)}
    if which.event_id is not None:
        # Perhaps its deliveries have gone by age.
        keys |= _keys(which.provider, which.event_id, None)
    forgotten = 0
    if keys:
        forgotten = connection.execute(delete(claims).where(claims.c.key.in_(sorted(keys)))).rowcount
    _forget_in_problems(connection, [one.id for one in found])
    event_ids = {one.event_id for one in found} | {text(which.event_id)}
    gone = {event_id for event_id in event_ids if event_id is not None}
    if gone and (gone := gone - history.events_left(gone, found)):
        # In one statement: it looks through all of them.
        connection.execute(delete(events).where(events.c.event_id.in_(sorted(gone))))
    for name in sorted({one.event_type for one in found if one.event_type is not None}):
        # Filters would go on to offer what no other delivery has.
        if not history.has_event_type(name, found):
            connection.execute(delete(event_types).where(event_types.c.event_type == name))
    traces = sorted({one.trace_id for one in found if one.trace_id})
    removed = history.remove(found)
    return Erased([one.id for one in found], traces, removed, forgotten, len(found) == AT_ONCE)


def _keys(provider: str | None, event_id: str | None, key: str | None) -> set[str]:
    """The records that an application's idempotency key may have here.

    Our own store sends the hash that the delivery tells of. The older SDK sends the text that its option gives, most
    often the event's id, and its deliveries do not tell.
    """
    sent = [key, event_id, None if None in (provider, event_id) else f"{provider}:{event_id}"]
    return {hashed_key(SCOPE, one) for one in sent if one is not None}


def _forget_in_problems(connection: Connection, ids: Sequence[str]) -> None:
    """What a problem, and an alert of it, quotes of the delivery that came last. Their counts stay."""
    p = problems.c
    quoted = list(connection.execute(select(p.id).where(p.last_delivery.in_(ids))).scalars())
    if quoted:
        connection.execute(update(problems).where(p.id.in_(quoted)).values(message="", last_delivery=""))
        connection.execute(update(alerts).where(alerts.c.problem_id.in_(quoted)).values(what=""))
