"""Whatever a server, a database, a role, the environment or the URL sets: it works, or start says what is wrong."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from idempotency.scale import PATIENT
from support.databases import PostgresServer

from outworx_otel.errors import ConfigurationError
from outworx_otel.idempotency import Claimed
from outworx_otel.idempotency import open_store as open_keys
from outworx_otel.server.model import Filter
from outworx_otel.server.store import Store, StoreUnavailable
from server.store.conftest import MIB, OpenStore, fresh_database
from server.store.samples import DAY, NOW, batch, deliveries, one

ROLE_SETTINGS = (
    "default_transaction_isolation = 'serializable'",
    "synchronous_commit = 'off'",
    "statement_timeout = '50ms'",
    "lock_timeout = '50ms'",
    'search_path = "Odd Schema", public',
    "client_encoding = 'LATIN1'",
    "bytea_output = 'escape'",
)
TEXT = "größe € 漢字 😀"


def started(url: str) -> Store:
    return Store(url, max_queued_bytes=MIB)


def keeps_and_finds(store: Store) -> None:
    store.write(batch(one(id="kept", event_type=TEXT))).result(60)
    store.write(batch(one(id="again", event_type=TEXT))).result(60)
    found = store.deliveries(Filter(), 5).deliveries
    assert {(one.id, one.event_type) for one in found} == {("kept", TEXT), ("again", TEXT)}
    assert isinstance(store.claims.claim("key", "token", 30), Claimed)
    assert store.overview(NOW - DAY, NOW + DAY, Filter()).total == 2
    store.healthy()


@pytest.fixture
def role(postgres: PostgresServer) -> Iterator[psycopg.Connection]:
    """A superuser's connection; there is a role `app`, which is gone afterwards with all that it owns."""
    with postgres.connect() as connection:
        connection.execute("CREATE ROLE app LOGIN")
        yield connection


def as_app(url: str) -> str:
    return url.replace("//tester:", "//app:")


@pytest.fixture
def app_url(postgres: PostgresServer, role: psycopg.Connection) -> Iterator[str]:
    """An empty database that belongs to `app`."""
    url = fresh_database(postgres)
    name = url.rpartition("/")[2]
    role.execute(f"ALTER DATABASE {name} OWNER TO app".encode())
    yield as_app(url)
    role.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
    role.execute("DROP ROLE app")


@pytest.mark.parametrize(
    ("encoding", "said"), [("UTF8", "LATIN1"), ("UTF8", "SQL_ASCII"), ("SQL_ASCII", "EUC_JP")]
)
def test_all_characters_are_kept_whatever_the_environment_says(
    encoding: str, said: str, postgres: PostgresServer, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", said)
    keeps_and_finds(open_store(fresh_database(postgres, encoding)))


@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_JP", "WIN1252"])
def test_a_database_that_would_lose_characters_is_refused_at_start(
    encoding: str, postgres: PostgresServer
) -> None:
    with pytest.raises(StoreUnavailable, match=f"encoded in {encoding}.*createdb --encoding=UTF8"):
        started(fresh_database(postgres, encoding))


@pytest.mark.parametrize(
    "options",
    [
        "prepare_threshold=0",
        "autocommit=false&row_factory=x&cursor_factory=x&context=x&plugin=x",
        "client_encoding=latin1&connect_timeout=soon&connections=4&keepalives_idle=30",
    ],
)
def test_no_option_of_the_url_breaks_what_the_store_relies_on(
    options: str, postgres: PostgresServer, open_store: OpenStore
) -> None:
    store = open_store(f"{fresh_database(postgres)}?{options}")
    keeps_and_finds(store)
    # A transaction is one, whatever `autocommit` the URL has.
    with contextlib.suppress(ZeroDivisionError), store._database.write() as connection:
        connection.exec_driver_sql("DELETE FROM deliveries")
        raise ZeroDivisionError
    assert len(store.deliveries(Filter(), 5).deliveries) == 2
    with store._database.read() as connection:
        prepared = connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar_one()
    assert prepared == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("no_such_option=1", "no_such_option"),
        ("connections=3", "connections='3' must be a whole number, 4 or more"),
        ("connections=many", "whole number"),
    ],
)
def test_an_option_that_cannot_be_used_is_said(options: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as raised:
        started(f"postgresql://me:secret-word@host/db?password=secret-too&{options}")
    assert "secret" not in str(raised.value)


def test_what_is_passed_over_is_named_and_no_password_is(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "outworx_otel")
    with pytest.raises(StoreUnavailable, match="is the server running") as raised:
        started("postgresql://me:secret-word@127.0.0.1:1/db?password=secret-too&autocommit=false")
    assert "autocommit is passed over" in caplog.text
    assert "secret" not in caplog.text + str(raised.value)


def test_settings_of_the_role_change_nothing(
    app_url: str, role: psycopg.Connection, open_store: OpenStore
) -> None:
    with psycopg.connect(app_url.replace("+psycopg", ""), autocommit=True) as own:
        own.execute('CREATE SCHEMA "Odd Schema"')
    for setting in ROLE_SETTINGS:
        role.execute(f"ALTER ROLE app SET {setting}".encode())
    stores = [open_store(app_url) for _ in range(2)]
    keeps_and_finds(stores[0])
    with psycopg.connect(app_url.replace("+psycopg", ""), autocommit=True) as own:
        # Longer than the role's statements may take.
        own.execute(
            "CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_sleep(0.1); RETURN NULL; END $$"
        )
        own.execute("CREATE TRIGGER nap BEFORE INSERT ON deliveries EXECUTE FUNCTION nap()")
        stores[0].write(batch(one(id="slow"))).result(60)
        own.execute("DROP TRIGGER nap ON deliveries")
    made = list(deliveries(40))
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: stores[n % 2].write(batch(made[n])).result(60), range(40)))
    assert len(list(stores[1].iterate(Filter(), 500))) == 43
    with stores[0]._database.write() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
        assert stores[0]._database.size(connection) > 0


