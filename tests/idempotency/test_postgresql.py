"""What is particular to PostgreSQL: one round trip, the server's clock, rows removed past those in use."""

# ruff: noqa: S608 - the table's name is the test's own

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from support.databases import PostgresServer, free_port

from outworx_otel.errors import StoreError
from outworx_otel.idempotency import Claimed, Completed, InProgress, StoredAnswer, open_store
from outworx_otel.idempotency.postgresql import PostgresqlBackend
from outworx_otel.idempotency.store_address import parse_store_url

from .scale import PATIENT, SCALE


@pytest.fixture
def backend(postgres_server: PostgresServer, request: pytest.FixtureRequest) -> Any:
    address = parse_store_url(postgres_server.url, frozenset())
    table = f"only_{abs(hash(request.node.name))}"
    backend = PostgresqlBackend(address, table=table, budget=5, connections=4)
    yield backend
    backend.close()


def statements_of(backend: PostgresqlBackend, work: Callable[[], object]) -> list[tuple[Any, Any]]:
    """What psycopg sends, with parameters; in autocommit mode nothing else goes over the wire."""
    sent: list[tuple[Any, Any]] = []
    execute = psycopg.Cursor.execute

    def note(cursor: Any, statement: Any, parameters: Any = None, **options: Any) -> Any:
        sent.append((statement, parameters))
        return execute(cursor, statement, parameters, **options)

    backend._ready()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", note)
        work()
    return sent


def test_every_operation_is_one_statement_in_its_own_transaction(
    backend: PostgresqlBackend, postgres_server: PostgresServer, answer: StoredAnswer
) -> None:
    for work in (
        lambda: backend.claim("key", "token", 30),
        lambda: backend.claim("key", "other", 30),
        lambda: backend.renew("key", "token", 30),
        lambda: backend.complete("key", "token", answer, 60),
        lambda: backend.claim("key", "other", 30),
        lambda: backend.release("key", "token"),
    ):
        assert len(statements_of(backend, work)) == 1
    with postgres_server.connect() as watching:
        row = watching.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'outworx-otel' AND state <> 'idle'"
        ).fetchone()
    assert row == (0,)


def test_a_claim_waits_for_another_that_is_being_made_and_then_sees_it(
    backend: PostgresqlBackend, postgres_server: PostgresServer
) -> None:
    backend.check()
    outcomes: list[object] = []
    with postgres_server.connect() as other, other.transaction():
        other.execute(
            f"INSERT INTO {backend.table.name} VALUES ('key', 'theirs', 30, extract(epoch from now()) + 30, "
            "extract(epoch from now()) + 60, NULL)"
        )
        thread = threading.Thread(target=lambda: outcomes.append(backend.claim("key", "ours", 30)))
        thread.start()
        thread.join(0.2)
        assert outcomes == []
    thread.join()
    assert isinstance(outcomes[0], InProgress)


def test_expired_rows_are_removed_but_those_that_somebody_holds(
    backend: PostgresqlBackend, postgres_server: PostgresServer, answer: StoredAnswer
) -> None:
    for number in range(250):
        backend.claim(str(number), "token", 30)
        backend.complete(str(number), "token", answer, 60)
    backend.claim("running", "token", 30)
    name = backend.table.name
    with postgres_server.connect() as other:
        other.execute(f"UPDATE {name} SET expires = 1 WHERE answer IS NOT NULL")
        with other.transaction():
            other.execute(f"SELECT 1 FROM {name} WHERE key = '7' FOR UPDATE")
            assert backend.tidy()
            assert not backend.tidy()
        rows = other.execute(f"SELECT key FROM {name} ORDER BY key").fetchall()
    assert rows == [("7",), ("running",)]


def test_removal_finds_expired_rows_by_an_index(
    backend: PostgresqlBackend, postgres_server: PostgresServer
) -> None:
    backend.claim("key", "token", 30)
    ((statement, parameters),) = statements_of(backend, backend.tidy)
    with postgres_server.connect() as other:
        other.execute("SET enable_seqscan = off")
        plan = other.execute(f"EXPLAIN {statement}", parameters).fetchall()
    assert any("_expires" in line for (line,) in plan)


def test_what_platforms_put_into_database_url_is_understood(postgres_server: PostgresServer) -> None:
    for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        store = open_store(f"{scheme}://{postgres_server.url.partition('://')[2]}?table=any_scheme", budget=5)
        store.release(scheme, "token")
        assert store.claim(scheme, "token", 30) == Claimed("token")
        store.close()


POSTGRES_OPTIONS = (
    "",
    "prepare_threshold=0",
    "prepare_threshold=1&autocommit=false&row_factory=x&cursor_factory=x&context=x&plugin=x",
    "client_encoding=latin1",
    "connect_timeout=soon",
)


@pytest.mark.parametrize("options", POSTGRES_OPTIONS)
def test_no_statement_is_prepared_whatever_the_url_says(
    options: str, postgres_server: PostgresServer, answer: StoredAnswer
) -> None:
    store = open_store(
        f"{postgres_server.url}?table=opts_{abs(hash(options))}&connections=1&{options}", budget=5
    )
    for number in range(12):
        store.claim(str(number), "token", 30)
        store.renew_many([(str(number), "token")], 30.0)  # type: ignore[attr-defined]
        store.complete(str(number), "token", answer, 60)
        assert store.claim(str(number), "other", 30) == Completed(answer)
    backend: PostgresqlBackend = store._backend  # type: ignore[attr-defined]
    with backend._ready().connect() as connection:
        prepared = connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar_one()
        encoding = connection.exec_driver_sql("SHOW client_encoding").scalar_one()
    assert (prepared, encoding.upper()) == (0, "UTF8")
    store.close()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "EUC_JP"])
