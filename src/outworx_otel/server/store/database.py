"""Opens, reads, writes and measures a database. What differs between SQLite and PostgreSQL is here."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from outworx_otel.errors import ConfigurationError
from outworx_otel.idempotency import postgresql_connection
from outworx_otel.server.store.database_errors import is_full, is_interrupted, said
from outworx_otel.server.store.schema import metadata
from outworx_otel.server.store.store_errors import QueryTooWide, StoreUnavailable

READ_SECONDS: Final = 5.0
WRITERS: Final = 2
_KNOWN: Final = "sqlite:///path, postgresql+psycopg://user@host/name or clickhouse://user@host:8123/name"
# An option of ours; what a small server can spare, and the least that works.
_CONNECTIONS: Final = "connections"
_LEAST_CONNECTIONS: Final = 4
# SQL_ASCII keeps the bytes that it is given.
_ENCODINGS: Final = ("UTF8", "SQL_ASCII")
# A part can be attached while others read.
_OLDEST: Final = 12_00_00
_logger = logging.getLogger("outworx_otel.server")
_WAITS_FOR_ROOM: Final = 2.0
_NAP: Final = 0.05
# A page of a list never takes a hundred of these.
_INSTRUCTIONS_BETWEEN_LOOKS: Final = 20_000
_PAGES_AT_ONCE: Final = 250
_OVERWRITING: Final = "PRAGMA secure_delete=FAST"
# Takes a second or two, in which what comes waits in the queue.
_WRITTEN_ANEW: Final = 128 * 1024 * 1024
_TRIES_TO_EMPTY: Final = 40


class Database(ABC):
    """Two engines: `reading`, a pool, and `writing`, whose transactions exclude each other.

    Args:
        url: of SQLAlchemy, with a driver.
        lock_seconds: how long a transaction waits for another process's.
    """

    mark: str
    """A place for a value in a statement."""

    counts_free_room = False
    """Whether `size` leaves out what is free."""

    readers = 40
    """Connections that `reading` has, at most."""

    claimers = 8
    """Connections for idempotency keys, at most."""

    def __init__(self, url: URL, lock_seconds: float) -> None:
        self.shown = shown(url)
        self.lock_seconds = lock_seconds
        self.reading = self._engine(url, self._begin_reading, **self._pool(self.readers))
        self.writing = self._engine(url, self._begin_writing, **self._pool(WRITERS))

    @contextlib.contextmanager
    def read(self, seconds: float = READ_SECONDS) -> Iterator[Connection]:
        """A connection that sees one moment of the database, and no statement of it longer than `seconds`.

        Raises:
            QueryTooWide: it would have taken longer.
            StoreUnavailable: the database does not answer.
        """
        self.look()
        try:
            with self._connected(self.reading) as connection, self._limited(connection, seconds):
                yield connection
        except SQLAlchemyError as error:
            if is_interrupted(error):
                raise QueryTooWide from None
            raise StoreUnavailable(self.explain(error)) from error

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that no other `write` overlaps, whichever process it is in; raises what SQLAlchemy does.

        Raises:
            StoreUnavailable: the file is no longer where it was.
        """
        self.look()
        with self._connected(self.writing) as connection, connection.begin():
            yield connection
        # It may have gone meanwhile: what is in it now is not kept, and may not be acknowledged.
        self.look()

    def explain(self, error: BaseException) -> str:
        """What is wrong and what to do, without what was asked or written."""
        return f"database {self.shown}: {said(error)}"

    def close(self) -> None:
        """Closes every connection."""
        self.reading.dispose()
        self.writing.dispose()

    @abstractmethod
    def size(self, connection: Connection, *tables: Table) -> int:
        """Bytes in use on the disk, by all or, where that is known, by some tables with their indices."""

    def shrink(self, connection: Connection) -> bool:
        """Gives some of what is free back to the disk; whether there is more."""
        return False

    def erasing(self) -> contextlib.AbstractContextManager[Connection]:
        """A transaction, as `write`, whose deletions leave no copy behind as far as the database can see to it."""
        return self.write()

    def overwrite(self) -> str | None:
        """Sees to it that nothing of what was deleted in `erasing` is left on the disk.

        Returns:
            What may be left and what to do about it; None where nothing is.
        """
        return None

    def check(self, connection: Connection) -> None:  # noqa: B027  # most have nothing to check
        """Raises `StoreUnavailable` where the database could not keep everything that is sent."""

    def look(self) -> None:
        """Raises `StoreUnavailable` where what was opened is no longer what the URL names."""
        return

    @abstractmethod
    def _limited(self, connection: Connection, seconds: float) -> contextlib.AbstractContextManager[None]: ...

    @abstractmethod
    def _begin_reading(self, connection: Connection) -> None: ...

    @abstractmethod
    def _begin_writing(self, connection: Connection) -> None: ...

    def _engine(self, url: URL, begin: Callable[[Connection], None], **pool: Any) -> Engine:
        engine = create_engine(url, **pool, **self._driver_options())
        event.listen(engine, "connect", self._prepare)
        event.listen(engine, "begin", begin)
        return engine

    def _connected(self, engine: Engine) -> Connection:
        """A connection; where the server has no room for another one, perhaps one of ours that gets free."""
        gives_up = time.monotonic() + _WAITS_FOR_ROOM
        while True:
            try:
                return engine.connect()
            except SQLAlchemyError as error:
                if not is_full(error) or time.monotonic() > gives_up:
                    raise
            time.sleep(_NAP)

    def _pool(self, connections: int) -> dict[str, Any]:
        kept = min(connections, 8)
        return {"pool_size": kept, "max_overflow": connections - kept, "pool_timeout": 10}

    def _driver_options(self) -> dict[str, Any]:
        return {}

    def _prepare(self, connection: Any, _record: Any) -> None:
        return


