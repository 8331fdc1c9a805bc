"""What each database is asked: to claim a key in a transaction, to keep an answer, to forget old keys.

A claim is a generator of calls on a connection: whoever drives it makes each call, or awaits it.
"""

from __future__ import annotations

import hashlib
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypeVar

from outworx_otel.errors import TransactionError
from outworx_otel.idempotency.protocol import Claim, Claimed, Completed, InProgress
from outworx_otel.idempotency.record import StoredAnswer, decode

if TYPE_CHECKING:
    from outworx_otel.idempotency.transaction.connections import Connection

T = TypeVar("T")
Steps = Generator[Callable[[], Any], Any, T]

UNTIL_THERE: Final = StoredAnswer(200, (), b"", "")
"""What a duplicate gets as long as the answer is not there."""

_PARAMETER: Final = re.compile(r":(\w+)")
_MINE: Final = Claimed("")
_THEIRS: Final = InProgress(1.0)


class Wait(Protocol):
    """A delivery's leave to wait for another one."""

    def may(self) -> bool:
        """Whether there is a place to wait, and time left."""

    @property
    def seconds(self) -> float:
        """How long, at most."""


class Dialect(ABC):
    """One kind of database.

    Args:
        table: where the keys are.
    """

    names: ClassVar[tuple[str, ...]]
    """What SQLAlchemy and Django call it."""
    insert: ClassVar[str]
    update: ClassVar[str] = "UPDATE {table} SET answer = :answer WHERE event_key = :key AND answer IS NULL"
    expired: ClassVar[str] = (
        "DELETE FROM {table} WHERE event_key IN "
        "(SELECT event_key FROM {table} WHERE expires < :now ORDER BY expires LIMIT 200)"
    )
    delete: ClassVar[str] = "DELETE FROM {table} WHERE event_key = :key"
    find: ClassVar[str] = "SELECT answer FROM {table} WHERE event_key = :key"

    def __init__(self, table: str) -> None:
        self._insert = self.insert.format(table=table)
        self._find = self.find.format(table=table)
        self.give_up = self.delete.format(table=table)
        self.keep = self.update.format(table=table)
        self.tidy = self.expired.format(table=table)

    def claim(self, connection: Connection, key: str, expires: float, wait: Wait) -> Steps[Claim]:
        """Claims the key in the connection's transaction.

        Where another one holds it, waits for that as far as `wait` lets it. After anything but `Claimed` the
        transaction may be broken.
        """
        try:
            return (yield from self._claim(connection, key, expires, wait))
        except Exception as error:
            if self._is_rival(error):
                return _THEIRS
            raise

    def _claim(self, connection: Connection, key: str, expires: float, wait: Wait) -> Steps[Claim]:
        claimed = yield from self._attempt(connection, key, expires, wait)
        if claimed:
            return _MINE
        return (yield from self._look(connection, key)) or _THEIRS

    def has(self, connection: Connection, key: str) -> Steps[bool]:
        """Whether the key is there."""
        return (yield from self._look(connection, key)) is not None

    @abstractmethod
    def _attempt(self, connection: Connection, key: str, expires: float, wait: Wait) -> Steps[bool]:
        """Inserts the key, waiting for another transaction that has done so."""

    def _look(self, connection: Connection, key: str) -> Steps[Completed | None]:
        row = yield partial(connection.fetch, self._find, {"key": key})
        if row is None:
            return None
        return Completed(UNTIL_THERE if row[0] is None else decode(bytes(row[0])))

    @abstractmethod
    def _is_rival(self, error: BaseException) -> bool:
        """Whether an error says that another transaction stood in the way."""


class PostgreSQL(Dialect):
    """An advisory lock goes with each key, until the transaction's end.

    So one statement claims where nobody else does, and it is known who would have to wait before he waits.
    """

    names = ("postgresql",)
    insert = (
        "INSERT INTO {table} (event_key, expires) "
        "SELECT CAST(:key AS varchar), CAST(:expires AS double precision) "
        "WHERE pg_try_advisory_xact_lock(CAST(:number AS bigint)) ON CONFLICT (event_key) DO NOTHING"
    )
    # Lock not available, could not serialize, deadlock.
    _RIVAL: Final = ("55P03", "40001", "40P01")
    _LIMIT: Final = "SELECT set_config('lock_timeout', CAST(:limit AS text), true)"

    def _claim(self, connection: Connection, key: str, expires: float, wait: Wait) -> Steps[Claim]:
        claim = yield from super()._claim(connection, key, expires, wait)
        if not isinstance(claim, InProgress) or not wait.may():
            return claim
        (before,) = yield partial(connection.fetch, "SELECT current_setting('lock_timeout')", {})
        limit = f"{max(1, round(wait.seconds * 1000))}ms"
        yield partial(connection.fetch, self._LIMIT, {"limit": limit})
        lock = "SELECT pg_advisory_xact_lock(CAST(:number AS bigint))"
        yield partial(connection.fetch, lock, {"number": _number(key)})
        yield partial(connection.fetch, self._LIMIT, {"limit": before})
        return (yield from super()._claim(connection, key, expires, wait))

    def _attempt(self, connection: Connection, key: str, expires: float, wait: Wait) -> Steps[bool]:
        parameters = {"key": key, "expires": expires, "number": _number(key)}
        count: int = yield partial(connection.change, self._insert, parameters)
        return count == 1

    def _is_rival(self, error: BaseException) -> bool:
        return any(
            getattr(one, "sqlstate", None) in self._RIVAL or getattr(one, "pgcode", None) in self._RIVAL
            for one in _causes(error)
        )


