"""How a database becomes what this release knows."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from outworx_otel.server.model import Filter
from outworx_otel.server.store import Store, StoreUnavailable
from outworx_otel.server.store.migrate import SCRIPTS
from outworx_otel.server.store.schema import HEAD, VERSION_TABLE, metadata
from server_store.conftest import MIB, OpenStore
from server_store.samples import batch, one

_GET_VERSION = text(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608
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


def test_migrations_make_the_tables_that_the_schema_describes(empty_url: str, open_store: OpenStore) -> None:
    store = open_store(empty_url)
    with store._database.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, metadata) == []
        if connection.dialect.name == "sqlite":
            made = {row[0] for row in connection.exec_driver_sql(_SQLITE_WITHOUT_ROWID).all()}
            assert made == {"rollups", "durations", "event_types", "endpoint_figures"}
            assert connection.exec_driver_sql("PRAGMA auto_vacuum").scalar_one() == 2
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"


_SQLITE_WITHOUT_ROWID = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%WITHOUT ROWID%'"


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
    assert "True" in said
    # Where the tables are there, nothing is loaded to make them.
    again = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    assert again.stdout.strip() == "False"


def test_migrations_are_part_of_the_package() -> None:
    assert (SCRIPTS / "env.py").is_file()
    assert SCRIPTS.is_relative_to(Path(sys.modules["outworx_otel.server.store"].__file__ or "").parent)
