"""A store of its own for each test, in SQLite and in PostgreSQL."""

from __future__ import annotations

import contextlib
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.clickhouse import ENGINE, ClickHouse
from support.databases import PgBouncer, PostgresServer
from support.scale import rows as rows_of

from outworx_otel.server.store import Store
from outworx_otel.server.store.columns.history import ColumnHistory
from outworx_otel.server.store.schema import metadata
from server.store.samples import NOW

MIB = 1024 * 1024
_numbers = itertools.count()
# By the URLs of stores of columns over the network.
_states: dict[str, str] = {}

OpenStore = Callable[..., Store]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def pgbouncer(postgres: PostgresServer) -> Iterator[PgBouncer]:
    with PgBouncer(postgres) as server:
        yield server


def fresh_database(server: PostgresServer, encoding: str = "UTF8") -> str:
    """The URL of an empty one."""
    name = f"store_{next(_numbers)}"
    with server.connect() as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0".encode()
        )
    return server.url.rpartition("/")[0] + "/" + name


@pytest.fixture(scope="session")
def template_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With its tables made: that takes a while, and most tests have nothing to do with it."""
    file = tmp_path_factory.mktemp("template") / "outworx.db"
    Store(f"sqlite:///{file}", max_queued_bytes=MIB).close()
    return file


@pytest.fixture(scope="session")
def shared_database(postgres: PostgresServer) -> str:
    url = fresh_database(postgres)
    Store(url, max_queued_bytes=MIB).close()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without a table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'outworx.db'}"
    return fresh_database(request.getfixturevalue("postgres"))


def state_of(url: str) -> str | None:
    """Where a store of columns keeps what needs transactions: beside its folder."""
    if url in _states:
        return _states[url]
    return f"sqlite:///{url.removeprefix('chdb:///')}.state.db" if url.startswith("chdb") else None


@pytest.fixture
def chdb_url(tmp_path: Path) -> str:
    """ClickHouse's engine in this process; one folder at a time."""
    return f"chdb:///{tmp_path / 'columns'}"


@pytest.fixture(scope="session")
def clickhouse_server() -> Iterator[ClickHouse]:
    with ClickHouse() as server:
        yield server


@pytest.fixture
def clickhouse_url(clickhouse_server: ClickHouse, tmp_path: Path) -> str:
    """The same engine over the network, with an empty database."""
    clickhouse_server.database = "default"
    name = f"store_{next(_numbers)}"
    clickhouse_server.client().command(f"CREATE DATABASE {name} ENGINE = Atomic")
    clickhouse_server.database = name
    _states[clickhouse_server.url] = f"sqlite:///{tmp_path / 'state.db'}"
    return clickhouse_server.url


in_columns = pytest.param("chdb", marks=pytest.mark.needs(ENGINE))
over_the_network = pytest.param("clickhouse", marks=pytest.mark.needs(ENGINE))


@pytest.fixture(params=rows_of(["sqlite", "postgresql", in_columns], [over_the_network]))
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=["sqlite", "postgresql"])
def shared_url(request: pytest.FixtureRequest) -> str:
    """Of a database that several servers may have open."""
    return str(request.getfixturevalue(f"{request.param}_url"))


def rows(store: Store, table: str) -> int:
    """How many there are, wherever they are."""
    history = store._history
    if isinstance(history, ColumnHistory) and table in ("deliveries", "details", "spans"):
        name = f"{history._engine.database}.outworx_{table.replace('details', 'deliveries')}"
        return int(history._engine.query(f"SELECT count() FROM {name}")[0][0])  # noqa: S608
    with store._database.read() as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())  # noqa: S608


@pytest.fixture
def sqlite_url(tmp_path: Path, template_file: Path) -> str:
    shutil.copy(template_file, tmp_path)
    return f"sqlite:///{tmp_path / 'outworx.db'}"


@pytest.fixture
def postgresql_url(shared_database: str) -> str:
    """Emptied, which is faster than another one."""
    tables = ", ".join(table.name for table in metadata.sorted_tables)
    with psycopg.connect(shared_database.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"TRUNCATE {tables}".encode())
    return shared_database


@pytest.fixture
def open_store() -> Iterator[OpenStore]:
    """Opens stores whose clock stands at `NOW`, and closes them."""
    with contextlib.ExitStack() as opened:

        def open_one(url: str, **options: Any) -> Store:
            usual = {"max_queued_bytes": 64 * MIB, "clock": lambda: NOW / 1e9, "state": state_of(url)}
            store = Store(url, **{**usual, **options})
            opened.callback(store.close)
            return store

        yield open_one


@pytest.fixture
def store(url: str, open_store: OpenStore) -> Store:
    return open_store(url)


@pytest.fixture
def sqlite_store(sqlite_url: str, open_store: OpenStore) -> Store:
    return open_store(sqlite_url)
