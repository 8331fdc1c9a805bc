"""The block of `track.once(session)`: into the session's transaction with the key, and out of it with a commit."""

from __future__ import annotations

import contextlib
import inspect
import time
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Final, NoReturn

from outworx_otel.delivery._event_key import EventKey
from outworx_otel.delivery._messages import OutboundResponse, Respond
from outworx_otel.delivery.flow import Call, Flow, Pause, T, run_async, run_sync
from outworx_otel.errors import DeliveryEnded, TransactionError, described
from outworx_otel.idempotency import Claimed, Completed
from outworx_otel.idempotency.record import encode
from outworx_otel.idempotency.transaction import (
    Connection,
    Dialect,
    Steps,
    TransactionStore,
    answers,
    connection_of,
    dialect_of,
    rivals,
)
from outworx_otel.process.job_waiting import on_event_loop
from outworx_otel.telemetry import Record
from outworx_otel.telemetry.redaction import scrub

_POLL: Final = 0.02


class Once:
    """One block of a handler; `with` for a sync session, `async with` for an async one.

    Args:
        session: a session or connection.
        key: of the event; None where it has none, so that the block is only committed.
        event: makes the answers to duplicates.
        store: where the key is, and how long a rival waits.
        record: told the outcome.
        ttl: seconds for which the key is kept.
    """

    __slots__ = (
        "_claimed",
        "_connection",
        "_dialect",
        "_event",
        "_gives_up",
        "_has_place",
        "_is_complete",
        "_key",
        "_record",
        "_runs",
        "_session",
        "_store",
        "_ttl",
        "is_done",
    )

    def __init__(
        self,
        session: Any,
        key: str | None,
        event: EventKey,
        store: TransactionStore,
        record: Record,
        ttl: float,
    ) -> None:
        self._session = session
        self._key = key
        self._event = event
        self._store = store
        self._record = record
        self._ttl = ttl
        self._connection: Connection | None = None
        self._dialect: Dialect | None = None
        self._gives_up = 0.0
        self._has_place = False
        self._runs = False
        self._claimed = False
        self.is_done = False
        self._is_complete = False

    def __enter__(self) -> Once:
        run_sync(self._enter(awaited=False))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run_sync(self._leave(error))

    async def __aenter__(self) -> Once:
        await run_async(self._enter(awaited=True))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await run_async(self._leave(error))

    # -- into the block ----------------------------------------------------------------------------------------

    def _enter(self, *, awaited: bool) -> Flow[None]:
        self._connection = connection = connection_of(self._session, awaited)
        key = self._key
        try:
            if key is None:
                yield from _done(connection.open)
                return
            self._gives_up = time.monotonic() + self._store.lock_timeout
            yield from self._wait_here(key, awaited)
            yield from self._claim_key(connection, key)
            if connection.joins:
                yield from _done(connection.set_savepoint)
        except BaseException:
            self._over()
            raise
        finally:
            self._leave_place()

    def _wait_here(self, key: str, awaited: bool) -> Flow[None]:
        """Waits for another delivery of this process, which takes no connection."""
        while not rivals().begin(key):
            # A thread that runs an event loop would stop the very delivery that it waits for.
            if not self.may() or (not awaited and on_event_loop()):
                self._end(self._event.in_flight(1.0))
            yield Pause(_POLL, blocks=True)
        self._runs = True

    def _claim_key(self, connection: Connection, key: str) -> Flow[None]:
        record, store = self._record, self._store
        try:
            yield from _done(connection.open)
            self._dialect = dialect = dialect_of(connection.database, store.table)
            found = yield from _made(dialect.claim(connection, key, time.time() + self._ttl, self))
        except TransactionError:
            raise
        except Exception as cause:
            yield from self._rolled_back(connection)
            raise TransactionError(
                f"track.once(): the key could not be claimed in {store.table}: {scrub(described(cause))}"
            ) from cause
        if isinstance(found, Claimed):
            self._claimed = True
            record.idempotency_outcome = "executed"
            return
        yield from self._rolled_back(connection)
        if isinstance(found, Completed):
            self._end(self._event.replay(found.answer))
        self._end(self._event.in_flight(1.0))

    def _end(self, answer: Respond) -> NoReturn:
        raise DeliveryEnded(answer)

    def _rolled_back(self, connection: Connection) -> Flow[None]:
        """Lets go of the connection: nothing of the block has begun. A joined transaction is its owner's."""
        if not connection.joins:
            with contextlib.suppress(Exception):
                yield from _done(connection.rollback)

    def may(self) -> bool:
        """See `Wait.may`."""
        if self.seconds <= 0:
            return False
        if not self._has_place:
            self._has_place = rivals().take_place()
        return self._has_place

    @property
    def seconds(self) -> float:
        """See `Wait.seconds`."""
        return self._gives_up - time.monotonic()

    def _leave_place(self) -> None:
        if self._has_place:
            self._has_place = False
            rivals().leave_place()

    def _over(self) -> None:
        """Another delivery of this process may go on, and asks the database."""
        if self._runs and self._key is not None:
            self._runs = False
            rivals().end(self._key)

    # -- out of the block --------------------------------------------------------------------------------------

    def _leave(self, error: BaseException | None) -> Flow[None]:
        connection = self._connection
        assert connection is not None
        try:
            if error is None:
                yield from self._commit(connection)
            else:
                yield from self._undo(connection, error)
        finally:
            self._over()

    def _commit(self, connection: Connection) -> Flow[None]:
        record = self._record
        if connection.joins:
            if self._claimed:
                yield from _done(connection.release)
        else:
            try:
                if self._claimed and not connection.is_open():
                    yield from self._look_for_key(connection)
                yield from _done(connection.commit)
            except BaseException as error:
                if isinstance(error, TransactionError):
                    record.committed, record.rolled_back = False, error
                else:
                    # It may have come through: the next attempt will find out.
                    record.note(error)
                with contextlib.suppress(Exception):
                    yield from _done(connection.rollback)
                raise
        if self._claimed:
            record.committed = None if connection.joins else True
            self.is_done = True

    def _look_for_key(self, connection: Connection) -> Flow[None]:
        """The block has ended its transaction itself: what it did since must not be committed without the key."""
        key, dialect = self._key, self._dialect
        assert key is not None
        assert dialect is not None
        yield from _done(connection.open)
        if not (yield from _made(dialect.has(connection, key))):
            raise TransactionError(
                "track.once(): the block has rolled its transaction back, and the event's key with it, so what it "
                "did since is rolled back too; undo a part of a block with a savepoint: session.begin_nested()"
            )

    def _undo(self, connection: Connection, error: BaseException) -> Flow[None]:
        record = self._record
        if self._claimed:
            record.committed = False
            record.rolled_back = error
        try:
            if not connection.joins:
                yield from _done(connection.rollback)
            elif self._claimed:
                yield from _done(partial(connection.undo, error))
                assert self._dialect is not None
                give_up = partial(connection.change, self._dialect.give_up, {"key": self._key})
                yield from _done(give_up)
        except Exception as broken:  # noqa: BLE001  # the connection is lost; what the handler raised goes its way
            record.note(broken)

    @property
    def may_keep_later(self) -> bool:
        """Whether there is an answer to store, and any thread may do so."""
        connection = self._connection
        return self.is_done and connection is not None and not connection.keeps_here

    def keep(self, answer: bytes) -> Flow[bool]:
        """Stores the answer of a block that is done; False where it cannot be, for its transaction goes on."""
        connection, dialect = self._connection, self._dialect
        if self._is_complete:
            return True
        if not self.is_done or connection is None or dialect is None:
            return False
        if connection.joins and connection.is_open():
            return False
        yield from self._run(connection, dialect.keep, {"answer": answer, "key": self._key})
        return True

    def tidy(self) -> Flow[None]:
        """Now and then, forgets a batch of keys whose time is over."""
        connection, dialect = self._connection, self._dialect
        if not self.is_done or connection is None or dialect is None or connection.is_open():
            return
        if not answers.is_time_to_tidy():
            return
        yield from self._run(connection, dialect.tidy, {"now": time.time()})

    def _run(self, connection: Connection, statement: str, parameters: dict[str, Any]) -> Flow[None]:
        call = partial(connection.keeper(), statement, parameters)
        if connection.keeps_here:
            call()
        else:
            awaited = call if inspect.iscoroutinefunction(call.func) else partial(answers.akeep, call)
            yield Call(partial(answers.keep, call), awaited)

    def complete(self, answer: OutboundResponse) -> None:
        """Stores the answer in the transaction itself, as its last statement; of a sync block."""
        connection, dialect = self._connection, self._dialect
        if not self._claimed or connection is None or dialect is None or answer.body is None:
            return
        stored = self._event.stored(answer)
        connection.change(dialect.keep, {"answer": encode(stored), "key": self._key})
        self._record.answer_kept = stored.body is not None
        self._is_complete = True


def _done(call: Callable[[], Any]) -> Flow[Any]:
    """Makes a call on a connection, or awaits it, as the driver of this flow does."""
    return (yield Call(call, call))


def _made(steps: Steps[T]) -> Flow[T]:
    """Makes the calls of a claim, one after the other."""
    try:
        step = next(steps)
        while True:
            try:
                result = yield Call(step, step)
            except BaseException as error:  # noqa: BLE001  # it belongs to the claim, which decides
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as done:
        value: T = done.value
        return value
