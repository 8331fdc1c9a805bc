"""Wraps every remote store: a deadline for each operation, a circuit breaker, and the async methods."""

from __future__ import annotations

import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from outworx_otel.errors import StoreError
from outworx_otel.idempotency.breaker import Breaker, StoreCounts
from outworx_otel.idempotency.event_loops import Attempt, LoopClient, LoopsConnections
from outworx_otel.idempotency.protocol import BlockingStore, Claim, Claimed, Held, renew_together
from outworx_otel.idempotency.record import StoredAnswer
from outworx_otel.idempotency.workers import WorkerPool
from outworx_otel.process.forks import PerProcess, after_fork_in_child
from outworx_otel.process.job_waiting import await_, in_trio, wait, wait_all
from outworx_otel.process.jobs import Job

logger = logging.getLogger("outworx_otel")

T = TypeVar("T")

BUDGET: Final = 0.25
_CHECK_BUDGET: Final = 5.0
_CHECK_CONNECTIONS: Final = 4
# psycopg prepares what it has sent five times; where a pooler breaks that, the sixth and later ones fail.
_CHECK_ROUNDS: Final = 8
_CHECK_LEASE: Final = 10.0
_TIDY_EVERY: Final = 10.0
_TIDY_AGAIN: Final = 0.1
_BACKGROUND_BUDGET: Final = 5.0


class Backend(BlockingStore, Protocol):
    """A store as its back-end is written: once, blocking, called by the guard's threads alone.

    Its operations raise whatever the client library raises, and may take longer than the guard waits. It may have
    `renew_many` (see `RenewsTogether`); else the guard renews lease by lease, on half of its threads. And it may have
    `loop_client()`, which gives a `LoopClient`, or None: what does the operations on an asyncio event loop.
    """

    def check(self) -> None:
        """Connects and asks for a sign of life."""

    def tidy(self) -> bool:
        """Removes a small batch of expired records; True where more of them are left."""

    def explain(self, error: BaseException) -> str:
        """What went wrong, in a line without secrets."""

    def close(self) -> None:
        """Closes every connection."""

    def after_fork(self) -> None:
        """Forgets connections that belong to the parent, without closing them."""


