"""Reads problems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, func, select, tuple_

from outworx_otel.server.problems.problem import Problem, ProblemPage
from outworx_otel.server.store.packing import facet_text
from outworx_otel.server.store.places import PageStart, cursor_of, page_start_of
from outworx_otel.server.store.schema import endpoints, events, problems

_SHOWN = tuple(
    problems.c[name] for name in Problem.__struct_fields__ if name in problems.c and name != "streak"
)
# What a provider takes for undelivered: with a 2xx it would not send the event again.
_ANSWERED_BADLY = ("refused", "rejected", "error", "unrouted", "redirected", "turned_away")
_FIRST = "first_"


def _unhandled(what: ColumnElement[Any], *where: ColumnElement[bool]) -> ScalarSelect[Any]:
    """Something of a problem's unhandled events: of each problem it is a range of an index."""
    of_it = (events.c.problem == problems.c.id, events.c.handled_ns.is_(None))
    return select(what).where(*of_it, *where).scalar_subquery()


_PROBLEMS = select(
    *_SHOWN,
    *(problems.c[name] for name in ("streak", "round")),
    *(endpoints.c.good_ns, endpoints.c.streak.label("at_present"), endpoints.c.round.label("now")),
    _unhandled(func.count()).label("unhandled_events"),
    # The first of each outcome is at an end of its range; to look for it among all would read them all.
    *(
        _unhandled(func.min(events.c.first_ns), events.c.outcome == outcome).label(_FIRST + outcome)
        for outcome in _ANSWERED_BADLY
    ),
).outerjoin_from(problems, endpoints, endpoints.c.id == problems.c.endpoint)


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
    rows = connection.execute(_PROBLEMS.where(problems.c.id.in_(ids))).all()
    found = {row.id: _problem(row) for row in rows}
    return [found[id] for id in ids if id in found]


def _problem(row: Any) -> Problem:
    fields = dict(row._mapping)
    streak, round, good, at_present, now = (
        fields.pop(name) for name in ("streak", "round", "good_ns", "at_present", "now")
    )
    refused = [first_ns for name in _ANSWERED_BADLY if (first_ns := fields.pop(_FIRST + name)) is not None]
    return Problem(
        **fields,
        last_good_ns=good or None,
        streak=streak if at_present and round == now else 0,
        refused_first_ns=min(refused, default=None),
    )
