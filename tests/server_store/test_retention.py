"""What is old, or more than there is room for, goes; the rest stays, and the writer is not held up."""

from __future__ import annotations

from pathlib import Path

from outworx_otel.server.model import Batch, Count, Filter
from outworx_otel.server.store import Store
from server_store.conftest import MIB, OpenStore
from server_store.samples import DAY, NOW, batch, deliveries, one, span


def tidy(store: Store) -> int:
    """Until there is nothing more to do; how many steps that took."""
    steps = 1
    while store._retention.step(0) < 1:
        steps += 1
        assert steps < 1000
    return steps


def rows(store: Store, table: str) -> int:
    with store._database.read() as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())  # noqa: S608


def test_what_is_older_than_the_days_that_are_kept_goes_with_all_that_belongs_to_it(
    url: str, open_store: OpenStore
) -> None:
    now = NOW / 1e9
    store = open_store(url, retention_days=7, clock=lambda: now)
    old = list(deliveries(1200, since=NOW - 2 * DAY, until=NOW - DAY))
    recent = list(deliveries(100, since=NOW + 2 * DAY, until=NOW + 3 * DAY, seed=2))
    spans = [span("a" * 32, number) for number in range(20)]
    counts = [Count(time_ns=NOW, provider="p", outcome="accepted", value=1)]
    store.write(batch(*old, *spans)).result(30)
    store.write(Batch(counts=counts)).result(30)
    now += 3 * 86_400
    store.write(batch(*recent)).result(30)
    tidy(store)
    assert len(list(store.iterate(Filter(), 5000))) == 1300
    now += 5 * 86_400
    tidy(store)
    assert {one.id for one in store.iterate(Filter(), 5000)} == {one.id for one in recent}
    assert store.spans("a" * 32) == []
    assert store.overview(0, NOW + 9 * DAY, Filter()).total == 100
    assert rows(store, "details") == 100
    now += 30 * 86_400
    tidy(store)
    for table in ("deliveries", "details", "spans", "rollups", "durations", "event_types"):
        assert rows(store, table) == 0


def test_the_oldest_go_when_there_is_no_more_room(sqlite_url: str, open_store: OpenStore) -> None:
    store = open_store(sqlite_url, max_bytes=3 * MIB)
    for part in range(12):
        begins = NOW - DAY + part * DAY // 12
        store.write(batch(*deliveries(1000, begins, begins + DAY // 12, seed=part))).result(30)
    tidy(store)
    left = list(store.iterate(Filter(), 20_000))
    assert 500 < len(left) <= 6000
    with store._database.read() as connection:
        assert store._database.size(connection) <= 3 * MIB
    # The newest ones, and figures of all.
    assert min(one.time_ns for one in left) > NOW - DAY // 2
    assert store.overview(NOW - DAY, NOW + 1, Filter()).total == 12_000


def test_the_file_gets_smaller_again(sqlite_url: str, open_store: OpenStore) -> None:
    now = NOW / 1e9
    store = open_store(sqlite_url, clock=lambda: now)
    for part in range(5):
        store.write(batch(*deliveries(2000, seed=part))).result(30)
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    with store._database.read() as connection:
        before = store._database.size(connection)
    now += 31 * 86_400
    tidy(store)
    store.close()
    assert file.stat().st_size < before * 0.6


def test_room_is_kept_while_deliveries_pour_in(sqlite_url: str, open_store: OpenStore) -> None:
    store = open_store(sqlite_url, max_bytes=2 * MIB)
    largest = 0
    for part in range(40):
        store.write(batch(*deliveries(500, seed=part))).result(30)
        with store._database.read() as connection:
            largest = max(largest, store._database.size(connection))
    # The writer tidies after 2,000 rows, by itself.
    assert largest < 6 * MIB
    assert 0 < rows(store, "deliveries") < 10_000


def test_postgresql_stops_removing_once_there_is_room_to_reuse(
    postgresql_url: str, open_store: OpenStore
) -> None:
    store = open_store(postgresql_url, max_bytes=9 * MIB)
    for part in range(12):
        store.write(batch(*deliveries(1000, seed=part))).result(30)
        # As autovacuum does once a minute.
        with store._database.reading.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM")
    tidy(store)
    left = rows(store, "deliveries")
    assert 500 < left < 9000
    tidy(store)
    assert rows(store, "deliveries") == left


def test_spans_have_a_share_of_the_room_and_the_oldest_make_way(
    sqlite_url: str, open_store: OpenStore
) -> None:
    store = open_store(sqlite_url, max_bytes=2 * MIB)
    for part in range(40):
        trace = f"{part:032x}"
        store.write(batch(*(span(trace, number) for number in range(200)))).result(30)
    store.write(batch(one())).result(30)
    tidy(store)
    assert store.spans(f"{0:032x}") == []
    assert len(store.spans(f"{39:032x}")) == 200
    assert len(store.deliveries(Filter(), 5).deliveries) == 1