class GuardedStore:
    """A remote store that costs a delivery at most its budget, and nothing while it is known to be down.

    Every operation is done by one of a few daemon threads, each with a connection of its own; the blocking face waits
    on a lock for it and the async one on the event loop, asyncio's or trio's, both for no longer than the budget. So
    the deadline holds whatever the client library is doing: looking up a name, connecting, waiting for a lock.

    Where the back-end has a `LoopClient`, an asyncio loop that has come a few times gets connections of its own, made
    in the background. An operation that finds one idle is done there, which spares two changes of thread; where none
    is, or it fails, a thread does it.

    Args:
        backend: what does the work.
        budget: seconds per operation, everything included.
        workers: how many operations may be under way at once, and so how many connections; as many again for each
            event loop.
    """

    instant = False

    def __init__(self, backend: Backend, *, budget: float = BUDGET, workers: int = 8) -> None:
        self._backend = backend
        self._budget = budget
        self._workers = workers
        self._pool = PerProcess(lambda: WorkerPool(workers, "outworx-store"))
        self._breaker = PerProcess(lambda: Breaker())
        client: LoopClient[Any] | None = backend.loop_client() if hasattr(backend, "loop_client") else None
        self._loops = None if client is None else LoopsConnections(client, workers)
        self._tidies_at = _first_tidying()
        after_fork_in_child(self.after_fork)

    def after_fork(self) -> None:
        """Called in a forked child: connections, threads and counts are the parent's."""
        self._backend.after_fork()
        if self._loops is not None:
            self._loops.after_fork()
        self._tidies_at = _first_tidying()

    def __repr__(self) -> str:
        return f"<GuardedStore {self._backend}>"

    @property
    def counts(self) -> StoreCounts:
        """What the guard has seen in this process."""
        return self._breaker().counts()

    def claim(self, key: str, token: str, lease: float) -> Claim:
        """See `BlockingStore.claim`. Interrupted, it leaves no claim behind."""
        return self._run(
            "claim",
            lambda: self._backend.claim(key, token, lease),
            undo=lambda: self._backend.release(key, token),
        )

    def renew(self, key: str, token: str, lease: float) -> bool:
        """See `BlockingStore.renew`."""
        return self._run("renew", lambda: self._backend.renew(key, token, lease))

    def renew_many(self, held: Sequence[Held], lease: float) -> set[Held]:
        """See `RenewsTogether.renew_many`."""
        if hasattr(self._backend, "renew_many"):
            return self._run("renew", lambda: renew_together(self._backend, held, lease))
        lost: set[Held] = set()
        # Deliveries need the other half of the threads.
        at_once = max(1, self._workers // 2)
        for start in range(0, len(held), at_once):
            lost |= self._renew_side_by_side(held[start : start + at_once], lease)
        return lost

    def complete(self, key: str, token: str, answer: StoredAnswer, ttl: float) -> bool:
        """See `BlockingStore.complete`."""
        return self._run("complete", lambda: self._backend.complete(key, token, answer, ttl))

    def release(self, key: str, token: str) -> bool:
        """See `BlockingStore.release`."""
        return self._run("release", lambda: self._backend.release(key, token))

    async def aclaim(self, key: str, token: str, lease: float) -> Claim:
        """See `IdempotencyStore.aclaim`. Cancelled, it leaves no claim behind."""
        return await self._arun(
            "claim",
            lambda: self._backend.claim(key, token, lease),
            lambda client, connection: client.claim(connection, key, token, lease),
            undo=lambda: self._backend.release(key, token),
        )

    async def arenew(self, key: str, token: str, lease: float) -> bool:
        """See `IdempotencyStore.arenew`."""
        return await self._arun(
            "renew",
            lambda: self._backend.renew(key, token, lease),
            lambda client, connection: client.renew(connection, key, token, lease),
        )

    async def acomplete(self, key: str, token: str, answer: StoredAnswer, ttl: float) -> bool:
        """See `IdempotencyStore.acomplete`. Cancelled, it still lands."""
        return await self._arun(
            "complete",
            lambda: self._backend.complete(key, token, answer, ttl),
            lambda client, connection: client.complete(connection, key, token, answer, ttl),
        )

    async def arelease(self, key: str, token: str) -> bool:
        """See `IdempotencyStore.arelease`. Cancelled, it still lands."""
        return await self._arun(
            "release",
            lambda: self._backend.release(key, token),
            lambda client, connection: client.release(connection, key, token),
        )

    def check(self) -> None:
        """See `IdempotencyStore.check`: asks for a sign of life, then writes through several connections at once.

        What a transaction pooler or a replica breaks shows only there.
        """
        gives_up = time.monotonic() + _CHECK_BUDGET
        self._wait_all([self._backend.check], gives_up)
        self._wait_all([self._try_out] * min(self._workers, _CHECK_CONNECTIONS), gives_up)

    def warm(self) -> None:
        """See `IdempotencyStore.warm`."""
        self._in_background(self._backend.check)

    def close(self) -> None:
        """See `IdempotencyStore.close`."""
        pool = self._pool.forget()
        self._breaker.forget()
        if pool is not None:
            pool.stop()
        if self._loops is not None:
            self._loops.close()
        self._backend.close()

    def _wait_all(self, calls: Sequence[Callable[[], object]], gives_up: float) -> None:
        jobs = [Job(call, gives_up) for call in calls]
        wait_all(self._pool(), jobs, gives_up - time.monotonic())
        for job in jobs:
            if not job.done:
                raise StoreError(f"{self._backend} did not answer within {_CHECK_BUDGET:g} s")
            if job.error is not None:
                raise StoreError(f"{self._backend}: {self._backend.explain(job.error)}") from job.error

    def _try_out(self) -> None:
        for _ in range(_CHECK_ROUNDS):
            key, token = secrets.token_hex(32), secrets.token_hex(16)
            claim = self._backend.claim(key, token, _CHECK_LEASE)
            renewed = self._backend.renew(key, token, _CHECK_LEASE)
            if not (self._backend.release(key, token) and renewed and isinstance(claim, Claimed)):
                raise StoreError(
                    "a key that was claimed could not be renewed or released: is it the primary?"
                )

    def _renew_side_by_side(self, held: Sequence[Held], lease: float) -> set[Held]:
        ticket = self._breaker().admit()
        jobs = [
            Job(partial(self._backend.renew, *one, lease), time.monotonic() + self._budget) for one in held
        ]
        failure: StoreError | None = None
        try:
            wait_all(self._pool(), jobs, self._budget)
        except StoreError as error:
            raise self._failure(str(error), ticket, timed_out=False) from error
        lost: set[Held] = set()
        for one, job in zip(held, jobs, strict=True):
            try:
                if not self._outcome("renew", job, ticket):
                    lost.add(one)
            except StoreError as error:
                failure = error
        if failure is not None:
            raise failure
        return lost

    def _run(self, operation: str, call: Callable[[], T], undo: Callable[[], object] | None = None) -> T:
        ticket = self._breaker().admit()
        job = Job(call, time.monotonic() + self._budget)
        try:
            wait(self._pool(), job, self._budget)
        except StoreError as error:
            raise self._failure(str(error), ticket, timed_out=False) from error
        except BaseException:
            self._abandon(job, ticket, undo)
            raise
        return self._outcome(operation, job, ticket)

    async def _arun(
        self,
        operation: str,
        call: Callable[[], T],
        on_loop: Callable[[LoopClient[Any], Any], Awaitable[T]],
        undo: Callable[[], object] | None = None,
    ) -> T:
        ticket = self._breaker().admit()
        gives_up = time.monotonic() + self._budget
        loop = None if self._loops is None or in_trio() else self._loops.here()
        attempt = None if loop is None else loop.attempt(partial(on_loop, loop.client), self._budget)
        if attempt is not None:
            await self._ended(attempt, ticket, call, undo)
            if not attempt.done or attempt.error is None or isinstance(attempt.error, StoreError):
                return self._outcome(operation, attempt, ticket)
            # The connection may have been lost since the last operation: a thread makes another one.
        job = Job(call, gives_up)
        try:
            await await_(self._pool(), job, gives_up - time.monotonic())
        except StoreError as error:
            raise self._failure(str(error), ticket, timed_out=False) from error
        except BaseException:
            self._abandon(job, ticket, undo)
            raise
        value = self._outcome(operation, job, ticket)
        if loop is not None:
            loop.answered_by_thread()
        return value

    async def _ended(
        self,
        attempt: Attempt[Any, T],
        ticket: int,
        call: Callable[[], object],
        undo: Callable[[], object] | None,
    ) -> None:
        try:
            await attempt.end()
        except BaseException:
            self._breaker().gave_up(ticket)
            # It goes on: a claim is released when it has ended, anything else lands, by a thread if need be.
            attempt.afterwards(
                lambda succeeded: self._in_background(undo or call) if undo or not succeeded else None
            )
            raise

    def _abandon(self, job: Job[T], ticket: int, undo: Callable[[], object] | None) -> None:
        self._breaker().gave_up(ticket)
        if undo is not None and job.abandon(undo):
            self._in_background(undo)

    def _outcome(self, operation: str, job: Job[T] | Attempt[Any, T], ticket: int) -> T:
        if not job.done:
            reason = f"no answer to a {operation} within {self._budget * 1000:g} ms"
            raise self._failure(reason, ticket, timed_out=True)
        # Read only now: a worker writes the outcome first and `done` last.
        error = job.error
        if isinstance(error, StoreError):
            # The store answered with something unusable.
            self._breaker().succeeded(ticket)
            raise error
        if error is not None:
            reason = f"{operation} failed: {self._backend.explain(error)}"
            raise self._failure(reason, ticket, timed_out=isinstance(error, TimeoutError)) from error
        if self._breaker().succeeded(ticket):
            logger.info("idempotency store %s answers again", self._backend)
        if time.monotonic() >= self._tidies_at:
            self._tidy()
        return job.value

    def _failure(self, reason: str, ticket: int, *, timed_out: bool) -> StoreError:
        error = StoreError(f"{self._backend}: {reason}")
        if self._breaker().failed(ticket, str(error), timed_out=timed_out):
            logger.warning("idempotency store %s is left alone for a while: %s", self._backend, reason)
        return error

    def _tidy(self) -> None:
        self._tidies_at = time.monotonic() + _TIDY_EVERY

        def tidy() -> None:
            if self._backend.tidy():
                self._tidies_at = time.monotonic() + _TIDY_AGAIN

        self._in_background(tidy)

    def _in_background(self, call: Callable[[], object]) -> None:
        # No caller waits for it: what fails is tried again by the next operation, batch or lease.
        job = Job(call, time.monotonic() + _BACKGROUND_BUDGET)

        def notify() -> None:
            if job.error is not None:
                logger.debug("idempotency store %s: %s", self._backend, self._backend.explain(job.error))

        job.notify = notify
        try:
            self._pool().submit(job)
        except StoreError as error:
            logger.debug("idempotency store %s: %s", self._backend, error)


def _first_tidying() -> float:
    # Spread over time, so that processes do not all remove expired records at once.
    return time.monotonic() + _TIDY_EVERY * random.random()  # noqa: S311