class SqliteDatabase(Database):
    """One file in WAL mode: readers never wait; a commit is on the disk before it is acknowledged."""

    mark = "?"
    counts_free_room = True

    def __init__(self, url: URL, lock_seconds: float) -> None:
        super().__init__(url, lock_seconds)
        # It will hold bodies of webhooks and the key that signs sessions; the files beside it get the same mode.
        with contextlib.suppress(OSError):
            os.close(os.open(url.database or "", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        self._path = Path(url.database or "").absolute()
        self._file: tuple[int, int] | None = None

    def size(self, connection: Connection, *tables: Table) -> int:
        """See `Database.size`."""
        used = _pragma(connection, "page_count") - _pragma(connection, "freelist_count")
        return used * _pragma(connection, "page_size")

    def shrink(self, connection: Connection) -> bool:
        """See `Database.shrink`: some pages where a tenth of the file is free."""
        pages, free = _pragma(connection, "page_count"), _pragma(connection, "freelist_count")
        if free < 1000 or free * 10 < pages:
            return False
        # Of many it would free the first: Python's driver does not go on where there are no columns.
        for _ in range(_PAGES_AT_ONCE):
            connection.exec_driver_sql("PRAGMA incremental_vacuum(1)")
        return True

    @contextlib.contextmanager
    def erasing(self) -> Iterator[Connection]:
        """See `Database.erasing`: pages that get free are overwritten too."""
        with self._connected(self.writing) as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA secure_delete=ON").fetchall()
            try:
                self.look()
                with connection.begin():
                    yield connection
                self.look()
            finally:
                driver.execute(_OVERWRITING).fetchall()

    def overwrite(self) -> str | None:
        """See `Database.overwrite`.

        Rows that SQLite moved to another page leave a copy in the free part of the old one; only VACUUM removes that.
        That writes the whole file anew, while nothing else is written: a large one is only rid of its free pages.
        """
        with self._connected(self.writing) as connection:
            driver: Any = connection.connection.driver_connection
            small = self._path.stat().st_size <= _WRITTEN_ANEW
            if small:
                driver.execute("VACUUM").fetchall()
            else:
                while driver.execute("PRAGMA freelist_count").fetchone()[0]:
                    driver.execute("PRAGMA incremental_vacuum(1)").fetchall()
            # Who reads holds what was before.
            for _ in range(_TRIES_TO_EMPTY):
                if not driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                    break
                time.sleep(_NAP)
            else:
                return (
                    "the -wal file still holds copies, because something reads the database all the time: they go"
                    " when nothing does, or the server is stopped"
                )
        if small:
            return None
        return (
            f"the file is larger than {_WRITTEN_ANEW >> 20} MiB and was not written anew: rows that SQLite has moved"
            f" may have left copies in it. Stop the server and run: sqlite3 {self._path.name} VACUUM"
        )

    def look(self) -> None:
        """See `Database.look`."""
        # SQLite goes on writing into a file that has been removed, and makes an empty one for the next connection.
        if self._file is not None and self._identity() != self._file:
            raise StoreUnavailable(
                f"database {self.shown}: the file was removed or replaced while it was in use: put it back, or start"
                " the server again"
            )

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    @contextlib.contextmanager
    def _limited(self, connection: Connection, seconds: float) -> Iterator[None]:
        driver: Any = connection.connection.driver_connection
        until = time.monotonic() + seconds
        driver.set_progress_handler(lambda: time.monotonic() > until, _INSTRUCTIONS_BETWEEN_LOOKS)
        try:
            yield
        finally:
            driver.set_progress_handler(None, 0)

    def _begin_reading(self, connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    def _begin_writing(self, connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def _driver_options(self) -> dict[str, Any]:
        return {"connect_args": {"check_same_thread": False, "timeout": self.lock_seconds}}

    def _prepare(self, connection: Any, _record: Any) -> None:
        # Transactions begin where they are told to, and not where the driver thinks.
        connection.isolation_level = None
        if not connection.execute("PRAGMA page_count").fetchone()[0]:
            # Set later, it would change nothing and wait for the writer's lock.
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL").fetchall()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "cache_size=-16000",
            "temp_store=MEMORY",
            "wal_autocheckpoint=4000",
            "journal_size_limit=67108864",
            # Deleted rows are overwritten where the page is written anyway.
            "secure_delete=FAST",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        # Not before: an overlay gives a file another identity when it is first opened for writing.
        self._file = self._file or self._identity()


class PostgresqlDatabase(Database):
    """A server's database; several `outworx serve` may share it, and a transaction pooler may stand before it.

    Nothing is left to what the server, the database, the role, the environment or the URL may set: what the store
    relies on is said in each transaction.

    Args:
        connections: at most, of all kinds together, idempotency keys included.
    """

    mark = "%s"
    _LOCK: Final = 0x6F7574776F7278  # "outworx"

    def __init__(self, url: URL, lock_seconds: float, connections: int) -> None:
        self.claimers = (connections - WRITERS) // 2
        self.readers = connections - WRITERS - self.claimers
        super().__init__(url, lock_seconds)

    def size(self, connection: Connection, *tables: Table) -> int:
        """See `Database.size`: what deleted rows leave is in it until they are written over."""
        names = [table.name for table in tables or metadata.sorted_tables]
        query = (
            "SELECT coalesce(sum(pg_total_relation_size(part.relid)), 0)::bigint"
            " FROM unnest(%s::text[]) AS name, pg_partition_tree(to_regclass(name)) AS part"
        )
        return int(connection.exec_driver_sql(query, (names,)).scalar_one())

    def overwrite(self) -> str | None:
        """See `Database.overwrite`."""
        return "PostgreSQL overwrites what was deleted when its autovacuum comes by; VACUUM does it at once"

    def check(self, connection: Connection) -> None:
        """See `Database.check`: what other encodings than these have no sign for could never be written."""
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding not in _ENCODINGS:
            raise StoreUnavailable(
                f"database {self.shown}: it is encoded in {encoding}, which cannot hold every character that webhooks"
                " bring: make one in UTF8 (createdb --encoding=UTF8 --template=template0 NAME) and name that"
            )
        version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
        if version < _OLDEST:
            raise StoreUnavailable(
                f"database {self.shown}: its server is PostgreSQL {version // 10_000}, and what it takes to keep days"
                f" apart came with {_OLDEST // 10_000}: upgrade it, or give another --database"
            )

    @contextlib.contextmanager
    def _limited(self, connection: Connection, seconds: float) -> Iterator[None]:
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
        yield

    def _begin_reading(self, connection: Connection) -> None:
        pass

    def _begin_writing(self, connection: Connection) -> None:
        lock_ms = max(int(self.lock_seconds * 1000), 1)
        # A role may have a statement_timeout, which would end a large batch each time that it is sent, and may
        # commit before the disk has it, which would lose what was acknowledged.
        connection.exec_driver_sql(
            f"SELECT set_config('lock_timeout', '{lock_ms}', true), set_config('statement_timeout', '0', true),"
            " CASE current_setting('synchronous_commit') WHEN 'off'"
            " THEN set_config('synchronous_commit', 'on', true) END"
        )
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({self._LOCK})")

    def _driver_options(self) -> dict[str, Any]:
        # The lock is taken within the transaction: a snapshot from before it would not show what others wrote.
        return {
            "pool_pre_ping": True,
            "isolation_level": "READ COMMITTED",
            "connect_args": {**postgresql_connection.SETTINGS, "connect_timeout": 5},
        }


def shown(url: URL) -> str:
    """A URL without its password and its options, one of which may be a password too."""
    return url.set(query={}).render_as_string(hide_password=True)


def open_database(url: str, lock_seconds: float) -> Database:
    """The database that a URL names; nothing connects yet.

    Raises:
        ConfigurationError: a URL that cannot be used.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Not quoted: it may hold a password.
        raise ConfigurationError(f"database: this is no URL of a database; use {_KNOWN}") from None
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        return SqliteDatabase(_sqlite_url(parsed), lock_seconds)
    # The shorter ones are what hosting platforms put into DATABASE_URL.
    if parsed.drivername in ("postgresql+psycopg", "postgresql", "postgres"):
        return _postgresql(parsed.set(drivername="postgresql+psycopg"), lock_seconds)
    raise ConfigurationError(f"database: {parsed.drivername[:40]}:// is not supported; use {_KNOWN}")


def _postgresql(url: URL, lock_seconds: float) -> Database:
    import psycopg

    wanted = url.query.get(_CONNECTIONS, "8")
    connections = int(wanted) if isinstance(wanted, str) and wanted.isdecimal() and len(wanted) < 5 else 0
    if connections < _LEAST_CONNECTIONS:
        raise ConfigurationError(
            f"database: {_CONNECTIONS}={wanted!r:.20} must be a whole number, {_LEAST_CONNECTIONS} or more"
        )
    fixed = sorted(postgresql_connection.FIXED & url.query.keys())
    if fixed:
        _logger.info("database %s: its URL's %s is passed over", shown(url), ", ".join(fixed))
    url = url.difference_update_query([*fixed, _CONNECTIONS])
    try:
        postgresql_connection.check_options(url)
    except (psycopg.Error, SQLAlchemyError, ValueError) as error:
        raise ConfigurationError(f"database {shown(url)}: {str(error).strip()}") from None
    return PostgresqlDatabase(url, lock_seconds, connections)


def _sqlite_url(url: URL) -> URL:
    if url.host or url.username:
        raise ConfigurationError("database: sqlite:// takes a path after three slashes: sqlite:///outworx.db")
    if not url.database or url.database == ":memory:":
        raise ConfigurationError(
            "database: sqlite:// needs a file that outlives the process: sqlite:///outworx.db"
        )
    folder = Path(url.database).absolute().parent
    if not folder.is_dir():
        raise ConfigurationError(
            f"database: the folder {folder} does not exist: make it, or give another path"
        )
    return url


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
