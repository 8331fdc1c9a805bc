"""The double of a ClickHouse server does what the client's library expects of one."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator

import pytest
from support.clickhouse import ENGINE, ClickHouse

pytestmark = pytest.mark.needs(ENGINE)

ROWS = 3000
COLUMNS = ["at", "name", "pairs", "maybe", "id"]


@pytest.fixture(scope="module")
def server() -> Iterator[ClickHouse]:
    with ClickHouse() as started:
        started.client().command(
            "CREATE TABLE things (at DateTime64(9, 'UTC'), name String, pairs Map(LowCardinality(String), String),"
            " maybe Nullable(Int64), id FixedString(3)) ENGINE = MergeTree ORDER BY at"
        )
        yield started


@pytest.fixture
def emptied(server: ClickHouse) -> Iterator[ClickHouse]:
    yield server
    server.restore()
    server.well()
    server.client().command("TRUNCATE TABLE things")


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
def test_what_is_inserted_is_selected(emptied: ClickHouse, compress: str | bool) -> None:
    client = emptied.client(compress=compress)
    at = datetime.datetime(2026, 11, 1, 12, 0, 0, 250_000, datetime.timezone.utc)
    rows = [
        [at, f"it's {number}\\\0é;\n", {"a": "1"}, None if number % 2 else number, b"\xff\x00c"]
        for number in range(ROWS)
    ]
    client.insert("things", rows, column_names=COLUMNS)
    found = client.query(
        "SELECT * FROM things WHERE name = {name:String} AND maybe IN {these:Array(Int64)}",
        parameters={"name": rows[4][1], "these": [4, 5]},
        settings={"max_threads": 1},
    )
    # The library leaves a zone out that is UTC.
    assert [list(row) for row in found.result_rows] == [[at.replace(tzinfo=None), *rows[4][1:]]]
    assert client.query("SELECT count() FROM things").result_rows == [(ROWS,)]


def test_settings_and_a_database_are_of_one_request(emptied: ClickHouse) -> None:
    client = emptied.client(autogenerate_session_id=False)
    asked = "SELECT getSetting('max_block_size'), currentDatabase()"
    assert client.query(asked, settings={"max_block_size": 7}).result_rows[0][0] == 7
    assert client.query(asked).result_rows[0][0] != 7
    assert emptied.client(database="system").query(asked).result_rows[0][1] == "system"


def test_a_session_keeps_what_it_is_told_and_other_sessions_have_their_own(emptied: ClickHouse) -> None:
    one, other = (emptied.client(session_id=name) for name in ("one", "other"))
    one.command("CREATE TEMPORARY TABLE mine (a UInt8)")
    assert one.command("EXISTS TEMPORARY TABLE mine") == 1
    assert other.command("EXISTS TEMPORARY TABLE mine") == 0


def test_a_long_parameter_comes_in_a_form(emptied: ClickHouse) -> None:
    long = "x" * 20_000
    assert emptied.client().query("SELECT {long:String}", parameters={"long": long}).result_rows == [(long,)]


@pytest.mark.parametrize(
    ("statement", "code"),
    [("SELECT * FROM nothing", 60), ("SELEC 1", 62), ("SELECT toUInt8('x')", 6), ("SELECT throwIf(1)", 395)],
)
def test_an_exception_has_its_code(emptied: ClickHouse, statement: str, code: int) -> None:
    with pytest.raises(Exception, match=f"code: {code}") as raised:
        emptied.client().query(statement)
    assert getattr(raised.value, "code", None) == code


def test_a_wrong_password_is_refused(emptied: ClickHouse) -> None:
    with pytest.raises(Exception, match="code: 516"):
        emptied.client(password="wrong")  # noqa: S106


def test_statements_of_several_clients_run_at_once(emptied: ClickHouse) -> None:
    """Else the double would hide what a slow statement does to others."""
    slow, quick = emptied.client(), emptied.client()
    begun, ended = threading.Event(), threading.Event()

    def sleep() -> None:
        begun.set()
        slow.query("SELECT sleepEachRow(1) FROM numbers(3)")
        ended.set()

    thread = threading.Thread(target=sleep)
    thread.start()
    assert begun.wait(20)
    assert quick.query("SELECT 1").result_rows == [(1,)]
    assert not ended.is_set()
    thread.join()


def test_what_was_inserted_is_there_after_a_kill(emptied: ClickHouse) -> None:
    emptied.client().command("INSERT INTO things (name) VALUES ('kept')")
    emptied.stop()
    with pytest.raises(Exception, match="refused"):
        emptied.client()
    emptied.start()
    assert emptied.client().query("SELECT name FROM things").result_rows == [("kept",)]


@pytest.mark.parametrize("kind", ["unavailable", "reset", "lost"])
def test_a_fault_meets_what_it_is_meant_for_so_often(emptied: ClickHouse, kind: str) -> None:
    client = emptied.client(query_retries=0)
    emptied.fault(kind, matching="INSERT", times=1)
    assert client.query("SELECT 1").result_rows == [(1,)]
    with pytest.raises(Exception, match=r"503|reset|aborted"):
        client.command("INSERT INTO things (name) VALUES ('one')")
    client.command("INSERT INTO things (name) VALUES ('two')")
    names = {"lost": [("one",), ("two",)]}.get(kind, [("two",)])
    assert client.query("SELECT name FROM things ORDER BY name").result_rows == names


def test_a_server_that_hangs_answers_once_it_is_well(emptied: ClickHouse) -> None:
    client, answered = emptied.client(), threading.Event()
    emptied.fault("hang", matching="SELECT 7")

    def ask() -> None:
        assert client.query("SELECT 7").result_rows == [(7,)]
        answered.set()

    thread = threading.Thread(target=ask)
    thread.start()
    assert emptied.client().query("SELECT 1").result_rows == [(1,)]
    assert not answered.is_set()
    emptied.well()
    thread.join(30)
    assert answered.is_set()


def test_who_drops_a_database_is_answered(emptied: ClickHouse) -> None:
    """The engine never comes to remove what was dropped, and whoever waited for that waited for ever."""
    client = emptied.client(send_receive_timeout=20)
    client.command("CREATE DATABASE later ENGINE = Atomic")
    client.command("CREATE TABLE later.things (id Int64) ENGINE = MergeTree ORDER BY id")
    client.command("INSERT INTO later.things SELECT number FROM numbers(10)")
    client.command("DROP DATABASE later SYNC")
    assert "later" not in client.command("SHOW DATABASES")
