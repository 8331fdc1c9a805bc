"""What a PostgreSQL held before there were parts becomes the first of them, as it is."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, delete, insert, select
from support.databases import PostgresServer

from outworx_otel.server.model import Filter
from outworx_otel.server.store import Store, partitions
from outworx_otel.server.store.database import open_database
from outworx_otel.server.store.migrate import SCRIPTS
from outworx_otel.server.store.schema import metadata
from server.store.conftest import OpenStore, fresh_database
from server.store.samples import DAY, NOW, batch, deliveries, one, span
from server.store.test_parts import kept, on_day, parts, rows_by_part
from server.store.test_retention import Time, tidy

_TRACE = "a" * 32
MADE = [*deliveries(700, since=NOW - 5 * DAY), *(span(_TRACE, number) for number in range(20))]


@pytest.fixture
def before(postgres: PostgresServer, open_store: OpenStore) -> tuple[str, Store]:
    """A database as the last release left it, and a store of now that holds the same."""
    now = open_store(fresh_database(postgres))
    now.write(batch(*MADE)).result(30)
    url = fresh_database(postgres)
    database = open_database(url, 5.0)
    try:
        with now._database.read() as source, database.writing.begin() as target:
            config = Config()
            config.set_main_option("script_location", str(SCRIPTS))
            config.attributes["connection"] = target
            command.upgrade(config, "0008")
            for table in metadata.sorted_tables:
                target.execute(delete(table))
                if rows := as_they_were(source, table):
                    target.execute(insert(table), rows)
    finally:
        database.close()
    return url, now


def as_they_were(source: Connection, table: Any) -> list[dict[str, Any]]:
    """A table's rows, numbered in the order of arrival."""
    if table.name == "marks":
        return []
    rows = [dict(row) for row in source.execute(select(table)).mappings()]
    if table.name in partitions.PARTED:
        of_it = "spans" if table.name == "spans" else "deliveries"
        numbers = source.execute(select(metadata.tables[of_it].c.seq)).scalars()
        # A day's parts count together.
        in_order = sorted(numbers, key=lambda number: number % partitions.UNPROVED)
        place = {number: at for at, number in enumerate(in_order, 1)}
        return [{**row, "seq": place[row["seq"]]} for row in rows]
    return [row for row in rows if row.get("name") != "part_in_use"]


def asked(url: str, query: str) -> list[Any]:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


_FILES = """SELECT replace(c.relname, '_before', ''), pg_relation_filenode(c.oid) FROM pg_index i
JOIN pg_class c ON c.oid IN (i.indexrelid, i.indrelid)
WHERE i.indrelid IN ('deliveries{0}'::regclass, 'details{0}'::regclass, 'spans{0}'::regclass) ORDER BY 1"""


def test_everything_is_there_after_the_upgrade_and_nothing_was_written_anew(
    before: tuple[str, Store], open_store: OpenStore
) -> None:
    url, like = before
    files = asked(url, _FILES.format(""))
    store = open_store(url)
    assert asked(url, _FILES.format("_before")) == files
    assert rows_by_part(url) == {"deliveries_before": 700}
    assert asked(url, "SELECT count(*) FROM pg_constraint WHERE conname LIKE '%_before_numbers'") == [(0,)]
    for wanted in (Filter(), Filter(outcome="rejected"), Filter(provider="stripe", since=NOW - 2 * DAY)):
        listed, hits = store.listed(wanted, 50)
        assert (listed.deliveries, hits) == (like.listed(wanted, 50)[0].deliveries, like.hits(wanted))
    assert kept(store) == kept(like)
    some = store.deliveries(Filter(until=NOW - DAY), 1).deliveries[0]
    assert store.delivery(some.id) == like.delivery(some.id)
    assert store.neighbours(Filter(), some.id) == like.neighbours(Filter(), some.id)
    assert len(store.spans(_TRACE)) == 20
    assert store.overview(NOW - 6 * DAY, NOW, Filter()).total == 700


def test_what_was_there_is_not_doubled_and_what_comes_is_in_its_days_part(
    before: tuple[str, Store], open_store: OpenStore
) -> None:
    url, _ = before
    store = open_store(url)
    store.write(batch(*MADE, one(id="new", signature_valid=True))).result(30)
    assert rows_by_part(url) == {"deliveries_before": 700, "deliveries_20260921": 1}
    assert rows_by_part(url, "spans") == {"spans_before": 20}
    assert store.delivery("new") is not None


def test_what_was_there_goes_by_and_by_when_it_is_old_and_its_part_once_it_is_empty(
    before: tuple[str, Store], open_store: OpenStore
) -> None:
    url, _ = before
    time = Time()
    store = time.store(open_store, url, retention_days=2)
    for day in range(5):
        store.write(batch(on_day(day, f"day-{day}"))).result(30)
        time.passes(store, 1)
    tidy(store)
    assert "deliveries_before" not in parts(url)
    assert "spans_before" not in parts(url, "spans")
    assert kept(store) == {"day-3", "day-4"} | (kept(store) & {"day-2"})


def test_servers_that_start_together_upgrade_once(before: tuple[str, Store], open_store: OpenStore) -> None:
    url, _ = before
    opened = "import sys; from outworx_otel.server.store import Store; Store(sys.argv[1], max_queued_bytes=1).close()"
    command_line = [sys.executable, "-c", opened, url]
    started = [subprocess.Popen(command_line) for _ in range(3)]  # noqa: S603
    assert [process.wait(60) for process in started] == [0] * 3
    store = open_store(url)
    store.write(batch(one(id="new"))).result(30)
    assert len(kept(store)) == 701


def test_an_upgrade_that_was_cut_off_is_taken_up_again(
    before: tuple[str, Store], open_store: OpenStore
) -> None:
    url, _ = before
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(
            "ALTER TABLE details ADD CONSTRAINT details_before_numbers CHECK (seq < 68719476736) NOT VALID"
        )
    assert len(kept(open_store(url))) == 700
