"""Keeps what is told of endpoints, problems and events bounded: a little at each look of the rules."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select

from outworx_otel.server.store.problem_records import MAX_PROBLEMS
from outworx_otel.server.store.schema import endpoints, events, problems

MAX_EVENTS: Final = 200_000
"""Events that were not handled at once, or came more than once."""

_AT_ONCE: Final = 5000
_KEPT_NS: Final = 90 * 86_400 * 10**9


def keep_bounded(connection: Connection, now_ns: int) -> None:
    """Removes what has been over for three months, and of what is too much what is over, the oldest first."""
    e, p = events.c, problems.c
    handled, unhandled = e.handled_ns.is_not(None), e.handled_ns.is_(None)
    # What came last before that came first before that, and each of the two kinds has an index of that.
    is_old = (e.last_ns < now_ns - _KEPT_NS, e.first_ns < now_ns - _KEPT_NS)
    for kind in (handled, unhandled):
        _remove(connection, events, e.hash, e.first_ns, kind, *is_old)
    too_many = sum(_count(connection, events, kind) for kind in (handled, unhandled)) > MAX_EVENTS
    # Those that were handled tell least.
    if too_many and not _remove(connection, events, e.hash, e.first_ns, handled):
        _remove(connection, events, e.hash, e.first_ns, unhandled)
    is_over = p.state.in_(("resolved", "ignored"))
    _remove(connection, problems, p.id, p.last_ns, is_over, p.last_ns < now_ns - _KEPT_NS)
    if _count(connection, problems) > MAX_PROBLEMS * 3 // 4:
        _remove(connection, problems, p.id, p.last_ns, is_over, at_once=100)
    used = select(p.endpoint).union(select(e.endpoint))
    c = endpoints.c
    _remove(connection, endpoints, c.id, c.seen_ns, c.seen_ns < now_ns - _KEPT_NS, c.id.not_in(used))


def _remove(
    connection: Connection,
    table: Table,
    key: Any,
    order: Any,
    *where: ColumnElement[bool],
    at_once: int = _AT_ONCE,
) -> int:
    oldest = select(key).where(*where).order_by(order).limit(at_once)
    return int(connection.execute(delete(table).where(key.in_(oldest))).rowcount)


def _count(connection: Connection, table: Table, *where: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(*where)).scalar_one())
