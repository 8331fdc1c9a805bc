"""What is old, or more than there is room for, goes; the rest stays, and the writer is not held up."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
from support.scale import rows as some

from outworx_otel.server.model import Batch, Count, Filter
from outworx_otel.server.store import Store
from server.store.conftest import MIB, OpenStore, rows
from server.store.samples import DAY, NOW, batch, deliveries, one, span


def tidy(store: Store) -> int:
    """Until there is nothing more to do; how many steps that took."""
    steps = 1
    while store._retention.step(0) < 1:
        steps += 1
        assert steps < 1000
    return steps


class Time:
    """The clock and what has really passed; a test sets the one and lets the other go by."""

    def __init__(self) -> None:
        self.clock = NOW / 1e9
        self.ticks = 1000.0

    def passes(self, store: Store, days: float) -> None:
        """Some hours at a time, with housekeeping, as in a server that runs."""
        tidy(store)
        for _ in range(round(days * 4)):
            self.clock += 6 * 3600
            self.ticks += 6 * 3600
            store._retention.step(0)
        tidy(store)

    def store(self, open_store: OpenStore, url: str, **options: Any) -> Store:
        return open_store(url, clock=lambda: self.clock, ticks=lambda: self.ticks, **options)


TABLES = ("deliveries", "details", "spans", "rollups", "durations", "event_types")


def test_what_is_remembered_of_figures_goes_with_them(shared_url: str, open_store: OpenStore) -> None:
    time = Time()
    store = time.store(open_store, shared_url, retention_days=7)
    store.write(batch(*deliveries(300, since=NOW - 4 * DAY, until=NOW))).result(30)
    totals = []
    for days in (0, 9):
        time.passes(store, days)
        figures = store.overview(NOW - 5 * DAY, NOW, Filter())
        totals.append(figures.total)
        assert figures == open_store(shared_url, clock=lambda: time.clock).overview(
            NOW - 5 * DAY, NOW, Filter()
        )
    assert totals == [300, 0]
    assert (figures.p95_ns, store.choices().providers) == (None, [])


def test_what_arrived_before_the_days_that_are_kept_goes_with_all_that_belongs_to_it(
    url: str, open_store: OpenStore
) -> None:
    time = Time()
    store = time.store(open_store, url, retention_days=7)
    old = list(deliveries(150, since=NOW - 2 * DAY, until=NOW - DAY))
    recent = list(deliveries(50, since=NOW + 2 * DAY, until=NOW + 3 * DAY, seed=2))
    spans = [span("a" * 32, number) for number in range(20)]
    counts = [Count(time_ns=NOW, provider="p", outcome="accepted", value=1)]
    store.write(batch(*old, *spans)).result(30)
    store.write(Batch(counts=counts)).result(30)
    time.passes(store, 3)
    store.write(batch(*recent)).result(30)
    assert len(list(store.iterate(Filter(), 5000))) == 200
    time.passes(store, 5)
    assert {one.id for one in store.iterate(Filter(), 5000)} == {one.id for one in recent}
    assert store.spans("a" * 32) == []
    assert store.overview(0, NOW + 9 * DAY, Filter()).total == 50
    assert rows(store, "details") == 50
    time.passes(store, 9)
    for table in TABLES:
        assert rows(store, table) == 0
    assert rows(store, "marks") < 9 * 4
    # What comes now is new, whatever numbers those had.
    store.write(batch(one(time_ns=NOW + 17 * DAY))).result(30)
    time.passes(store, 5)
    assert rows(store, "deliveries") == 1


@pytest.mark.parametrize(
    "jump", [365 * 86_400, -365 * 86_400, 20_000 * 86_400], ids=["ahead", "back", "decades"]
)
def test_a_clock_that_jumps_removes_nothing(sqlite_url: str, open_store: OpenStore, jump: int) -> None:
    time = Time()
    store = time.store(open_store, sqlite_url, retention_days=7)
    store.write(batch(*deliveries(300), span("a" * 32, 1))).result(30)
    time.passes(store, 1)
    before = {table: rows(store, table) for table in TABLES}
    time.clock += jump
    time.ticks += 1
    tidy(store)
    store.write(batch(one(id="during"))).result(30)
    time.passes(store, 0.25)
    time.clock -= jump
    time.passes(store, 3)
    after = {table: rows(store, table) for table in TABLES}
    # Of the figures the finest go after three days, as ever.
    assert {name: after[name] - before[name] for name in ("deliveries", "details", "spans")} == {
        "deliveries": 1,
        "details": 1,
        "spans": 0,
    }
    assert store.overview(NOW - 2 * DAY, NOW + DAY, Filter()).total >= 300
    time.passes(store, 5)
    assert rows(store, "deliveries") == 0


def test_a_clock_that_was_set_while_the_server_was_away_removes_nothing(
    url: str, open_store: OpenStore
) -> None:
    time = Time()
    first = time.store(open_store, url, retention_days=7)
    first.write(batch(*deliveries(20))).result(30)
    time.passes(first, 1)
    first.close()
    time.clock += 365 * 86_400
    second = time.store(open_store, url, retention_days=7)
    tidy(second)
    assert rows(second, "deliveries") == 20
    time.passes(second, 7)
    assert rows(second, "deliveries") == 0


def test_two_servers_on_one_database_make_nothing_older_than_it_is(
    postgresql_url: str, open_store: OpenStore
) -> None:
    time = Time()
    stores = [time.store(open_store, postgresql_url, retention_days=7) for _ in range(2)]
    stores[0].write(batch(*deliveries(20))).result(30)
    for _ in range(6 * 4):
        for store in stores:
            time.clock += 3 * 3600
            time.ticks += 3 * 3600
            store._retention.step(0)
    assert rows(stores[0], "deliveries") == 20
    time.passes(stores[1], 2)
    assert rows(stores[0], "deliveries") == 0


def test_an_old_time_of_the_senders_makes_nothing_old(sqlite_url: str, open_store: OpenStore) -> None:
    """An import, or a queue that was held up, has just arrived."""
    time = Time()
    store = time.store(open_store, sqlite_url, retention_days=7)
    store.write(batch(*deliveries(50, since=NOW - 300 * DAY, until=NOW - 200 * DAY))).result(30)
    time.passes(store, 6)
    assert rows(store, "deliveries") == 50


@pytest.mark.parametrize("big", some([0], [1500]))
def test_what_was_never_proved_genuine_pushes_no_history_out(
    url: str, open_store: OpenStore, big: int
) -> None:
    room = {"sqlite": 3, "postgresql": 6, "chdb": 1}
    store = open_store(url, max_bytes=room[url.partition(":")[0].partition("+")[0]] * MIB)
    genuine = [one(id=f"genuine-{number}", signature_valid=True) for number in range(2000)]
    store.write(batch(*genuine)).result(30)
    for part in range(12):
        strangers = [
            one(
                id=f"stranger-{part}-{number}",
                outcome="rejected",
                signature_valid=None if number % 2 else False,
                event_type=f"made-up-{part}-{number}",
                status_message=secrets.token_hex(big),
            )
            for number in range(500)
        ]
        store.write(batch(*strangers)).result(30)
        vacuum(store)
        tidy(store)
    left = list(store.iterate(Filter(), 50_000))
    genuine_left = sum(delivery.id.startswith("genuine") for delivery in left)
    assert genuine_left >= 1700
    # Those that came last are there to be looked at.
    last = [delivery.id for delivery in left if delivery.id.startswith("stranger-11-")]
    assert last
    assert len(left) - genuine_left < 5000
    # Filters offer nothing that strangers made up.
    assert not any(name.startswith("made-up") for name in store.choices().event_types)


def test_where_nothing_is_verified_the_whole_room_is_used(sqlite_url: str, open_store: OpenStore) -> None:
    store = open_store(sqlite_url, max_bytes=3 * MIB)
    for part in range(8):
        store.write(batch(*(one(id=f"{part}-{n}", signature_valid=None) for n in range(1000)))).result(30)
    tidy(store)
    with store._database.read() as connection:
        assert 2 * MIB < store._database.size(connection) <= 3 * MIB
    assert rows(store, "deliveries") > 1500


def test_event_types_of_what_is_not_verified_are_bounded(sqlite_store: Store) -> None:
    made_up = (
        one(id=f"u{n}", signature_valid=None, outcome="accepted", event_type=f"u{n}") for n in range(400)
    )
    sqlite_store.write(batch(*made_up)).result(30)
    real = (one(id=f"r{n}", signature_valid=True, event_type=f"r{n}") for n in range(100))
    sqlite_store.write(batch(*real)).result(30)
    with sqlite_store._database.read() as connection:
        kept = set(connection.exec_driver_sql("SELECT event_type FROM event_types").scalars())
    assert {f"r{n}" for n in range(100)} <= kept
    assert len(kept) <= 351


def vacuum(store: Store) -> None:
    """As autovacuum does once a minute."""
    if not store._database.counts_free_room:
        with store._database.reading.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM")


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
    time = Time()
    store = time.store(open_store, sqlite_url)
    for part in range(5):
        store.write(batch(*deliveries(2000, seed=part))).result(30)
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    with store._database.read() as connection:
        before = store._database.size(connection)
    time.passes(store, 31)
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
        vacuum(store)
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
