"""Keeps alerts, and which server looks for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update

from outworx_otel.server.problems.alert import Alert
from outworx_otel.server.problems.finding import RuleFinding
from outworx_otel.server.store.schema import alerts, leases
from outworx_otel.server.store.tallies import ALERT_NUMBER, set_tally, tally

HOUR_NS: Final = 3600 * 10**9
GROWN: Final = 10
"""What has grown so many times is told anew."""

MAX_KEPT: Final = 10_000
_DIFFERENT_NAMES: Final = {"where": "place"}


def take_lease(connection: Connection, name: str, holder: str, now_ns: int, until_ns: int) -> bool:
    """Whether a piece of work is the holder's until then: nobody else has it, or its time is over."""
    there = connection.execute(select(leases).where(leases.c.name == name)).one_or_none()
    if there is None:
        connection.execute(insert(leases), {"name": name, "holder": holder, "until_ns": until_ns})
        return True
    if there.holder != holder and there.until_ns > now_ns:
        return False
    taken = update(leases).where(leases.c.name == name).values(holder=holder, until_ns=until_ns)
    connection.execute(taken)
    return True


def give_lease_back(connection: Connection, name: str, holder: str) -> None:
    """The work may be another's at once."""
    connection.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))


def settle(connection: Connection, findings: Collection[RuleFinding], now_ns: int) -> None:
    """Raises what is new, tells anew what has grown, and ends what was found no more.

    Of one subject at most one is raised in an hour.
    """
    a = alerts.c
    raised = {
        row.subject: row for row in connection.execute(select(alerts).where(a.ended_ns.is_(None))).all()
    }
    found = {finding.subject: finding for finding in findings}
    number = tally(connection, ALERT_NUMBER)
    fresh = [one for one in found.values() if one.is_told and one.subject not in raised]
    lately = _raised_lately(connection, [one.subject for one in fresh], now_ns)
    rows: list[dict[str, Any]] = []
    for finding in fresh:
        if finding.subject not in lately:
            number += 1
            rows.append(_row(finding, number, now_ns))
    if rows:
        connection.execute(insert(alerts), rows)
        set_tally(connection, ALERT_NUMBER, number)
    for subject, row in raised.items():
        one = found.get(subject)
        changed: dict[str, Any]
        if one is None:
            changed = {"state": "ended", "ended_ns": now_ns, "changed_ns": now_ns, "notices": row.notices + 1}
        else:
            changed = {
                name: value
                for name, value in _told(one).items()
                if name != "since_ns" and row._mapping[name] != value
            }
            if one.is_told and one.count >= max(row.told, 1) * GROWN:
                changed |= {"told": one.count, "changed_ns": now_ns, "notices": row.notices + 1}
        if changed:
            connection.execute(update(alerts).where(a.id == row.id).values(**changed))
    _forget(connection)


def stored_alerts(connection: Connection, *, raised: bool, limit: int) -> list[Alert]:
    """Those that go on, or all, the last changed first."""
    query = select(alerts).order_by(alerts.c.changed_ns.desc(), alerts.c.id.desc()).limit(limit)
    if raised:
        query = query.where(alerts.c.ended_ns.is_(None))
    return [alert_of(row) for row in connection.execute(query).all()]


def alert_of(row: Any) -> Alert:
    """A row of `alerts` as an alert."""
    return Alert(**{name: row._mapping[_DIFFERENT_NAMES.get(name, name)] for name in Alert.__struct_fields__})


def _told(finding: RuleFinding) -> dict[str, Any]:
    return {
        _DIFFERENT_NAMES.get(name, name): getattr(finding, name)
        for name in RuleFinding.__struct_fields__
        if name not in ("is_told", "subject", "rule")
    }


def _row(finding: RuleFinding, number: int, now_ns: int) -> dict[str, Any]:
    return {
        **_told(finding),
        "id": number,
        "rule": finding.rule,
        "subject": finding.subject,
        "state": "raised",
        "told": finding.count,
        "raised_ns": now_ns,
        "changed_ns": now_ns,
        "ended_ns": None,
        "notices": 1,
    }


def _raised_lately(connection: Connection, subjects: Sequence[str], now_ns: int) -> set[str]:
    a = alerts.c
    query = select(a.subject).where(a.subject.in_(subjects), a.raised_ns > now_ns - HOUR_NS)
    return set(connection.execute(query).scalars()) if subjects else set()


def _forget(connection: Connection) -> None:
    """Removes the oldest that have ended, where there are too many."""
    a = alerts.c
    if connection.execute(select(func.count()).select_from(alerts)).scalar_one() > MAX_KEPT:
        oldest = select(a.id).where(a.ended_ns.is_not(None)).order_by(a.changed_ns).limit(MAX_KEPT // 10)
        connection.execute(delete(alerts).where(a.id.in_(oldest)))
