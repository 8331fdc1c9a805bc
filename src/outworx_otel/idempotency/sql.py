"""What SQLite and PostgreSQL have in common: one table, one statement per operation, each its own transaction."""

from __future__ import annotations

import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    CursorResult,
    Double,
    Executable,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from outworx_otel.errors import ConfigurationError
from outworx_otel.idempotency.memory import FORGOTTEN_AFTER
from outworx_otel.idempotency.protocol import Held
from outworx_otel.idempotency.record import StoredAnswer, encode
from outworx_otel.idempotency.store_address import StoreAddress
from outworx_otel.process.forks import PerProcess

T = TypeVar("T")

MAX_RACES: Final = 20
"""How often a claim looks again because another one came between; twice is rare."""

_TIDY_BATCH: Final = 200
_inherited: Final[list[Engine]] = []


def record_table(name: str) -> Table:
    """One row per key. In progress: no answer, a lease of `lease` seconds that ends at `deadline` (Unix time)."""
    return Table(
        name,
        MetaData(),
        Column("key", String, primary_key=True),
        Column("token", String, nullable=False),
        Column("lease", Double, nullable=False),
        Column("deadline", Double, nullable=False),
        Column("expires", Double, nullable=False),
        Column("answer", LargeBinary),
        Index(f"{name}_expires", "expires"),
    )


def bound(name: str) -> Any:
    """A parameter whose name cannot be taken for a column's."""
    return bindparam(f"p_{name}")


