"""One tunnelled exchange: a caller's request, and the answer it waits for."""

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
        """Returns about how many bytes it takes to hold the request."""
        head = sum(len(name) + len(value) for name, value in self.headers)
        return len(self.body) + head + len(self.path) + len(self.query_string) + 512


@dataclass(frozen=True)
class CallerAnswer:
    """The answer for the caller, from the local application or from the relay."""

    status: int
    headers: Pairs
    body: bytes


class HeldCaller:
    """A caller that waits for an answer.

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
        """Gives the caller its answer. Returns False if it already has one."""
        if self.answer.done():
            return False
        self.answer.set_result(answer)
        return True
