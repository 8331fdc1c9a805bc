"""Speaks to ClickHouse: a few clients, each for one thread at a time, and what its errors mean."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, Final

from outworx_otel.errors import ConfigurationError
from outworx_otel.server.store.columns.address import Address
from outworx_otel.server.store.store_errors import BatchRefused, QueryTooWide, StoreUnavailable

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

READ_SECONDS: Final = 5
"""A page is not waited for any longer."""

WRITE_SECONDS: Final = 20
"""What a writer has to know is waited for: no exporter can narrow it."""

_CHANGE_SECONDS: Final = 120
_CLIENTS: Final = 8
_WAITS_FOR_A_CLIENT: Final = 10.0
_GIB: Final = 1024**3
_LIMITS: Final = {"max_memory_usage": _GIB, "timeout_overflow_mode": "throw"}
# A text index that is looked at for each granule anew takes five times as long as at once, before any is read.
_PLANNED: Final = {"use_skip_indexes_on_data_read": 0}
# chDB takes part of this process's memory: of the machine's it would take nine tenths.
_CHDB_OPTIONS: Final = {"max_server_memory_usage": 2 * _GIB, "mark_cache_size": _GIB // 4}

# ClickHouse's numbers of errors: too long, too much memory, too many rows or bytes.
_TOO_WIDE: Final = frozenset({158, 159, 160, 241, 307, 396})
_MEANINGS: Final = {
    60: "a table is missing: was it removed? Start the server again",
    81: "the server has no such database: CREATE DATABASE makes one",
    164: "this user may only read: grant INSERT, SELECT, ALTER, CREATE TABLE on the database",
    192: "the server does not take this user and password",
    193: "the server does not take this user and password",
    194: "the server does not take this user and password",
    202: "the server has too many queries at once already",
    242: "its tables take no writes: has it lost its Keeper, or its disk?",
    243: "the server's disk is full: free some space",
    252: "it cannot merge what is written as fast as it comes: see its log, and its disk",
    497: "this user may not do that: grant INSERT, SELECT, ALTER, CREATE TABLE on the database",
    516: "the server does not take this user and password",
    701: "the server knows no such cluster: see system.clusters, and its remote_servers",
    999: "it does not reach its Keeper: see its log",
}


class Engine:
    """A server, or the engine in this process. Its methods block.

    Args:
        address: where it is.

    Raises:
        ConfigurationError: what it needs is not installed.
        StoreUnavailable: another process has it open.
    """

    def __init__(self, address: Address) -> None:
        self.shown = address.shown
        self.database = address.database
        self.cluster = address.cluster
        self.is_in_process = address.path is not None
        self._address = address
        # They would tell of an outage with the stack, and the address, of each try.
        for name in ("clickhouse_connect", "urllib3.connectionpool"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._check_that_it_is_installed()
        self._lock = _Lock(address) if self.is_in_process else None
        # An empty place is a client that has not been made yet.
        self._clients: queue.LifoQueue[Client | None] = queue.LifoQueue()
        for _ in range(_CLIENTS):
            self._clients.put(None)

    def query(
        self,
        statement: str,
        *,
        as_bytes: Sequence[str] = (),
        seconds: int = READ_SECONDS,
        indexed: bool = True,
    ) -> Sequence[Sequence[Any]]:
        """The rows of a SELECT.

        Args:
            as_bytes: columns that are no text.
            seconds: how long it may take.
            indexed: whether skipping indices are looked at. For hundreds of values at once they would be in vain.

        Raises:
            QueryTooWide: it would have taken longer, or too much memory.
            StoreUnavailable: it does not answer.
        """
        with self._client() as client, _readable():
            limits = {**_LIMITS, **_PLANNED, "max_execution_time": seconds, "use_skip_indexes": int(indexed)}
            formats: dict[str, str | dict[str, str]] = dict.fromkeys(as_bytes, "bytes")
            rows: Sequence[Sequence[Any]] = client.query(
                statement, settings=limits, column_formats=formats
            ).result_rows
        return rows

    def read(
        self, statement: str, values: Mapping[str, Any], *, seconds: int = READ_SECONDS
    ) -> Sequence[Sequence[Any]]:
        """The rows of a SELECT over what others write, and whose user may be one that only reads.

        Args:
            values: of the statement's parameters.
            seconds: how long it may take.

        Returns:
            Rows whose texts are bytes.

        Raises:
            QueryTooWide, StoreUnavailable: as `query`.
        """
        with self._client() as client, _readable():
            known = client.server_settings
            limits = {"readonly": 2, **_LIMITS, "max_execution_time": seconds}
            # Whom the server itself lets only read may choose nothing, and need not.
            settings = {
                name: value for name, value in limits.items() if name in known and not known[name].readonly
            }
            rows: Sequence[Sequence[Any]] = client.query(
                statement, parameters=dict(values), settings=settings, query_formats={"String": "bytes"}
            ).result_rows
        return rows

    def change(self, statement: str, **settings: Any) -> None:
        """Any other statement; raises as `query`."""
        with self._client() as client:
            client.command(statement, settings={"max_execution_time": _CHANGE_SECONDS, **settings})

    def insert(
        self, table: str, types: Mapping[str, str], columns: Sequence[Sequence[Any]], query_id: str
    ) -> None:
        """Writes rows, given by column; they are on the disk when it returns.

        Args:
            types: of the columns, by their names.
            query_id: tells this insert from others; the server drops what comes with the same one again.

        Raises:
            BatchRefused: a value that no column can hold.
            StoreUnavailable: it does not answer, or cannot write.
        """
        settings = {
            # The server gives up before the client does, so that no insert comes to an end unseen.
            "max_execution_time": self._address.seconds * 2 // 3,
            "insert_deduplication_token": query_id,
            "query_id": query_id,
            "async_insert": 0,
            # Where it is spread over several servers: all of them have it.
            "distributed_foreground_insert": 1,
        }
        with self._client() as client:
            client.insert(
                table,
                columns,
                column_names=list(types),
                column_type_names=list(types.values()),
                database=self.database,
                column_oriented=True,
                settings=settings,
            )

    def close(self) -> None:
        """Closes all connections."""
        while True:
            try:
                client = self._clients.get_nowait()
            except queue.Empty:
                break
            if client is not None:
                client.close()
        if self._lock is not None:
            self._lock.release()

    @contextlib.contextmanager
    def _client(self) -> Iterator[Client]:
        from clickhouse_connect.driver.exceptions import ClickHouseError, DataError

        try:
            client = self._clients.get(timeout=_WAITS_FOR_A_CLIENT)
        except queue.Empty:
            raise StoreUnavailable(
                f"database {self.shown}: all its connections are in use: try again"
            ) from None
        try:
            client = client or self._made()
            yield client
        except DataError:
            raise BatchRefused(f"database {self.shown}: a value cannot be kept") from None
        except (ClickHouseError, OSError, RuntimeError, _Unreadable) as error:
            code = getattr(error, "code", None)
            if code is None and client is not None:
                # The connection may be at fault.
                with contextlib.suppress(ClickHouseError, OSError, RuntimeError):
                    client.close()
                client = None
            if code in _TOO_WIDE:
                raise QueryTooWide from None
            # None of the client's errors is passed on: they quote statements, values and addresses.
            said = str(error) if isinstance(error, _Unreadable) else _said(code)
            raise StoreUnavailable(f"database {self.shown}: {said}") from None
        finally:
            self._clients.put(client)

    def _made(self) -> Client:
        import clickhouse_connect

        if self._address.path is not None:
            return clickhouse_connect.get_client(
                interface="chdb",
                path=str(self._address.path),
                database=self.database if self._address.table else None,
                chdb_options=_CHDB_OPTIONS,
            )
        return clickhouse_connect.get_client(
            **self._address.arguments,
            database=self.database,
            connect_timeout=5,
            send_receive_timeout=self._address.seconds,
            query_retries=0,
            # A session takes one query at a time, also of another process.
            autogenerate_session_id=False,
            client_name="outworx-otel",
        )

    def _check_that_it_is_installed(self) -> None:
        extra = "chdb" if self.is_in_process else "clickhouse"
        try:
            import clickhouse_connect  # noqa: F401

            if extra == "chdb":
                import chdb  # noqa: F401
        except ImportError as error:
            raise ConfigurationError(
                f"database {self.shown}: this needs {error.name}: pip install 'outworx-otel[server,{extra}]'"
            ) from None


class _Unreadable(Exception):
    """An answer is in no form that the client knows."""


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Tells an answer that cannot be read from a fault of ours: the client has no exception for it."""
    try:
        yield
    except (LookupError, ValueError):
        raise _Unreadable(
            "what it answered cannot be read: does something between here and there answer in its place?"
        ) from None


class _Lock:
    """Of chDB's folder, which one process may open. It ends with the process."""

    def __init__(self, address: Address) -> None:
        import fcntl

        path = address.path
        assert path is not None
        self._file: IO[str] = path.with_name(path.name + ".lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            holder = self._file.read(20).strip() or "unknown"
            self._file.close()
            raise StoreUnavailable(
                f"database {address.shown}: process {holder} has it open, and chDB takes one at a time: end that,"
                " give another path, or take clickhouse:// for several"
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        self._file.close()


def _said(code: int | None) -> str:
    if code is None:
        return "it does not answer: is the server running, and reachable from here?"
    return _MEANINGS.get(code, f"the server refused with its error {code}: see its log")