class SQLite(Dialect):
    """One transaction writes at a time: a rival waits for the whole database."""

    names = ("sqlite",)
    insert = (
        "INSERT INTO {table} (event_key, expires) VALUES (:key, :expires) ON CONFLICT (event_key) DO NOTHING"
    )

    def _attempt(self, connection: Connection, key: str, expires: float, wait: Wait) -> Steps[bool]:
        (before,) = yield partial(connection.fetch, "PRAGMA busy_timeout", {})
        yield partial(connection.fetch, f"PRAGMA busy_timeout = {max(1, round(wait.seconds * 1000))}", {})
        try:
            count: int = yield partial(connection.change, self._insert, {"key": key, "expires": expires})
        finally:
            yield partial(connection.fetch, f"PRAGMA busy_timeout = {int(before)}", {})
        return count == 1

    def _is_rival(self, error: BaseException) -> bool:
        return any(
            type(one).__name__ == "OperationalError" and "is locked" in str(one) for one in _causes(error)
        )


class MySQL(Dialect):
    """The row itself is what a rival waits for; how long, MySQL knows for a connection only."""

    names = ("mysql",)
    insert = "INSERT IGNORE INTO {table} (event_key, expires) VALUES (:key, :expires)"
    # What is committed now, not when the transaction began.
    find = "SELECT answer FROM {table} WHERE event_key = :key LOCK IN SHARE MODE"
    expired = "DELETE FROM {table} WHERE expires < :now ORDER BY expires LIMIT 200"
    # Lock wait timeout, deadlock.
    _RIVAL: Final = (1205, 1213)
    _LIMIT: Final = (
        "SET @outworx_before = @@SESSION.innodb_lock_wait_timeout, SESSION innodb_lock_wait_timeout = {}"
    )
    _AS_BEFORE: Final = "SET SESSION innodb_lock_wait_timeout = @outworx_before"

    def _attempt(self, connection: Connection, key: str, expires: float, wait: Wait) -> Steps[bool]:
        yield partial(connection.fetch, self._LIMIT.format(_whole(wait)), {})
        try:
            count: int = yield partial(connection.change, self._insert, {"key": key, "expires": expires})
        finally:
            yield partial(connection.fetch, self._AS_BEFORE, {})
        return count == 1

    def _is_rival(self, error: BaseException) -> bool:
        return any(one.args[:1] and one.args[0] in self._RIVAL for one in _causes(error))


class MariaDB(MySQL):
    """As MySQL, and the wait can be said for one statement."""

    names = ("mariadb",)

    def _attempt(self, connection: Connection, key: str, expires: float, wait: Wait) -> Steps[bool]:
        statement = f"SET STATEMENT innodb_lock_wait_timeout = {_whole(wait)} FOR {self._insert}"
        count: int = yield partial(connection.change, statement, {"key": key, "expires": expires})
        return count == 1


_KINDS: Final[tuple[type[Dialect], ...]] = (PostgreSQL, SQLite, MySQL, MariaDB)


@lru_cache(maxsize=32)
def dialect_of(name: str, table: str) -> Dialect:
    """The kind of database that goes by a name; made once for each table.

    Raises:
        TransactionError: it is none of ours.
    """
    for kind in _KINDS:
        if name in kind.names:
            return kind(table)
    known = ", ".join(kind.names[0] for kind in _KINDS)
    raise TransactionError(f"track.once(): the database is {name[:40]!r}, and this works on {known}")


@lru_cache(maxsize=64)
def pyformat(statement: str) -> str:
    """A statement with its parameters written as `%(name)s`, for drivers that want them so."""
    return _PARAMETER.sub(r"%(\1)s", statement)


def _whole(wait: Wait) -> int:
    return max(1, math.ceil(wait.seconds))


def _number(key: str) -> int:
    """A signed 64-bit number for the key's lock."""
    return int.from_bytes(hashlib.sha256(f"outworx {key}".encode()).digest()[:8], "big", signed=True)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and the driver's own below it."""
    seen: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in seen:
        seen.append(one)
        yield one
        one = getattr(one, "orig", None) or one.__cause__
