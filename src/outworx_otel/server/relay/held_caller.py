"""One tunnelled exchange: what a caller sent, and what it is answered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Arrival:
    """A request as it came to the public URL, ready to be handed to a client.

    Args:
        id: unguessable; the client answers by it.
        method: as it came.
        path: percent-encoded as it came, without `/t/{slug}`.
        query_string: what stood after the `?`.
        headers: (name, value) pairs in their order, without those of this one connection.
        body: the exact bytes.
        received_at: ISO 8601, UTC.
    """

    id: str
    method: str
    path: str
    query_string: str
    headers: Pairs
    body: bytes
    received_at: str

    @property
    def size(self) -> int:
        """Bytes that holding it costs, near enough."""
        head = sum(len(name) + len(value) for name, value in self.headers)
        return len(self.body) + head + len(self.path) + len(self.query_string) + 512


@dataclass(frozen=True)
class CallerAnswer:
    """What goes back to the caller: the local application's answer, or one of the relay's own."""

    status: int
    headers: Pairs
    body: bytes


class HeldCaller:
    """A caller that waits for its answer.

    Args:
        arrival: its request; given up once a client has it.
        order: its place in the session.
        deadline: when it stops waiting, by the event loop's clock.
    """

    __slots__ = ("answer", "arrival", "charged", "client", "deadline", "id", "order")

    def __init__(self, arrival: Arrival, order: int, deadline: float) -> None:
        self.id = arrival.id
        self.arrival: Arrival | None = arrival
        self.charged = arrival.size
        self.order = order
        self.deadline = deadline
        self.client: str | None = None
        self.answer: asyncio.Future[CallerAnswer] = asyncio.get_running_loop().create_future()

    def settle(self, answer: CallerAnswer) -> bool:
        """Gives the caller its answer; False if it has one."""
        if self.answer.done():
            return False
        self.answer.set_result(answer)
        return True
