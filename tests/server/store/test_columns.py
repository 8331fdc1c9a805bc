"""The history in ClickHouse's columns: what is its own, beside what every store does."""

from __future__ import annotations

import contextlib
import logging
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from support.receiver import free_port

from outworx_otel.errors import ConfigurationError
from outworx_otel.server.model import Filter, Hits
from outworx_otel.server.store import QueryTooWide, Store, StoreUnavailable
from outworx_otel.server.store.columns import conditions, reading
from outworx_otel.server.store.columns.engine import Engine
from outworx_otel.server.store.columns.history import ColumnHistory
from outworx_otel.server.store.columns.tables import Tables
from outworx_otel.telemetry import semconv
from server.store.conftest import ENGINE, MIB, OpenStore, rows, state_of
from server.store.samples import DAY, NOW, batch, deliveries, one, process_span, span

_OPENS = """
import sys
from outworx_otel.server.store import Store

Store(sys.argv[1], state=sys.argv[2], max_queued_bytes=1)
"""
pytestmark = pytest.mark.needs(ENGINE)


@pytest.fixture
def columns(chdb_url: str, open_store: OpenStore) -> Store:
    return open_store(chdb_url)


def history_of(store: Store) -> ColumnHistory:
    assert isinstance(store._history, ColumnHistory)
    return store._history


def listed(store: Store, **wanted: object) -> list[str]:
    return [one.id for one in store.deliveries(Filter(**wanted), 100).deliveries]  # type: ignore[arg-type]


@contextlib.contextmanager
def not_counted(store: Store, already: int) -> Iterator[None]:
    """The state takes no transaction any more once there are more deliveries than `already`."""

    def fail(_: object) -> None:
        if rows(store, "deliveries") > already:
            full = sqlite3.OperationalError("database or disk is full")
            raise OperationalError("COMMIT", None, full)

    event.listen(store._database.writing, "commit", fail)
    try:
        yield
    finally:
        event.remove(store._database.writing, "commit", fail)


def test_what_was_inserted_and_not_counted_is_written_once_when_it_is_sent_again(
    columns: Store, chdb_url: str, open_store: OpenStore
) -> None:
    """The process ends, or the state's disk fills up, after ClickHouse has it and before it is counted."""
    columns.write(batch(one(id="before"))).result(30)
    written = batch(one(id="again"), span("a" * 32, 1))
    with not_counted(columns, already=1), pytest.raises(StoreUnavailable, match="disk is full"):
        columns.write(written).result(30)
    assert rows(columns, "deliveries") == 2
    columns.close()
    second = open_store(chdb_url)
    assert listed(second) == ["before"]
    second.write(written).result(30)
    assert set(listed(second)) == {"before", "again"}
    assert (rows(second, "deliveries"), rows(second, "spans")) == (2, 1)
    assert second.overview(NOW - DAY, NOW + DAY, Filter()).total == 2


def test_the_same_process_takes_out_what_it_could_not_count(columns: Store) -> None:
    with not_counted(columns, already=0), pytest.raises(StoreUnavailable, match="disk is full"):
        columns.write(batch(one(id="again"))).result(30)
    columns.write(batch(one(id="again"), one(id="other"))).result(30)
    assert rows(columns, "deliveries") == 2
    assert columns.overview(NOW - DAY, NOW + DAY, Filter()).total == 2


def test_a_delivery_whose_deferred_work_fails_later_is_found_by_its_problem(columns: Store) -> None:
    deferred = one(id="a" * 32, trace_id="b" * 16 + "a" * 16, span_id="a" * 16, outcome="deferred")
    columns.write(batch(deferred)).result(30)
    assert columns.problems().problems == []
    ended = process_span(deferred, attributes={semconv.PROCESSING_STATUS: "failed"})
    columns.write(batch(msgspec.structs.replace(ended, name="process"))).result(30)
    (problem,) = columns.problems().problems
    assert listed(columns, problem=problem.id) == [deferred.id]
    assert listed(columns, problem=problem.id, provider="nobody") == []
    assert columns.hits(Filter(problem=problem.id)).count == 1