def test_a_database_in_any_encoding_keeps_keys_and_answers(
    encoding: str, postgres_server: PostgresServer, answer: StoredAnswer
) -> None:
    name = f"in_{encoding.lower()}_{time.time_ns()}"
    with postgres_server.connect() as other:
        other.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
    store = open_store(postgres_server.url.replace("/postgres", f"/{name}"), budget=5)
    store.check()
    assert store.claim("key", "token", 30) == Claimed("token")
    assert store.renew_many([("key", "token"), ("none", "token")], 30.0) == {("none", "token")}  # type: ignore[attr-defined]
    assert store.complete("key", "token", answer, 60)
    assert store.claim("key", "other", 30) == Completed(answer)
    store.close()


def test_a_check_writes_through_several_connections_at_once(postgres_server: PostgresServer) -> None:
    store = open_store(f"{postgres_server.url}?table=checked", budget=5)
    store.check()
    backend: PostgresqlBackend = store._backend  # type: ignore[attr-defined]
    assert len(statements_of(backend, store.check)) >= 4 * 8 * 3
    with postgres_server.connect() as other:
        assert other.execute("SELECT count(*) FROM checked").fetchone() == (0,)
    store.close()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("default_transaction_read_only=on", "read-only"),
        ("no_such_setting=1", "no_such_setting"),
    ],
)
def test_a_check_finds_what_only_writing_shows(
    spoil: str, message: str, postgres_server: PostgresServer
) -> None:
    open_store(f"{postgres_server.url}?table=spoilt", budget=5).check()
    options = f"-c {spoil}".replace(" ", "%20").replace("=", "%3D")
    store = open_store(f"{postgres_server.url}?table=spoilt&options={options}", budget=5)
    with pytest.raises(StoreError, match=message):
        store.check()
    store.close()


def test_a_port_where_nobody_listens_fails_the_check_at_once() -> None:
    store = open_store(f"postgresql://me@127.0.0.1:{free_port()}/x")
    with pytest.raises(StoreError, match=r"refused|failed"):
        store.check()
    store.close()


def deliver_twice(stores: list[Any], events: int) -> int:
    """How many of the deliveries ran; none may have gone unprotected, which raises."""

    def deliver(number: int) -> bool:
        store, key, token = stores[number % len(stores)], f"event {number // 4}", f"token {number}"
        if not isinstance(store.claim(key, token, 30), Claimed):
            return False
        assert store.renew(key, token, 30)
        return bool(store.complete(key, token, StoredAnswer(200, (), b"", "f"), 60))

    with ThreadPoolExecutor(16) as threads:
        return sum(threads.map(deliver, range(4 * events)))


@pytest.mark.parametrize("isolation", ["serializable", "repeatable read"])
def test_a_stricter_isolation_level_than_the_default_is_as_good(
    isolation: str, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    level = isolation.replace(" ", r"\ ")
    monkeypatch.setenv("PGOPTIONS", f"-c default_transaction_isolation={level}")
    table = f"isolated_{level.partition(chr(92))[0]}"
    stores = [open_store(f"{postgres_server.url}?table={table}", budget=PATIENT) for _ in range(2)]
    assert deliver_twice(stores, 30 * SCALE) == 30 * SCALE
    for store in stores:
        store.close()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_the_encoding_of_the_environment_is_passed_over(
    encoding: str, postgres_server: PostgresServer, answer: StoredAnswer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", encoding)
    store = open_store(f"{postgres_server.url}?table=env_{encoding.lower()}", budget=PATIENT)
    assert store.claim("key", "token", 30) == Claimed("token")
    assert store.complete("key", "token", answer, 60)
    assert store.claim("key", "other", 30) == Completed(answer)
    store.close()


def test_a_server_with_fewer_connections_than_were_asked_for_is_enough() -> None:
    server = PostgresServer(max_connections=12)
    try:
        server.start()
        with server.connect() as connection:
            connection.execute("CREATE ROLE app LOGIN")
            connection.execute("GRANT ALL ON SCHEMA public TO app")
        url = server.url.replace("//tester:", "//app:")
        stores = [open_store(url, budget=PATIENT) for _ in range(2)]
        for store in stores:
            store.claim("first", "token", 30)
        # Two workers with eight threads each, for nine places.
        assert deliver_twice(stores, 40 * SCALE) == 40 * SCALE
        for store in stores:
            store.close()
        taken = [psycopg.connect(url.replace("+psycopg", "")) for _ in range(9)]
        store = open_store(url)
        with pytest.raises(StoreError, match="remaining connection slots"):
            store.check()
        store.close()
        for other in taken:
            other.close()
    finally:
        server.remove()


def test_a_role_that_may_not_make_tables_needs_one_that_is_there(postgres_server: PostgresServer) -> None:
    with postgres_server.connect() as connection:
        connection.execute("CREATE ROLE reader LOGIN")
        try:
            url = f"{postgres_server.url.replace('//tester:', '//reader:')}?table=theirs"
            store = open_store(url, budget=PATIENT)
            with pytest.raises(StoreError, match="permission denied for schema public"):
                store.check()
            open_store(f"{postgres_server.url}?table=theirs", budget=PATIENT).check()
            connection.execute("GRANT ALL ON theirs TO reader")
            store.check()
            store.close()
        finally:
            connection.execute("DROP OWNED BY reader CASCADE")
            connection.execute("DROP ROLE reader")
