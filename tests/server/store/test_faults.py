"""A database that cannot be written or read: said clearly, nothing half written, and well again by itself."""

from __future__ import annotations

import contextlib
import resource
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from outworx_otel.errors import ConfigurationError
from outworx_otel.server.model import Filter
from outworx_otel.server.store import QueryTooWide, Store, StoreUnavailable
from server.store.conftest import MIB, OpenStore
from server.store.samples import batch, deliveries, one


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


@contextlib.contextmanager
def no_file_may_grow_beyond(size: int) -> Iterator[None]:
    """As on a disk that is full: the kernel refuses to write further."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_a_disk_without_room_is_said_and_all_is_well_once_there_is_some(
    sqlite_store: Store, sqlite_url: str
) -> None:
    sqlite_store.write(batch(one(id="before"))).result(20)
    largest = max(file.stat().st_size for file in file_of(sqlite_url).parent.iterdir())
    with no_file_may_grow_beyond(largest + 16_384):
        refused = sqlite_store.write(batch(*deliveries(2000)))
        with pytest.raises(StoreUnavailable, match=r"outworx\.db: the disk (is full|cannot be)"):
            refused.result(20)
        # What is there can still be read.
        assert [one.id for one in sqlite_store.deliveries(Filter(), 5).deliveries] == ["before"]
        with pytest.raises(StoreUnavailable, match=r"outworx\.db: the disk (is full|cannot be)"):
            sqlite_store.healthy()
    sqlite_store.write(batch(*deliveries(2000))).result(20)
    sqlite_store.healthy()
    assert len(list(sqlite_store.iterate(Filter(), 5000))) == 2001


@pytest.mark.parametrize(
    ("pragma", "said"),
    [
        ("max_page_count = 1", "the disk is full: free some space"),
        ("query_only = ON", "the file cannot be written: look at who owns it"),
    ],
)
def test_a_file_that_may_not_grow_or_be_written_is_said(sqlite_store: Store, pragma: str, said: str) -> None:
    event.listen(sqlite_store._database.writing, "begin", lambda one: one.exec_driver_sql(f"PRAGMA {pragma}"))
    with pytest.raises(StoreUnavailable, match=said):
        sqlite_store.write(batch(*deliveries(2000))).result(20)


def test_a_lock_that_is_held_too_long_is_said_and_a_short_one_is_waited_for(
    sqlite_url: str, open_store: OpenStore
) -> None:
    store = open_store(sqlite_url, lock_seconds=0.2)
    other = sqlite3.connect(file_of(sqlite_url), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable, match="another process holds it locked"):
        store.write(batch(one(id="refused"))).result(30)
    other.rollback()
    other.close()
    store.write(batch(one(id="later"))).result(30)
    assert [one.id for one in store.deliveries(Filter(), 5).deliveries] == ["later"]


def test_a_fault_that_nobody_has_met_for_a_minute_is_forgotten(
    sqlite_url: str, open_store: OpenStore
) -> None:
    """Else a server that nobody sends to would be unwell for ever."""
    now = [1_790_000_000.0]
    store = open_store(sqlite_url, lock_seconds=0.2, clock=lambda: now[0])
    other = sqlite3.connect(file_of(sqlite_url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        store.write(batch(one(id="refused"))).result(30)
    with pytest.raises(StoreUnavailable, match="another process holds it locked"):
        store.healthy()
    now[0] += 61
    store.healthy()
    other.rollback()
    other.close()


def test_a_lock_in_postgresql_is_said_too(postgresql_url: str, open_store: OpenStore) -> None:
    # One that has patience with the other's housekeeping, and has made the day's parts.
    other = open_store(postgresql_url, lock_seconds=30)
    other.write(batch(one(id="first"))).result(30)
    store = open_store(postgresql_url, lock_seconds=0.2)
    with other._database.writing.begin(), pytest.raises(StoreUnavailable, match="holds the lock for writing"):
        store.write(batch(one())).result(30)
    other.write(batch(one())).result(30)


def test_a_damaged_file_is_said_with_what_to_do(sqlite_url: str, open_store: OpenStore) -> None:
    store = open_store(sqlite_url)
    store.write(batch(*deliveries(2000))).result(20)
    store.close()
    file = file_of(sqlite_url)
    content = bytearray(file.read_bytes())
    # The second half, so that it opens.
    half = len(content) // 2
    content[half:] = b"\xa5" * (len(content) - half)
    file.write_bytes(content)
    damaged = open_store(sqlite_url)
    with pytest.raises(StoreUnavailable, match=r"damaged: stop the server.*\.recover"):
        list(damaged.iterate(Filter(), 5000))
    with pytest.raises(StoreUnavailable, match="damaged"):
        damaged.write(batch(*deliveries(2000, seed=2))).result(20)
    damaged.close()
    # All but the list of tables.
    content[4096:] = b"\xa5" * (len(content) - 4096)
    file.write_bytes(content)
    with pytest.raises(StoreUnavailable, match="damaged"):
        open_store(sqlite_url)


def test_a_file_that_is_no_database_is_left_alone(sqlite_url: str) -> None:
    file_of(sqlite_url).write_bytes(b"the notes of somebody " * 500)
    with pytest.raises(StoreUnavailable, match="damaged or no SQLite database: give another path"):
        Store(sqlite_url, max_queued_bytes=MIB)
    assert file_of(sqlite_url).read_bytes() == b"the notes of somebody " * 500


def test_a_path_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(StoreUnavailable, match="cannot be opened: look at the rights"):
        Store(f"sqlite:///{tmp_path / 'folder.db'}", max_queued_bytes=MIB)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite://host/path.db", "three slashes"),
        ("sqlite:////nowhere/at/all/outworx.db", "/nowhere/at/all does not exist: make it"),
        ("mysql://me:secret-word@host/db", "mysql:// is not supported; use sqlite:///path, postgresql"),
        ("secret-word", "no URL of a database"),
        ("", "no URL of a database"),
    ],
)
def test_a_url_that_cannot_be_used_says_what_can(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as raised:
        Store(url, max_queued_bytes=MIB)
    assert "secret-word" not in str(raised.value)


def test_a_search_that_has_too_much_to_look_through_is_ended(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_store.write(batch(*deliveries(1000))).result(20)
    # No time is left: it is seen at the first look.
    monkeypatch.setattr("outworx_otel.server.store.database._INSTRUCTIONS_BETWEEN_LOOKS", 1000)
    with pytest.raises(QueryTooWide, match="narrow the time"), sqlite_store._database.read(0) as connection:
        connection.exec_driver_sql("SELECT count(*) FROM deliveries AS a, deliveries AS b").scalar_one()
    sqlite_store.healthy()


def test_a_file_that_was_removed_is_said_and_nothing_is_acknowledged_that_went_with_it(
    sqlite_store: Store, sqlite_url: str, tmp_path: Path
) -> None:
    sqlite_store.write(batch(one(id="before"))).result(20)
    sqlite_store.claims.claim("key", "token", 30)
    file, aside = file_of(sqlite_url), tmp_path / "aside.db"
    file.rename(aside)
    for said in (
        lambda: sqlite_store.write(batch(one(id="refused"))).result(20),
        lambda: sqlite_store.deliveries(Filter(), 5),
        lambda: sqlite_store.claims.claim("another", "token", 30),
        sqlite_store.healthy,
    ):
        with pytest.raises(StoreUnavailable, match="was removed or replaced while it was in use"):
            said()
    assert not file.exists()
    aside.rename(file)
    sqlite_store.write(batch(one(id="after"))).result(20)
    assert {one.id for one in sqlite_store.deliveries(Filter(), 5).deliveries} == {"before", "after"}


def test_a_page_is_read_while_another_process_writes(sqlite_url: str, open_store: OpenStore) -> None:
    store = open_store(sqlite_url, lock_seconds=0.2)
    store.write(batch(one(id="before"))).result(20)
    store._database.reading.dispose()
    with contextlib.closing(sqlite3.connect(file_of(sqlite_url), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        # On a connection that is new.
        assert [one.id for one in store.deliveries(Filter(), 5).deliveries] == ["before"]