class SqlBackend(ABC):
    """The part of a SQL back-end that does not depend on the database.

    Args:
        address: its URL, with SQLAlchemy's and the driver's own options left in the query.
        table: the table's name.
        now: the database's time as an expression, or a parameter `p_now`.
        budget: seconds to go on trying where another transaction or connection stands in the way.

    Raises:
        ConfigurationError: a URL that SQLAlchemy does not take, or a table's name that needs quotes.
    """

    def __init__(self, address: StoreAddress, *, table: str, now: ColumnElement[Any], budget: float) -> None:
        if not table.isidentifier() or len(table) > 48:
            raise ConfigurationError(f"idempotency_store {address.shown}: table={table!r} is no plain name")
        try:
            self._url: URL = make_url(address.url)
        except (ArgumentError, ValueError) as error:
            raise ConfigurationError(f"idempotency_store {address.shown}: {type(error).__name__}") from None
        self._address = address
        self._budget = budget
        self.table = t = record_table(table)
        self._held = and_(t.c.key == bound("key"), t.c.token == bound("token"), t.c.expires > now)
        in_progress = and_(self._held, t.c.answer.is_(None))
        self.free = or_(
            t.c.expires <= now,
            and_(t.c.answer.is_(None), or_(t.c.deadline <= now, t.c.token == bound("token"))),
        )
        self.lease_values: dict[str, Any] = {
            "token": bound("token"),
            "lease": bound("lease"),
            "deadline": now + bound("lease"),
            "expires": now + bound("lease") + FORGOTTEN_AFTER,
        }
        self._renew = update(t).where(in_progress).values(self.lease_values)
        several = and_(
            tuple_(t.c.key, t.c.token).in_(bindparam("p_held", expanding=True)),
            t.c.expires > now,
            t.c.answer.is_(None),
        )
        renewed = {name: value for name, value in self.lease_values.items() if name != "token"}
        self._renew_many = update(t).where(several).values(renewed)
        self._find_many = select(t.c.key, t.c.token).where(several)
        # Again with the same token it changes nothing, and says that the answer stands.
        self._complete = (
            update(t)
            .where(self._held)
            .values(
                answer=func.coalesce(t.c.answer, bound("answer")),
                expires=case((t.c.answer.is_(None), now + bound("ttl")), else_=t.c.expires),
            )
        )
        self._release = delete(t).where(in_progress)
        expired = select(t.c.key).where(t.c.expires <= now).order_by(t.c.expires).limit(_TIDY_BATCH)
        self._tidy = delete(t).where(t.c.key.in_(self.skipping_locked(expired).scalar_subquery()))
        self._lock = PerProcess(lambda: threading.Lock())
        self.after_fork()

    def after_fork(self) -> None:
        """See `Backend.after_fork`."""
        # Kept for ever, and unused: letting go would close the parent's connections, or warn of them.
        engine: Engine | None = getattr(self, "_engine", None)
        if engine is not None:
            _inherited.append(engine)
        self._engine: Engine | None = None

    def __str__(self) -> str:
        return self._address.shown

    def renew(self, key: str, token: str, lease: float) -> bool:
        """See `BlockingStore.renew`."""
        return self.changed(self._renew, p_key=key, p_token=token, p_lease=lease)

    def renew_many(self, held: Sequence[Held], lease: float) -> set[Held]:
        """See `RenewsTogether.renew_many`: one statement, and a second one where a claim is lost."""
        pairs = list(held)

        def renew(connection: Connection) -> set[Held]:
            if self.execute(connection, self._renew_many, p_held=pairs, p_lease=lease).rowcount == len(pairs):
                return set()
            found = self.execute(connection, self._find_many, p_held=pairs)
            return set(pairs) - {(row.key, row.token) for row in found}

        return self.run(renew)

    def complete(self, key: str, token: str, answer: StoredAnswer, ttl: float) -> bool:
        """See `BlockingStore.complete`."""
        return self.changed(self._complete, p_key=key, p_token=token, p_answer=encode(answer), p_ttl=ttl)

    def release(self, key: str, token: str) -> bool:
        """See `BlockingStore.release`."""
        return self.changed(self._release, p_key=key, p_token=token)

    def check(self) -> None:
        """See `Backend.check`."""
        self.run(lambda connection: connection.execute(select(1)))

    def tidy(self) -> bool:
        """See `Backend.tidy`."""
        return self.run(lambda connection: self.execute(connection, self._tidy).rowcount) >= _TIDY_BATCH

    def explain(self, error: BaseException) -> str:
        """See `Backend.explain`."""
        # SQLAlchemy's own message adds the statement and its parameters.
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        return self._address.scrub(f"{type(cause).__name__}: {cause}")

    def close(self) -> None:
        """See `Backend.close`."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def changed(self, statement: Executable, **parameters: Any) -> bool:
        """Whether a statement found its row."""
        return self.run(lambda connection: self.execute(connection, statement, **parameters).rowcount) == 1

    def run(self, work: Callable[[Connection], T]) -> T:
        """Does something with a connection.

        Once more with a new one, if it had been lost since the last time; and again and again within the budget,
        from connecting on, where others stand in the way.
        """
        gives_up = time.monotonic() + self._budget
        renewed = False
        while True:
            try:
                return self._once(self._ready(), work)
            except DBAPIError as error:
                if error.connection_invalidated and not renewed:
                    renewed = True
                    continue
                pause = self.pause_after(error)
                if pause is None or time.monotonic() > gives_up:
                    raise
            time.sleep(pause * random.uniform(0.1, 1.0))  # noqa: S311  # so that two never keep step

    def execute(self, connection: Connection, statement: Executable, **parameters: Any) -> CursorResult[Any]:
        """One statement, which is its own transaction."""
        return connection.execute(statement, parameters)

    def _once(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        with engine.connect() as connection:
            try:
                return work(connection)
            except TimeoutError:
                # Half an answer may still come: nobody else may have this connection.
                connection.invalidate()
                raise

    def _ready(self) -> Engine:
        if self._engine is None:
            with self._lock():
                if self._engine is None:
                    engine = self.make_engine()
                    try:
                        self.make_schema(engine)
                    except SQLAlchemyError:
                        engine.dispose()
                        raise
                    self._engine = engine
        return self._engine

    @abstractmethod
    def pause_after(self, error: DBAPIError) -> float | None:
        """The seconds, at most, after which the same may well succeed; None where it will not."""

    def skipping_locked(self, rows: Any) -> Any:
        """Where rows can be locked, passes over those that are."""
        return rows

    @abstractmethod
    def make_engine(self) -> Engine:
        """An engine in autocommit mode, with a bounded pool; connects to nothing yet."""

    @abstractmethod
    def make_schema(self, engine: Engine) -> None:
        """Makes the table unless it is there, however many processes do so at once."""
