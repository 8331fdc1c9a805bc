"""Who sends which alert: claimed in a transaction that excludes every other server's, and recorded once it is sent.

A server that is killed in between leaves a claim whose lease ends; then another one, or the same, sends it again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.exc import SQLAlchemyError

from outworx_otel.server.problems.alert import Alert
from outworx_otel.server.problems.sending import (
    MAX_ATTEMPTS,
    AlertPage,
    ClaimedAlert,
    FailingChannel,
    Sending,
)
from outworx_otel.server.store.alert_records import alert_of
from outworx_otel.server.store.database import Database
from outworx_otel.server.store.places import PageStart, cursor_of, page_start_of
from outworx_otel.server.store.schema import alert_sendings, alerts
from outworx_otel.server.store.store_errors import StoreUnavailable

_NEWS_SECONDS: Final = 3600
"""What was over before a channel heard of it is told for so long: a channel that is new is not told of old alerts."""

_KEPT_SECONDS: Final = 86_400
"""What is over is tried for so long."""

_MAX_ERROR: Final = 300
_MOST_CHANNELS: Final = 20
_NS: Final = 1_000_000_000
_a: Final = alerts.c
_s: Final = alert_sendings.c
_COLUMNS: Final = [alerts.c["place" if name == "where" else name] for name in Alert.__struct_fields__]


class Sendings:
    """The claims and records of all channels; its methods block.

    Args:
        database: of the store.
        clock: Unix time in seconds. With PostgreSQL its own clock counts, which is one for all servers.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def claim(
        self, channel: str, holder: str, lease: float, rules: Collection[str], services: Collection[str]
    ) -> ClaimedAlert | None:
        """Takes the next alert that a channel is to tell of; None where there is none.

        Args:
            channel: its name.
            holder: who asks; of no other server or run.
            lease: seconds after which others may take it.
            rules: those that the channel wants; empty for all.
            services: those that the channel wants; empty for all.

        Raises:
            StoreUnavailable: as from every method here, where the database does not answer.
        """
        with self._database.read() as connection:
            # Mostly there is nothing, and a writing transaction would keep ingest waiting.
            if self._waiting(connection, channel, rules, services) is None:
                return None
        with self._writing() as connection:
            row = self._waiting(connection, channel, rules, services)
            if row is None:
                return None
            alert = alert_of(row)
            attempts = row.attempts if row.notice == alert.notices else 0
            held = {
                "notice": alert.notices,
                "attempts": attempts or 0,
                "holder": holder,
                "until_ns": self._now(connection) + int(lease * _NS),
            }
            if row.told is None:
                new = {"alert": alert.id, "channel": channel, "told": 0, "next_ns": 0, "error": ""}
                connection.execute(insert(alert_sendings).values(**new, **held))
            else:
                of_it = and_(_s.alert == alert.id, _s.channel == channel)
                connection.execute(update(alert_sendings).where(of_it).values(**held))
            return ClaimedAlert(alert, channel, holder, attempts or 0)

    def sent(self, claimed: ClaimedAlert) -> None:
        """Records that it was sent. What another one has taken meanwhile stays that one's."""
        with self._writing() as connection:
            told = {"told": claimed.alert.notices, "attempts": 0, "next_ns": 0, "error": ""}
            told |= {"sent_ns": self._now(connection)}
            connection.execute(_held(claimed).values(**told, holder="", until_ns=0))

    def failed(self, claimed: ClaimedAlert, why: str, wait: float) -> None:
        """Records that it was tried in vain, and may be tried again in `wait` seconds."""
        with self._writing() as connection:
            next_ns = self._now(connection) + int(wait * _NS)
            tried = {"attempts": claimed.attempts + 1, "error": why[:_MAX_ERROR], "next_ns": next_ns}
            connection.execute(_held(claimed).values(**tried, holder="", until_ns=0))

    def page(self, *, state: str | None = None, limit: int = 50, cursor: str | None = None) -> AlertPage:
        """Alerts with what became of them at each channel, those first that changed last.

        Raises:
            BadCursor: not of a page before.
        """
        after = page_start_of(cursor)
        query = select(*_COLUMNS).where(tuple_(_a.changed_ns, _a.id) < tuple_(*after))
        if state is not None:
            query = query.where(_a.state == state)
        query = query.order_by(_a.changed_ns.desc(), _a.id.desc()).limit(limit + 1)
        with self._database.read() as connection:
            found = [alert_of(row) for row in connection.execute(query).all()]
            shown = found[:limit]
            rows = connection.execute(
                select(alert_sendings)
                .where(_s.alert.in_([alert.id for alert in shown]))
                .order_by(_s.alert, _s.channel)
            ).all()
        sendings: dict[int, list[Sending]] = {alert.id: [] for alert in shown}
        notices = {alert.id: alert.notices for alert in shown}
        for row in rows:
            sendings[row.alert].append(_sending(row, notices[row.alert]))
        last = PageStart(shown[-1].changed_ns, shown[-1].id) if len(found) > limit else None
        pairs = [(alert, sendings[alert.id]) for alert in shown]
        return AlertPage(pairs, None if last is None else cursor_of(last))

    def failing(self) -> list[FailingChannel]:
        """The channels that were tried in vain, and have not been told since."""
        count = func.count()
        query = (
            select(_s.channel, count, func.max(_s.error))
            .join(alerts, _a.id == _s.alert)
            .where(_s.told < _a.notices, _s.error != "")
            .group_by(_s.channel)
            .order_by(count.desc(), _s.channel)
        )
        with self._database.read() as connection:
            return [FailingChannel(*row) for row in connection.execute(query.limit(_MOST_CHANNELS)).all()]

    def forget(self) -> None:
        """Removes what is kept of alerts that are there no more."""
        gone = _s.alert.not_in(select(_a.id))
        with self._database.read() as connection:
            if connection.execute(select(_s.alert).where(gone).limit(1)).first() is None:
                return
        with self._writing() as connection:
            connection.execute(delete(alert_sendings).where(gone))

    def _waiting(
        self, connection: Connection, channel: str, rules: Collection[str], services: Collection[str]
    ) -> Any:
        now = self._now(connection)
        joined = alerts.outerjoin(alert_sendings, and_(_s.alert == _a.id, _s.channel == channel))
        query = (
            select(*_COLUMNS, _s.told, _s.notice, _s.attempts)
            .select_from(joined)
            .where(
                # The first two are read off the indices.
                or_(_a.ended_ns.is_(None), _a.changed_ns > now - _KEPT_SECONDS * _NS),
                or_(
                    and_(
                        _s.told.is_(None),
                        or_(_a.ended_ns.is_(None), _a.changed_ns > now - _NEWS_SECONDS * _NS),
                    ),
                    and_(
                        _s.told < _a.notices,
                        _s.until_ns <= now,
                        or_(_s.notice < _a.notices, and_(_s.next_ns <= now, _s.attempts < MAX_ATTEMPTS)),
                    ),
                ),
            )
        )
        if rules:
            query = query.where(_a.rule.in_(list(rules)))
        if services:
            query = query.where(_a.service.in_(list(services)))
        return connection.execute(query.order_by(_a.changed_ns, _a.id).limit(1)).first()

    def _now(self, connection: Connection) -> int:
        if connection.dialect.name == "postgresql":
            now = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000000)::bigint"
            return int(connection.exec_driver_sql(now).scalar_one())
        return int(self._clock() * _NS)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with self._database.write() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StoreUnavailable(self._database.explain(error)) from error


def _held(claimed: ClaimedAlert) -> Any:
    return update(alert_sendings).where(
        _s.alert == claimed.alert.id, _s.channel == claimed.channel, _s.holder == claimed.holder
    )


def _sending(row: Any, notices: int) -> Sending:
    is_waiting = row.told < notices
    given_up = is_waiting and row.notice == notices and row.attempts >= MAX_ATTEMPTS
    return Sending(
        channel=row.channel,
        told=row.told,
        attempts=row.attempts if is_waiting else 0,
        error=row.error if is_waiting else "",
        next_ns=max(row.next_ns, row.until_ns) if is_waiting and not given_up else None,
        sent_ns=row.sent_ns,
        given_up=given_up,
    )