def test_where_room_is_short_the_oldest_day_of_spans_goes_and_of_one_day_the_beginning(
    chdb_url: str, open_store: OpenStore
) -> None:
    now = [NOW / 1e9]
    store = open_store(chdb_url, clock=lambda: now[0], max_bytes=40_000)
    for day in range(3):
        noise = {"noise": secrets.token_hex(2000)}
        store.write(batch(*(span(f"{day:032x}", n, attributes=noise) for n in range(20)))).result(30)
        now[0] += 86_400
    # The room for spans is a quarter: some 10 kB, of 14 that there are.
    while store._retention.step(0) < 1:
        pass
    assert store.spans(f"{0:032x}") == []
    assert len(store.spans(f"{2:032x}")) == 20
    assert sum(history_of(store)._tables.sizes().values()) <= 40_000


def test_filters_and_words_are_read_off_their_indices(columns: Store) -> None:
    columns.write(batch(*deliveries(2000), one(outcome="failed", failure="the bank refused it"))).result(60)
    engine, table = history_of(columns)._engine, history_of(columns)._tables.deliveries
    for condition, index in (
        (conditions.has_any("p", ["stripe", "github"]), "facets"),
        (f"words LIKE {conditions.like('bank refused')}", "texts"),
        ("event_hash = 5", "events"),
        (f"idempotency_key = {conditions.literal(b'key')}", "keys"),
        ("seq BETWEEN 5 AND 9", "arrival"),
    ):
        query = f"EXPLAIN indexes = 1 SELECT seq FROM {table} WHERE {condition}"  # noqa: S608
        plan = "\n".join(row[0] for row in engine.query(query))
        assert f"Name: {index}" in plan, plan


def test_a_search_that_found_enough_looks_no_further_back_and_goes_on_where_it_stopped(
    columns: Store,
) -> None:
    days = [0] * 120 + [20] * 3
    failed = [
        one(id=f"{n:03}", time_ns=NOW - ago * DAY - n, outcome="failed", failure="the bank refused it")
        for n, ago in enumerate(days)
    ]
    columns.write(batch(*failed)).result(60)
    wanted = Filter(search="refused")
    page, hits = columns.listed(wanted, 50)
    assert hits == Hits(120, at_least=True)
    shown = [one.id for one in page.deliveries]
    while page.next_cursor is not None:
        page = columns.deliveries(wanted, 50, page.next_cursor)
        shown += [one.id for one in page.deliveries]
    assert shown == [one.id for one in failed]
    assert columns.neighbours(wanted, "120") == ("119", "121")


def test_a_search_in_a_problem_looks_through_its_newest_and_goes_on_where_it_stopped(
    columns: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_OF_A_PROBLEM", 10)
    same = {"service": "shop", "provider": "stripe", "route": "/", "outcome": "failed", "failure": "no stock"}
    failed = [one(id=f"{n:03}", time_ns=NOW - n, event_type=f"t.{n % 12}.x", **same) for n in range(25)]
    columns.write(batch(*failed)).result(60)
    (problem,) = columns.problems().problems
    wanted = Filter(problem=problem.id, search="T.11.")
    page = columns.deliveries(wanted, 5)
    assert (page.deliveries, page.looked_back_to) == ([], NOW - 9)
    page = columns.deliveries(wanted, 5, page.next_cursor)
    assert [one.id for one in page.deliveries] == ["011"]
    page = columns.deliveries(wanted, 5, page.next_cursor)
    assert ([one.id for one in page.deliveries], page.next_cursor) == (["023"], None)


def test_a_second_process_is_told_which_one_has_it_open(columns: Store, chdb_url: str) -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", _OPENS, chdb_url, str(state_of(chdb_url)) + "2"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "StoreUnavailable: database chdb:///" in done.stderr
    assert "has it open, and chDB takes one at a time: end that" in done.stderr
    columns.write(batch(one())).result(30)


def test_another_state_is_refused(
    columns: Store, chdb_url: str, tmp_path: Path, open_store: OpenStore
) -> None:
    """Two would give the same numbers to different deliveries."""
    columns.write(batch(one(id="kept"))).result(30)
    columns.close()
    with pytest.raises(StoreUnavailable, match=r"counted in another --state.*MODIFY COMMENT"):
        open_store(chdb_url, state=f"sqlite:///{tmp_path}/another.db")
    assert listed(open_store(chdb_url)) == ["kept"]


def test_a_query_that_takes_too_long_is_ended(columns: Store) -> None:
    with pytest.raises(QueryTooWide, match="narrow the time"):
        history_of(columns)._engine.query("SELECT sum(number) FROM numbers(1000000000000)", seconds=1)
    columns.healthy()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("clickhouse://me:secret-word@/", "takes a host and a name"),
        ("clickhouse://me:secret-word@host", "takes a host and a name"),
        ("clickhouse://me:secret-word@host/a;b", "letters, digits"),
        ("clickhouse://me:secret-word@host/db?cluster=a'b", "cluster= may have letters"),
        ("clickhouse://me:secret-word@host/db?secure=yes", "secure= is true or false"),
        ("clickhouse://me:secret-word@host/db?compress=1", "compress= is not known: there are"),
        ("chdb://host/path", "a path after three slashes"),
        ("chdb://", "a path after three slashes"),
        ("chdb:////nowhere/at/all", "/nowhere/at does not exist: make it"),
    ],
)
def test_a_url_that_cannot_be_used_says_what_can(url: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=said) as raised:
        Store(url, state=f"sqlite:///{tmp_path}/state.db", max_queued_bytes=MIB)
    assert "secret-word" not in str(raised.value)


