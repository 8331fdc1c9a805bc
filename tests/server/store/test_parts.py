"""PostgreSQL keeps days apart: a day begins by itself, is found by its number, and goes as a whole."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import event
from support.databases import PostgresServer

from outworx_otel.server.model import Filter
from outworx_otel.server.store import Store, StoreUnavailable, partitions
from server.store.conftest import MIB, OpenStore, fresh_database
from server.store.samples import DAY, NOW, batch, deliveries, one, span
from server.store.test_retention import Time, tidy

TODAY = NOW // DAY


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    """Of an empty database: others have left parts."""
    return fresh_database(postgres)


@contextmanager
def asked(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


def rows_by_part(url: str, table: str = "deliveries") -> dict[str, int]:
    """How many are in each part that holds some."""
    with asked(url) as connection:
        query = f"SELECT tableoid::regclass::text, count(*) FROM {table} GROUP BY 1 ORDER BY 1"  # noqa: S608
        return dict(connection.execute(query.encode()).fetchall())


def parts(url: str, table: str = "deliveries") -> list[str]:
    with asked(url) as connection:
        query = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1"
        return [row[0] for row in connection.execute(query, [table]).fetchall()]


def kept(store: Store, **fields: Any) -> set[str]:
    return {delivery.id for delivery in store.iterate(Filter(**fields), 10_000)}


def on_day(day: float, id: str, **fields: Any) -> Any:
    """A delivery that began so many days after the first."""
    return one(id=id, time_ns=NOW + int(day * DAY), **{"signature_valid": True, **fields})


def test_what_comes_on_a_day_is_in_its_part_and_the_next_days_is_there_before_it_begins(
    url: str, open_store: OpenStore
) -> None:
    time = Time()
    store = time.store(open_store, url)
    for day in range(3):
        store.write(
            batch(on_day(day, f"day-{day}"), on_day(day, f"bad-{day}", signature_valid=False))
        ).result(30)
        assert f"deliveries_{20260921 + day + 1}" in parts(url)
        time.clock += 86_400
    assert rows_by_part(url) == {
        **{f"deliveries_{20260921 + day}": 1 for day in range(3)},
        **{f"deliveries_{20260921 + day}_unproved": 1 for day in range(3)},
    }
    assert rows_by_part(url, "details") == {
        name.replace("deliveries", "details"): 1 for name in rows_by_part(url)
    }
    assert [one.id for one in store.deliveries(Filter(), 10).deliveries] == [
        *("day-2", "bad-2", "day-1", "bad-1", "day-0", "bad-0")
    ] or len(kept(store)) == 6
    assert store.delivery("day-0") is not None


@pytest.mark.parametrize("days", [0.2, 1, 2, 6.5])
def test_a_batch_that_is_sent_again_on_another_day_is_kept_once(
    url: str, open_store: OpenStore, days: float
) -> None:
    time = Time()
    stores = [time.store(open_store, url, lock_seconds=30) for _ in range(2)]
    made = [
        *deliveries(60, since=NOW - DAY // 24, until=NOW),
        *(span("a" * 32, number) for number in range(9)),
    ]
    stores[0].write(batch(*made)).result(30)
    time.clock += days * 86_400
    waiting = [store.write(batch(*made, one(id=f"new-{n}"))) for n, store in enumerate(stores)]
    for future in waiting:
        future.result(30)
    assert len(kept(stores[0])) == 62
    if days < 3:
        # Further back nobody looks for other spans.
        assert len(stores[1].spans("a" * 32)) == 9
    assert stores[1].overview(NOW - 2 * DAY, NOW + 9 * DAY, Filter()).total == 62


@pytest.mark.parametrize("days", [1, 2.9])
def test_an_event_that_comes_again_some_days_later_is_the_same_one(
    url: str, open_store: OpenStore, days: float
) -> None:
    time = Time()
    store = time.store(open_store, url)
    same = {
        "event_id": "evt_1",
        "outcome": "accepted",
        "provider": "stripe",
        "service": "shop",
        "route": "/w",
    }
    for number in range(2):
        store.write(batch(on_day(days * number, f"d{number}", **same))).result(30)
        time.clock += days * 86_400
    events = store.overview(NOW - DAY, NOW + 9 * DAY, Filter()).events
    assert events.ran_more_than_once == 1


def test_a_clock_that_is_ahead_for_a_while_loses_nothing_and_retention_goes_on(
    url: str, open_store: OpenStore
) -> None:
    time = Time()
    store = time.store(open_store, url, retention_days=7)
    store.write(batch(on_day(0, "before"))).result(30)
    time.clock += 400 * 86_400
    store.write(batch(on_day(0, "during"))).result(30)
    time.clock -= 400 * 86_400
    store.write(batch(on_day(0, "after"), on_day(0, "bad", signature_valid=False))).result(30)
    # The last part goes on.
    assert rows_by_part(url) == {
        "deliveries_20260921": 1,
        "deliveries_20271026": 2,
        "deliveries_20271026_unproved": 1,
    }
    assert kept(store) == kept(store, since=NOW - 60 * 10**9) == {"before", "during", "after", "bad"}
    time.passes(store, 3)
    store.write(batch(on_day(3, "later"))).result(30)
    time.passes(store, 5)
    assert kept(store) == {"later"}


def test_where_no_part_can_be_made_the_last_one_goes_on_and_everything_is_found(
    url: str, open_store: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    time = Time()
    store = time.store(open_store, url)
    store.write(batch(on_day(0, "day-0"))).result(30)
    with asked(url) as other, other.transaction(), caplog.at_level(logging.WARNING):
        # As VACUUM FULL or a tool that alters the table.
        other.execute("LOCK TABLE deliveries IN SHARE UPDATE EXCLUSIVE MODE")
        for day in (1, 2, 5):
            time.clock = NOW / 1e9 + day * 86_400
            store.write(batch(on_day(day, f"day-{day}"))).result(30)
    assert "no part for the next day can be made now" in caplog.text
    assert rows_by_part(url) == {"deliveries_20260921": 1, "deliveries_20260922": 3}
    again = time.store(open_store, url)
    time.clock += 2 * 86_400
    again.write(batch(on_day(7, "day-7"))).result(30)
    assert rows_by_part(url)["deliveries_20260928"] == 1
    for day in (0, 1, 2, 5, 7):
        at = NOW + day * DAY
        assert kept(again, since=at - 10**9, until=at + 10**9) == {f"day-{day}"}
        assert again.write(batch(on_day(day, f"day-{day}"))).result(30) is None
    assert len(kept(again)) == 5


def test_a_day_that_is_old_goes_as_a_whole_and_nobody_waits_for_one_who_reads(
    url: str, open_store: OpenStore
) -> None:
    time = Time()
    store = time.store(open_store, url, retention_days=3)
    for day in range(3):
        store.write(batch(*(on_day(day, f"{day}-{n}") for n in range(5)), span(f"{day:032x}", 1))).result(30)
        time.passes(store, 1)
    with asked(url) as reader, reader.transaction():
        reader.execute("SELECT 1 FROM deliveries")
        time.clock += 43_200
        time.ticks += 43_200
        store._retention.step(0)
        # The reader is in the way; those who come after it are not held up by that.
        assert "deliveries_20260921" in parts(url)
        done = threading.Thread(
            target=lambda: store.write(batch(on_day(3, "meanwhile"))).result(30), daemon=True
        )
        done.start()
        done.join(20)
        assert not done.is_alive()
        assert "meanwhile" in kept(store)
    tidy(time.store(open_store, url, retention_days=3))
    assert "deliveries_20260921" not in parts(url)
    assert "details_20260921" not in parts(url, "details")
    assert "spans_20260921" not in parts(url, "spans")
    assert {id.partition("-")[0] for id in kept(store)} == {"1", "2", "meanwhile"}
    with asked(url) as connection:
        told = connection.execute("SELECT value FROM tallies WHERE name = 'deliveries'").fetchone()
        assert told == (11,)


def test_parts_that_nothing_came_to_go_when_the_next_day_begins(url: str, open_store: OpenStore) -> None:
    time = Time()
    store = time.store(open_store, url)
    store.write(batch(on_day(0, "day-0"))).result(30)
    assert "deliveries_20260921_unproved" in parts(url)
    time.passes(store, 1)
    store.write(batch(on_day(1, "day-1"))).result(30)
    tidy(store)
    assert "deliveries_20260921_unproved" not in parts(url)
    assert "details_20260921_unproved" not in parts(url, "details")
    assert kept(store) == {"day-0", "day-1"}


def test_for_want_of_room_whole_days_of_what_was_never_proved_genuine_go_first(
    url: str, open_store: OpenStore
) -> None:
    time = Time()
    store = time.store(open_store, url, max_bytes=9 * MIB)
    for day in range(5):
        genuine = [on_day(day, f"genuine-{day}-{n}") for n in range(300)]
        strangers = [
            on_day(day, f"stranger-{day}-{n}", signature_valid=False, outcome="rejected") for n in range(1500)
        ]
        for start in range(0, 1500, 500):
            store.write(batch(*strangers[start : start + 500])).result(30)
        store.write(batch(*genuine)).result(30)
        time.passes(store, 1)
    left = rows_by_part(url)
    assert [left.get(f"deliveries_{20260921 + day}") for day in range(5)] == [300] * 5
    assert "deliveries_20260921_unproved" not in parts(url)
    with store._database.read() as connection:
        # No room is left behind in parts that nothing more comes to.
        assert store._database.size(connection) <= 9 * MIB


def test_however_long_everything_is_kept_there_are_few_parts(url: str, open_store: OpenStore) -> None:
    time = Time()
    store = time.store(open_store, url, retention_days=365)
    for day in range(0, 40, 4):
        store.write(batch(on_day(day, f"day-{day}"))).result(30)
        time.passes(store, 4)
    assert len([name for name in parts(url) if "unproved" not in name]) <= 5
    for day in range(0, 40, 4):
        at = NOW + day * DAY
        assert kept(store, since=at - 10**9, until=at + 10**9) == {f"day-{day}"}
        store.write(batch(on_day(day, f"day-{day}"))).result(30)
    assert len(kept(store)) == 10


def test_a_part_that_somebody_removed_is_the_databases_fault_and_not_the_batchs(
    url: str, open_store: OpenStore
) -> None:
    store = open_store(url)
    store.write(batch(on_day(0, "kept"))).result(30)
    with asked(url) as connection:
        connection.execute("DROP TABLE deliveries_20260921, details_20260921")
    # Sent again, it may be kept: nothing is answered as if it were at fault.
    with pytest.raises(StoreUnavailable, match="no part of a table takes the row"):
        store.write(batch(on_day(0, "again"))).result(30)
    started_again = open_store(url)
    started_again.write(batch(on_day(0, "again"))).result(30)
    assert kept(started_again) == {"again"}


@contextmanager
def observed(store: Store) -> Iterator[list[tuple[str, Any]]]:
    seen: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if statement.startswith("SELECT"):
            seen.append((statement, parameters))

    event.listen(store._database.reading, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(store._database.reading, "before_cursor_execute", note)


def touched(store: Store, ask: Any) -> set[str]:
    """The parts that are in the plans of all statements that a question takes."""
    with observed(store) as seen:
        ask()
    found: set[str] = set()
    with store._database.read() as connection:
        for statement, parameters in seen:
            plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars()
            text = "\n".join(plan)
            found.update(
                part.name for part in partitions.parts_of(connection, "deliveries") if part.name in text
            )
    return found


@pytest.fixture(scope="module")
def filled(postgres: PostgresServer) -> Iterator[Store]:
    """Twenty days."""
    clock = [0.0]
    store = Store(fresh_database(postgres), max_queued_bytes=64 * MIB, clock=lambda: clock[0])
    try:
        for day in range(20):
            clock[0] = NOW / 1e9 + day * 86_400
            made = deliveries(100, since=NOW + (day - 1) * DAY, until=NOW + day * DAY, seed=day)
            store.write(batch(*made)).result(30)
        yield store
    finally:
        store.close()


@pytest.mark.parametrize("fields", [{}, {"outcome": "accepted"}, {"provider": "stripe"}], ids=str)
def test_the_newest_page_asks_no_old_part(filled: Store, fields: dict[str, Any]) -> None:
    names = touched(filled, lambda: filled.deliveries(Filter(**fields), 10))
    assert {name[:19] for name in names} <= {f"deliveries_202610{day:02}" for day in range(8, 12)}


def test_a_time_asks_only_the_parts_that_can_hold_it(filled: Store) -> None:
    names = touched(filled, lambda: filled.listed(Filter(since=NOW + 15 * DAY, outcome="accepted"), 50))
    assert {name[:19] for name in names} <= {f"deliveries_202610{day:02}" for day in range(5, 12)}


def test_the_rows_of_a_page_are_read_out_of_their_parts(filled: Store) -> None:
    place = filled.deliveries(Filter(until=NOW + 3 * DAY), 1).deliveries[0]
    with observed(filled) as seen:
        assert filled.delivery(place.id) is not None
    detail = [(statement, parameters) for statement, parameters in seen if "details.detail" in statement]
    with filled._database.read() as connection:
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {detail[0][0]}", detail[0][1]).scalars())
    assert len(set(re.findall(r"on (details_\d+\w*)", plan))) == 1


@pytest.mark.parametrize(
    "fields", [{}, {"outcome": "accepted"}, {"provider": "twilio"}, {"event_type": "push"}], ids=str
)
def test_pages_follow_each_other_through_all_parts_in_order(filled: Store, fields: dict[str, Any]) -> None:
    found: list[Any] = []
    cursor = None
    while True:
        page = filled.deliveries(Filter(**fields), 7, cursor)
        found += page.deliveries
        if (cursor := page.next_cursor) is None:
            break
    assert [one.id for one in found] == [one.id for one in filled.iterate(Filter(**fields), 10_000)]
    assert [one.time_ns for one in found] == sorted((one.time_ns for one in found), reverse=True)
    assert len({one.id for one in found}) == len(found)
    assert filled.hits(Filter(**fields)).count == min(len(found), 1000)
    middle = len(found) // 2
    beside = filled.neighbours(Filter(**fields), found[middle].id)
    assert beside == (found[middle - 1].id, found[middle + 1].id)


def test_a_late_delivery_stands_where_it_belongs(url: str, open_store: OpenStore) -> None:
    time = Time()
    store = time.store(open_store, url)
    for day in range(12):
        store.write(batch(*(on_day(day, f"{day}-{n}") for n in range(3)))).result(30)
        time.clock += 86_400
    # After ten days in a queue.
    store.write(batch(on_day(2.5, "late"))).result(30)
    ids = [one.id for one in store.iterate(Filter(), 100)]
    assert ids.index("late") == 27
    page = store.deliveries(Filter(), 10)
    assert "late" not in {one.id for one in page.deliveries}
    assert store.neighbours(Filter(), "late") == (ids[26], ids[28])
