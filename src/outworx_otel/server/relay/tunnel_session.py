"""A session: one public URL, the callers it holds, and the clients that answer them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from outworx_otel.server.relay.byte_budget import ByteBudget
from outworx_otel.server.relay.held_caller import CallerAnswer, HeldCaller

MAX_CLIENTS: Final = 64


@dataclass
class _GivenBatch:
    """The callers that a client was given last, until it acknowledges them."""

    client: str
    number: int
    given: list[HeldCaller]
    overdue: asyncio.TimerHandle | None = None


class TunnelSession:
    """Not thread-safe: everything happens on the relay's event loop.

    A caller is in one of three states: queued, given to a client that has not acknowledged it (then its request is
    kept and may be queued again, in its old place), or with a client for good.

    Args:
        slug: what its public URL ends with.
        id: what its clients name it by; a secret.
        owner: whose it is: the hash of an API key.
        expires_at: Unix seconds.
        budget: of the bytes it holds.
        acknowledge_timeout: seconds.
    """

    def __init__(
        self,
        slug: str,
        id: str,
        owner: str,
        expires_at: float,
        budget: ByteBudget,
        acknowledge_timeout: float,
    ) -> None:
        self.slug = slug
        self.id = id
        self.owner = owner
        self.expires_at = expires_at
        self.budget = budget
        self.held: dict[str, HeldCaller] = {}
        self.polls = 0
        self.polled_at = 0.0
        self.closed = False
        self._acknowledge_timeout = acknowledge_timeout
        self._queue: deque[HeldCaller] = deque()
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._batches: OrderedDict[str, _GivenBatch] = OrderedDict()
        self._order = 0

    @property
    def queued(self) -> int:
        """Callers whose request no client has yet."""
        return len(self._queue)

    def next_order(self) -> int:
        """The place of the next caller."""
        self._order += 1
        return self._order

    def hold(self, held: HeldCaller) -> None:
        """Queues a caller, whose bytes were taken from the budget before."""
        self.held[held.id] = held
        self._queue.append(held)
        self._wake()

    def let_go(self, held: HeldCaller) -> None:
        """Forgets a caller that was answered, hung up, or waited too long."""
        if self.held.pop(held.id, None) is not None:
            self._release(held)
            if held.client is None:
                self._queue.remove(held)

    def settle_all(self, answer: CallerAnswer) -> None:
        """Answers everybody, and lets the clients' polls return."""
        self.closed = True
        for held in list(self.held.values()):
            held.settle(answer)
        for batch in self._batches.values():
            _cancel(batch)
        while self._waiters:
            self._wake()

    async def wait(self) -> None:
        """Returns once something may be queued."""
        if self._queue or self.closed:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            else:
                self.pass_on()
            raise

    def pass_on(self) -> None:
        """Wakes another client, because the one that was woken cannot take anything."""
        if self._queue:
            self._wake()

    def take(self, limit: int, max_bytes: int) -> list[HeldCaller]:
        """The next callers in order: at most `limit`, and at most `max_bytes` unless the first is larger."""
        taken: list[HeldCaller] = []
        size = 0
        while self._queue and len(taken) < limit:
            held = self._queue[0]
            size += held.charged
            if taken and size > max_bytes:
                break
            self._queue.popleft()
            held.client = ""
            # A caller that was answered just now, because the server stops, must not be delivered any more.
            if not held.answer.done():
                taken.append(held)
        self.pass_on()
        return taken

    def hand_over(self, taken: Iterable[HeldCaller]) -> None:
        """Gives callers to a client that does not acknowledge: what is written to it counts as received."""
        for held in taken:
            held.client = ""
            self._release(held)

    def lend(self, client: str, taken: list[HeldCaller]) -> int:
        """Gives callers to a client that acknowledges. Returns the number of the batch, which its next poll names."""
        last = self._batches.pop(client, None)
        number = 1 if last is None else last.number + 1
        batch = self._batches[client] = _GivenBatch(client, number, taken)
        for held in taken:
            held.client = client
        if taken:
            loop = asyncio.get_running_loop()
            batch.overdue = loop.call_later(self._acknowledge_timeout, self._take_back, batch)
        while len(self._batches) > MAX_CLIENTS:
            _, oldest = self._batches.popitem(last=False)
            self._take_back(oldest)
        return number

    def acknowledge(self, client: str, number: int) -> None:
        """Settles a client's previous batch: received if its poll names it, else queued again."""
        batch = self._batches.get(client)
        if batch is None or not batch.given:
            return
        if number != batch.number:
            self._take_back(batch)
            batch.given = []
            return
        for held in batch.given:
            if held.client is None and held.id in self.held:
                # It was overdue and is queued; the client has it after all.
                self._queue.remove(held)
                held.client = client
            if held.client == client:
                self._release(held)
        _cancel(batch)
        batch.given = []

    def bury(self, client: str, answer: CallerAnswer) -> None:
        """Removes a client: what it may not have received is queued again, callers that it had are answered."""
        batch = self._batches.pop(client, None)
        if batch is not None:
            self._take_back(batch)
        for held in list(self.held.values()):
            if held.client == client:
                held.settle(answer)

    def _take_back(self, batch: _GivenBatch) -> None:
        _cancel(batch)
        back = [held for held in batch.given if held.client == batch.client and held.id in self.held]
        for held in back:
            held.client = None
        self._queue = deque(sorted([*back, *self._queue], key=lambda held: held.order))
        self.pass_on()

    def _release(self, held: HeldCaller) -> None:
        """Frees the bytes of a caller's request."""
        held.arrival = None
        self.budget.give_back(held.charged)
        held.charged = 0

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


def _cancel(batch: _GivenBatch) -> None:
    if batch.overdue is not None:
        batch.overdue.cancel()
        batch.overdue = None
