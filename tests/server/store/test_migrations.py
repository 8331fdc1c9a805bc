"""How a database becomes what this release knows."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from outworx_otel.server.model import Filter
from outworx_otel.server.store import Store, StoreUnavailable
from outworx_otel.server.store.migrate import SCRIPTS, _upgrade
from outworx_otel.server.store.schema import HEAD, VERSION_TABLE, metadata
from server.store.conftest import MIB, OpenStore
from server.store.samples import DAY, NOW, batch, one

_GET_VERSION = text(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608
_DROP_VERSION = text(f"DROP TABLE {VERSION_TABLE}")
_SET_VERSION = text(f"UPDATE {VERSION_TABLE} SET version_num = :version")  # noqa: S608


_OF_PROBLEMS = (
    *("endpoints", "problems", "events", "clocks", "alerts", "leases"),
    *("endpoint_figures", "alert_sendings"),
)


def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return ScriptDirectory.from_config(config)


def test_the_last_migration_is_what_the_schema_says() -> None:
    assert scripts().get_heads() == [HEAD]


def test_a_database_that_went_through_all_migrations_is_one_that_was_made_now(
    empty_url: str, open_store: OpenStore
) -> None:
    made = open_store(empty_url)
    with made._database.write() as connection:
        as_made = described(connection)
        metadata.drop_all(connection)
        connection.execute(_DROP_VERSION)
        _upgrade(connection)
    with made._database.read() as connection:
        assert described(connection) == as_made
        assert connection.execute(_GET_VERSION).scalar_one() == HEAD


def described(connection: Connection) -> dict[str, Any]:
    """All tables; the order of columns aside, which no statement of ours depends on."""
    found: dict[str, Any] = {}
    inspected = inspect(connection)
    names = set(inspected.get_table_names())
    if connection.dialect.name != "sqlite":
        # The parts are those of the day on which something came.
        names -= set(
            connection.exec_driver_sql("SELECT relname FROM pg_class WHERE relispartition").scalars()
        )
    for name in sorted(names):
        indices = "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :name"
        if connection.dialect.name != "sqlite":
            indices = "SELECT indexdef FROM pg_indexes WHERE tablename = :name"
        found[name] = (
            sorted((one["name"], str(one["type"]), one["nullable"]) for one in inspected.get_columns(name)),
            inspected.get_pk_constraint(name),
            sorted(str(row[0]) for row in connection.execute(text(indices), {"name": name})),
        )
    return found


def test_migrations_make_the_tables_that_the_schema_describes(empty_url: str, open_store: OpenStore) -> None:
    store = open_store(empty_url)
    with store._database.read() as connection:

        def is_everywhere(_object: Any, name: str | None, *_more: Any) -> bool:
            # These two PostgreSQL has in each part.
            return connection.dialect.name == "sqlite" or name not in ("deliveries_id", "spans_trace")

        opts = {"version_table": VERSION_TABLE, "compare_type": True, "include_object": is_everywhere}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, metadata) == []
        if connection.dialect.name == "sqlite":
            made = {row[0] for row in connection.exec_driver_sql(_SQLITE_WITHOUT_ROWID).all()}
            assert made == {"rollups", "durations", "event_types", "endpoint_figures"}
            assert connection.exec_driver_sql("PRAGMA auto_vacuum").scalar_one() == 2
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"


_SQLITE_WITHOUT_ROWID = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%WITHOUT ROWID%'"


def _without_parts() -> Iterator[str]:
    """Makes plain tables of those in parts."""
    for table in ("deliveries", "details", "spans"):
        yield f"CREATE TABLE plain AS SELECT * FROM {table}"  # noqa: S608  # our own names
        # The one row of each is the first.
        yield "UPDATE plain SET seq = 1"
        yield f"DROP TABLE {table}"
        yield f"ALTER TABLE plain RENAME TO {table}"
        yield f"ALTER TABLE {table} ADD PRIMARY KEY (seq)"
    yield "CREATE INDEX deliveries_problem ON deliveries (problem)"
    yield "CREATE INDEX deliveries_unproved ON deliveries (seq)"


def test_a_database_of_the_first_release_opens_with_what_is_in_it(
    empty_url: str, open_store: OpenStore
) -> None:
    first = open_store(empty_url)
    kept = one(id="kept")
    first.write(batch(kept)).result(20)
    first.close()
    with first._database.write() as connection:
        # As it was then.
        later = ("failure", "exception_type", "code_function", "code_file", "arrived_ns")
        for statement in (
            *(_without_parts() if connection.dialect.name == "postgresql" else ()),
            *(f"DROP TABLE {name}" for name in ("marks", *_OF_PROBLEMS)),
            *("DROP INDEX deliveries_problem", "ALTER TABLE deliveries DROP COLUMN problem"),
            "DROP INDEX deliveries_unproved",
            "DELETE FROM tallies",
            *(f"ALTER TABLE deliveries DROP COLUMN {name}" for name in later),
            "ALTER TABLE facets DROP COLUMN environment",
            "UPDATE facets SET digest = 'of seven'",
        ):
            connection.execute(text(statement))
        connection.execute(_SET_VERSION, {"version": "0001"})
    first._database.close()
    second = open_store(empty_url)
    second.write(batch(msgspec.structs.replace(kept, id="new"))).result(20)
    assert {delivery.id for delivery in second.deliveries(Filter(), 5).deliveries} == {"kept", "new"}
    with second._database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM facets")).scalar_one() == 1
        assert connection.execute(_GET_VERSION).scalar_one() == HEAD


def test_events_of_the_release_before_are_counted_after_its_upgrade(
    empty_url: str, open_store: OpenStore
) -> None:
    first = open_store(empty_url)
    first.write(batch(*(one(id=f"{n}", outcome="failed", route=f"/{n % 2}") for n in range(6)))).result(20)
    with first._database.write() as connection:
        as_made = described(connection)["events"]
        for name, columns in (
            ("events_unhandled", "first_ns, endpoint, problem, handled_ns"),
            ("events_problem", "problem, handled_ns, outcome, first_ns"),
        ):
            connection.execute(text(f"DROP INDEX {name}"))
            before = f"CREATE INDEX {name} ON events ({columns}) WHERE handled_ns IS NULL"
            connection.execute(text(before))
        connection.execute(text("DROP INDEX events_handled"))
        connection.execute(text("CREATE INDEX events_first ON events (first_ns)"))
        connection.execute(_SET_VERSION, {"version": "0009"})
    first.close()
    second = open_store(empty_url)
    with second._database.read() as connection:
        assert described(connection)["events"] == as_made
    assert second.overview(NOW - DAY, NOW + 1, Filter()).events.unhandled == 6
    assert sum(problem.unhandled_events for problem in second.problems().problems) == 6
    assert sum(waiting.events for waiting in second.snapshot(lambda provider: -1.0).waiting) == 6


def test_a_database_of_a_newer_release_is_left_alone_and_said(empty_url: str, open_store: OpenStore) -> None:
    first = open_store(empty_url)
    with first._database.write() as connection:
        connection.execute(_SET_VERSION, {"version": "9999"})
    first.close()
    with pytest.raises(StoreUnavailable, match=r"newer release of outworx-otel \(schema '9999'.*upgrade"):
        Store(empty_url, max_queued_bytes=MIB)


def test_making_the_tables_says_nothing(
    empty_url: str, open_store: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        open_store(empty_url)
    assert caplog.records == []


_OPENED = """
import sys
from outworx_otel.server.store import Store
Store(sys.argv[1], max_queued_bytes=1).close()
print("alembic" in sys.modules)
"""


def test_processes_that_start_together_make_the_tables_once(empty_url: str) -> None:
    command = [sys.executable, "-c", _OPENED, empty_url]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]  # noqa: S603
    said = [process.communicate(timeout=60)[0].strip() for process in started]
    assert [process.returncode for process in started] == [0] * 3
    # What upgrades older ones is not loaded to make them.
    assert said == ["False"] * 3


def test_migrations_are_part_of_the_package() -> None:
    assert (SCRIPTS / "env.py").is_file()
    assert SCRIPTS.is_relative_to(Path(sys.modules["outworx_otel.server.store"].__file__ or "").parent)