def test_the_environments_options_change_nothing_either(
    postgres: PostgresServer, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_isolation=serializable -c client_encoding=latin1")
    keeps_and_finds(open_store(fresh_database(postgres)))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("default_transaction_read_only = on", "default_transaction_read_only on for this role"),
        ("search_path = nowhere", "look at this role's search_path"),
    ],
)
def test_settings_that_leave_nothing_to_write_to_are_said_at_start(
    setting: str, said: str, app_url: str, role: psycopg.Connection
) -> None:
    role.execute(f"ALTER ROLE app SET {setting}".encode())
    with pytest.raises(StoreUnavailable, match=said):
        started(app_url)


def test_a_role_without_create_needs_tables_that_are_there(
    postgres: PostgresServer, role: psycopg.Connection, open_store: OpenStore
) -> None:
    url = fresh_database(postgres)
    try:
        with pytest.raises(StoreUnavailable, match="grant the rights on the schema"):
            started(as_app(url))
        started(url).close()
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as owner:
            owner.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO app")
            owner.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app")
        keeps_and_finds(open_store(as_app(url)))
    finally:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as owner:
            owner.execute("DROP OWNED BY app CASCADE")
        role.execute("DROP ROLE app")


@pytest.fixture
def small_server() -> Iterator[PostgresServer]:
    with PostgresServer(max_connections=12) as server:
        yield server


def test_a_server_with_few_connections_is_enough(small_server: PostgresServer, open_store: OpenStore) -> None:
    """Nine for those who are no superuser: eight at most are the server's, the application has what is left."""
    with small_server.connect() as connection:
        connection.execute("CREATE ROLE app LOGIN")
        connection.execute("GRANT ALL ON SCHEMA public TO app")
    url = as_app(small_server.url)
    store, keys = open_store(url), open_keys(url, budget=PATIENT)
    made = list(deliveries(80))

    def work(number: int) -> bool:
        store.write(batch(made[number])).result(60)
        store.deliveries(Filter(), 5)
        store.claims.claim(f"server {number}", "token", 30)
        claim = keys.claim(f"key {number // 2}", f"token {number}", 30)
        return isinstance(claim, Claimed)

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(work, range(80))) == 40
    assert len(list(store.iterate(Filter(), 500))) == 80
    keys.close()
    store.close()
    taken = [psycopg.connect(url.replace("+psycopg", "")) for _ in range(9)]
    with pytest.raises(StoreUnavailable, match="too many connections already: see `connections`"):
        started(url)
    for other in taken:
        other.close()
