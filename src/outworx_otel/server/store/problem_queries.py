"""Reads problems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, case, func, select, tuple_

from outworx_otel.server.problems.problem import Problem, ProblemPage
from outworx_otel.server.store.packing import facet_text
from outworx_otel.server.store.places import PageStart, cursor_of, page_start_of
from outworx_otel.server.store.schema import endpoints, events, problems

_SHOWN = tuple(
    problems.c[name] for name in Problem.__struct_fields__ if name in problems.c and name != "streak"
)
# What a provider takes for undelivered: with a 2xx it would not send the event again.
_ANSWERED_BADLY = ("refused", "rejected", "error", "unrouted", "redirected", "turned_away")


def problem_page(
    connection: Connection,
    *,
    state: str | None,
    service: str | None,
    provider: str | None,
    limit: int,
    cursor: str | None,
) -> ProblemPage:
    """See `Store.problems`."""
    p, after = problems.c, page_start_of(cursor)
    query = select(p.last_ns, p.id).where(tuple_(p.last_ns, p.id) < tuple_(*after))
    for column, value in ((p.state, state), (p.service, service), (p.provider, provider)):
        if value is not None:
            query = query.where(column == facet_text(value))
    query = query.order_by(p.last_ns.desc(), p.id.desc()).limit(limit + 1)
    found = connection.execute(query).all()
    shown = problems_of(connection, [row.id for row in found[:limit]])
    more = PageStart(found[limit - 1].last_ns, found[limit - 1].id) if len(found) > limit else None
    return ProblemPage(shown, None if more is None else cursor_of(more))


def problems_of(connection: Connection, ids: Sequence[int]) -> list[Problem]:
    """Those problems, in that order, as far as they are there."""
    p, e = problems.c, endpoints.c
    again = case((events.c.outcome.in_(_ANSWERED_BADLY), events.c.first_ns))
    of_problem = select(events.c.problem, func.count(), func.min(again)).where(
        events.c.problem.in_(ids), events.c.handled_ns.is_(None)
    )
    unhandled: dict[int, tuple[int, int | None]] = {
        row[0]: (row[1], row[2]) for row in connection.execute(of_problem.group_by(events.c.problem)).all()
    }
    query = select(*_SHOWN, p.streak, p.round, e.good_ns, e.streak.label("at_present"), e.round.label("now"))
    rows = connection.execute(query.outerjoin(endpoints, e.id == p.endpoint).where(p.id.in_(ids))).all()
    found = {row.id: _problem(row, *unhandled.get(row.id, (0, None))) for row in rows}
    return [found[id] for id in ids if id in found]


def _problem(row: Any, unhandled: int, refused_first_ns: int | None) -> Problem:
    fields = dict(row._mapping)
    streak, round, good, at_present, now = (
        fields.pop(name) for name in ("streak", "round", "good_ns", "at_present", "now")
    )
    return Problem(
        **fields,
        last_good_ns=good or None,
        streak=streak if at_present and round == now else 0,
        unhandled_events=unhandled,
        refused_first_ns=refused_first_ns,
    )
