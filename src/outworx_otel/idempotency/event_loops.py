"""Connections that belong to an asyncio event loop: an operation over one of them needs no other thread."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from outworx_otel.errors import StoreError
from outworx_otel.idempotency.protocol import Claim
from outworx_otel.idempotency.record import StoredAnswer

if TYPE_CHECKING:
    import asyncio

C = TypeVar("C")
T = TypeVar("T")

# So many answers by threads come first: a loop that lasts for one request is not worth a connection.
_ANSWERS_FIRST: Final = 4
_MOST_LOOPS: Final = 16
# A timer that is so late says that its loop was blocked: what was answered in the meantime has not been read yet.
_LATE: Final = 0.01
_TO_CATCH_UP: Final = 0.05

# Of the parent, in a forked child: closing them would change what the parent's loop waits for.
_inherited: Final[list[Any]] = []


class LoopClient(Protocol[C]):
    """The side of a back-end that runs on an event loop; each call but `connect` has a connection to itself.

    A call that is cancelled or fails may leave its connection as it is: it is closed.
    """

    async def connect(self) -> C:
        """A connection, ready for use, within seconds."""

    async def close(self, connection: C) -> None:
        """Closes one without waiting for the server."""

    async def claim(self, connection: C, key: str, token: str, lease: float) -> Claim:
        """See `BlockingStore.claim`."""

    async def renew(self, connection: C, key: str, token: str, lease: float) -> bool:
        """See `BlockingStore.renew`."""

    async def complete(self, connection: C, key: str, token: str, answer: StoredAnswer, ttl: float) -> bool:
        """See `BlockingStore.complete`."""

    async def release(self, connection: C, key: str, token: str) -> bool:
        """See `BlockingStore.release`."""


class Attempt(Generic[C, T]):
    """One operation over a connection that was idle. It goes on if its caller is cancelled, but not for longer."""

    def __init__(
        self, kept: LoopConnections[C], connection: C, work: Callable[[C], Awaitable[T]], seconds: float
    ) -> None:
        self._kept = kept
        self._connection = connection
        self._work = work
        self._began = self._late = False
        self._end: asyncio.Future[None] = kept.loop.create_future()
        self._timer = kept.loop.call_later(seconds, self._time_is_up, kept.loop.time() + seconds)
        self._afterwards: Callable[[bool], object] | None = None
        self.done = False
        self.error: BaseException | None = None
        self.value: T
        # In no context: what a client library reports of it is nobody's child, as it is in a thread.
        self._task = contextvars.Context().run(kept.loop.create_task, self._run())
        self._task.add_done_callback(self._ended)

    async def end(self) -> None:
        """Waits for it; afterwards `done` tells whether it ended in time, else its connection is closed."""
        await self._end

    def afterwards(self, act: Callable[[bool], object]) -> None:
        """Calls a function once it has ended, with whether it succeeded: its caller was cancelled."""
        self._afterwards = act
        if self._task.done():
            self._tell()

    async def _run(self) -> T:
        self._began = True
        try:
            return await self._work(self._connection)
        except StoreError:
            raise  # it was answered, and the answer is of no use
        except BaseException:
            await self._kept.client.close(self._connection)
            raise

    def _ended(self, task: asyncio.Task[T]) -> None:
        self._timer.cancel()
        if task.cancelled():
            self.error = TimeoutError("cancelled")
        else:
            self.error = task.exception()
            if self.error is None:
                self.value = task.result()
            self.done = not self._end.done()
        usable = self.error is None or isinstance(self.error, StoreError) or not self._began
        self._kept.give_back(self._connection, usable=usable)
        if not self._end.done():
            self._end.set_result(None)
        self._tell()

    def _tell(self) -> None:
        act, self._afterwards = self._afterwards, None
        if act is not None:
            act(self.error is None)

    def _time_is_up(self, due: float) -> None:
        loop = self._kept.loop
        if not self._late and loop.time() - due > _LATE:
            self._late = True
            self._timer = loop.call_later(_TO_CATCH_UP, self._time_is_up, due)
            return
        if not self._end.done():
            self._end.set_result(None)
        self._task.cancel()


class LoopConnections(Generic[C]):
    """The connections of one event loop. All is called in its thread, `close_soon` excepted."""

    def __init__(self, loop: asyncio.AbstractEventLoop, client: LoopClient[C], most: int) -> None:
        self.loop = loop
        self.client = client
        self._most = most
        self._idle: list[C] = []
        self._open = 0
        self._answered = 0
        self._closed = False
        self._until_end: AsyncGenerator[None, None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def attempt(self, work: Callable[[C], Awaitable[T]], seconds: float) -> Attempt[C, T] | None:
        """Begins an operation that may take so long; None where no connection is idle."""
        return Attempt(self, self._idle.pop(), work, seconds) if self._idle else None

    def give_back(self, connection: C, *, usable: bool) -> None:
        """Takes a connection back that can be used again, or lets go of one that is closed."""
        if not usable:
            self._open -= 1
            # The server was restarted, or is away: so it is for the others.
            self._drop()
        elif self._closed:
            self._idle.append(connection)
            self._drop()
        else:
            self._idle.append(connection)

    def answered_by_thread(self) -> None:
        """The server is there, and no connection was idle here: makes another one in the background."""
        self._answered += 1
        if self._answered >= _ANSWERS_FIRST and self._open < self._most and not self._closed:
            self._answered = 0
            self._open += 1
            self._begin(self._connect())

    def close_soon(self) -> None:
        """Closes all that are idle, and the others when they are. Called from any thread."""
        self._closed = True
        with contextlib.suppress(RuntimeError):  # the loop is closed, and has closed them
            self.loop.call_soon_threadsafe(self._drop)

    async def _connect(self) -> None:
        try:
            if self._until_end is None:
                self._until_end = self._closing_at_the_end()
                await self._until_end.__anext__()
            connection = await self.client.connect()
        except BaseException:
            self._open -= 1
            raise
        self.give_back(connection, usable=True)

    async def _closing_at_the_end(self) -> AsyncGenerator[None, None]:
        # A loop that ends closes the asynchronous generators that were begun in it (`shutdown_asyncgens`), whoever
        # runs it. There is no other hook.
        try:
            yield
        finally:
            self._closed = True
            await self._close_idle()

    def _drop(self) -> None:
        if self._idle:
            self._begin(self._close_idle())

    async def _close_idle(self) -> None:
        while self._idle:
            self._open -= 1
            await self.client.close(self._idle.pop())

    def _begin(self, work: Any) -> None:
        task: asyncio.Task[None] = contextvars.Context().run(self.loop.create_task, work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # a connection that could not be made: threads are told why


class LoopsConnections(Generic[C]):
    """The connections of all event loops of a process.

    Args:
        client: makes and uses them.
        most: how many, for each loop.
    """

    def __init__(self, client: LoopClient[C], most: int) -> None:
        self._client = client
        self._most = most
        self._by_loop: dict[asyncio.AbstractEventLoop, LoopConnections[C]] = {}

    def here(self) -> LoopConnections[C] | None:
        """Those of the loop that runs in this thread; None where there are too many loops."""
        import asyncio  # who only imports this package has no use for it

        loop = asyncio.get_running_loop()
        return self._by_loop.get(loop) or self._added(loop)

    def after_fork(self) -> None:
        """Forgets the parent's."""
        _inherited.append(self._by_loop)
        self._by_loop = {}

    def close(self) -> None:
        """Closes all, soon."""
        by_loop, self._by_loop = self._by_loop, {}
        for kept in by_loop.values():
            kept.close_soon()

    def _added(self, loop: asyncio.AbstractEventLoop) -> LoopConnections[C] | None:
        for other in list(self._by_loop):
            if other.is_closed():
                self._by_loop.pop(other, None)
        if len(self._by_loop) >= _MOST_LOOPS:
            return None
        return self._by_loop.setdefault(loop, LoopConnections(loop, self._client, self._most))
