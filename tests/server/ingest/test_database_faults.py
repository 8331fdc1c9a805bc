"""What the database says is passing (503: sent again) unless a value is at fault (400: given up by the sender)."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

# A fixture, which pytest finds here by its name.
from idempotency.conftest import postgres_server  # noqa: F401
from support.databases import PostgresServer

from .serving import Serving

EVENT = {
    "provider": "stripe",
    "status_code": 200,
    "success": True,
    "duration_ms": 3,
    "payload_size": 2,
    "timestamp": "2026-11-28T10:00:00.000Z",
}
JSON = {"content-type": "application/json"}
PASSING = (
    "58030",  # the disk
    "58P01",
    "XX000",
    "XX001",
    "XX002",
    "08P01",
    "0A000",
    "21000",
    "25006",  # a primary that has become a replica
    "40001",
    "40P01",
    "42501",
    "42703",
    "42P01",
    "53100",
    "53300",
    "55000",
    "55P03",
    "57014",
    "23514",  # no part of a table takes it
    "P0001",  # somebody's trigger
    "ZZ999",  # nobody knows it
)
OF_THE_BATCH = ("22001", "22021", "22P05", "23505")
numbers = itertools.count()


def sent(server: Serving, number: int) -> int:
    body = json.dumps({"events": [{**EVENT, "metadata": {"number": number}}]}).encode()
    return server.post("/api/ingest", body, JSON).status_code


@pytest.fixture(scope="module")
def postgresql(postgres_server: PostgresServer) -> Iterator[Serving]:  # noqa: F811
    with postgres_server.connect() as connection:
        connection.execute("CREATE DATABASE faulty")
    server = Serving(postgres_server.url.rpartition("/")[0] + "/faulty")
    yield server
    server.stop()


@pytest.fixture
def faulty(postgres_server: PostgresServer, postgresql: Serving) -> Iterator[psycopg.Connection]:  # noqa: F811
    url = postgres_server.url.replace("+psycopg", "").rpartition("/")[0] + "/faulty"
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection
        connection.execute("DROP TRIGGER IF EXISTS raises ON deliveries")


def raise_on_insert(connection: psycopg.Connection, code: str) -> None:
    connection.execute(
        "CREATE OR REPLACE FUNCTION raises() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION 'staged' USING ERRCODE = '{code}'; END $$".encode()
    )
    connection.execute("CREATE TRIGGER raises BEFORE INSERT ON deliveries EXECUTE FUNCTION raises()")


@pytest.mark.parametrize("code", PASSING)
def test_a_fault_of_postgresql_is_passing(code: str, postgresql: Serving, faulty: psycopg.Connection) -> None:
    raise_on_insert(faulty, code)
    number = next(numbers)
    assert sent(postgresql, number) == 503
    faulty.execute("DROP TRIGGER raises ON deliveries")
    assert sent(postgresql, number) == 200


@pytest.mark.parametrize("code", OF_THE_BATCH)
def test_a_value_that_postgresql_never_takes_is_the_batchs_own(
    code: str, postgresql: Serving, faulty: psycopg.Connection
) -> None:
    raise_on_insert(faulty, code)
    assert sent(postgresql, next(numbers)) == 400


def test_a_table_that_is_gone_in_postgresql_is_passing(
    postgresql: Serving, faulty: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    faulty.execute("ALTER TABLE details RENAME TO moved")
    try:
        assert sent(postgresql, next(numbers)) == 503
        assert "a table is missing" in caplog.text
    finally:
        faulty.execute("ALTER TABLE moved RENAME TO details")
    assert sent(postgresql, next(numbers)) == 200


@pytest.mark.parametrize(
    ("spoil", "mend", "status"),
    [
        ("ALTER TABLE details RENAME TO moved", "ALTER TABLE moved RENAME TO details", 503),
        (
            "ALTER TABLE details RENAME COLUMN seq TO place",
            "ALTER TABLE details RENAME COLUMN place TO seq",
            503,
        ),
        (
            "CREATE TRIGGER raises BEFORE INSERT ON deliveries BEGIN SELECT RAISE(ABORT, 'staged'); END",
            "DROP TRIGGER raises",
            400,
        ),
    ],
    ids=["table", "column", "constraint"],
)
def test_a_fault_of_sqlite_is_passing_but_a_broken_constraint(
    spoil: str, mend: str, status: int, tmp_path: Path
) -> None:
    server = Serving(tmp_path / "outworx.db")
    try:
        with sqlite3.connect(tmp_path / "outworx.db") as other:
            other.execute(spoil)
        assert sent(server, 4) == status
        with sqlite3.connect(tmp_path / "outworx.db") as other:
            other.execute(mend)
        assert sent(server, 4) == 200
    finally:
        server.stop()