def test_a_state_is_for_columns_alone(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--state is for clickhouse:// and chdb://"):
        Store(f"sqlite:///{tmp_path}/a.db", state=f"sqlite:///{tmp_path}/b.db", max_queued_bytes=MIB)


def test_a_server_that_is_away_is_said_in_one_line_without_its_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"clickhouse://me:secret-word@127.0.0.1:{free_port()}/db"
    caplog.set_level(logging.DEBUG)
    with pytest.raises(StoreUnavailable, match="does not answer: is the server running") as raised:
        Store(url, state=f"sqlite:///{tmp_path}/state.db", max_queued_bytes=MIB)
    assert "secret-word" not in str(raised.value) + caplog.text
    assert "Traceback" not in caplog.text


def test_while_it_is_away_what_the_state_knows_is_told_and_nothing_is_taken(
    columns: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine in this process cannot be away, as a server can."""
    columns.write(batch(one(id="before", outcome="failed"))).result(30)

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("database clickhouse://host/hooks: it does not answer")

    with monkeypatch.context() as gone:
        for name in ("query", "insert", "change"):
            gone.setattr(Engine, name, away)
        assert columns.overview(NOW - DAY, NOW + DAY, Filter()).total == 1
        assert len(columns.problems().problems) == 1
        assert columns.claims.claim("key", "token", 30)
        for asked in (lambda: columns.deliveries(Filter(), 5), columns.healthy):
            with pytest.raises(StoreUnavailable, match="does not answer"):
                asked()
        refused = columns.write(batch(one(id="refused")))
        with pytest.raises(StoreUnavailable, match="does not answer"):
            refused.result(30)
    columns.write(batch(one(id="refused"))).result(30)
    assert set(listed(columns)) == {"before", "refused"}


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("clickhouse://host/db", "clickhouse_connect", "clickhouse"),
        ("chdb:///{}", "chdb", "chdb"),
    ],
)
def test_what_is_not_installed_is_named(
    url: str, module: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    said = rf"this needs {module}: pip install 'outworx-otel\[server,{extra}\]'"
    with pytest.raises(ConfigurationError, match=said):
        Store(url.format(tmp_path / "c"), state=f"sqlite:///{tmp_path}/state.db", max_queued_bytes=MIB)


class _Recorded:
    """What a cluster would be told; nothing here has one."""

    database = "hooks"
    cluster = "three_shards"
    shown = "clickhouse://host/hooks"
    is_in_process = False

    def __init__(self) -> None:
        self.statements: list[str] = []

    def change(self, statement: str) -> None:
        self.statements.append(statement)


def test_the_tables_of_a_cluster_are_replicated_and_spread(columns: Store) -> None:
    recorded = _Recorded()
    Tables(recorded).make()  # type: ignore[arg-type]
    local, spread = recorded.statements[:2]
    assert "`hooks`.outworx_deliveries_local ON CLUSTER 'three_shards'" in local
    assert (
        "ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/outworx_deliveries', '{replica}')"
        in local
    )
    assert "Distributed('three_shards', 'hooks', 'outworx_deliveries_local', cityHash64(id))" in spread
    engine: Engine = history_of(columns)._engine
    for statement in recorded.statements:
        engine.query(f"EXPLAIN AST {statement}")
