"""Closes connections that cost a file descriptor and bring nothing: without a request, unread, or one too many."""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

from outworx_otel.server.access.access_guard import PROVEN

HEAD_SECONDS: Final = 30.0
STALL_SECONDS: Final = 60.0


class Crowd:
    """The connections of this process, and how many there may be.

    A connection too many is made room for: the stranger's goes that has been silent the longest, and one whose last
    request came with a key only where there is no stranger's.

    Attributes:
        most: connections at once, of all servers of the process.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        # Who asked for something last stands last.
        self._connections: dict[HeadDeadlineProtocol, None] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def join(self, connection: HeadDeadlineProtocol) -> None:
        """Counts a new connection, and closes another one where that makes too many."""
        if len(self._connections) >= self.most:
            oldest = next(iter(self._connections))
            gone = next((other for other in self._connections if not other.is_proven), oldest)
            self.leave(gone)
            gone.transport.abort()
        self._connections[connection] = None

    def asks(self, connection: HeadDeadlineProtocol) -> None:
        """Notes that a request has come."""
        if connection in self._connections:
            del self._connections[connection]
            self._connections[connection] = None

    def leave(self, connection: HeadDeadlineProtocol) -> None:
        """Counts a connection no more."""
        self._connections.pop(connection, None)


CROWD: Final = Crowd(10_000)


class HeadDeadlineProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with bounds: on a request's head, on answers that nobody reads, on connections in all.

    uvicorn waits for a head for ever, so that a stranger who sends one byte a minute on as many connections as a
    process may have files keeps everybody else out. Here it must arrive within `HEAD_SECONDS`. What is sent on after
    the answer counts likewise; between two requests the keep-alive's own time holds. An answer of which the client
    takes nothing for `STALL_SECONDS` is cut.
    """

    _impatient: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    @property
    def is_proven(self) -> bool:
        """Whether its last request came with a key, or needed none."""
        return self.scope is not None and bool(self.scope.get(PROVEN))

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        CROWD.join(self)
        self._begin_to_wait()

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            CROWD.asks(self)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._impatient is None:
            self._begin_to_wait()

    def connection_lost(self, exc: Exception | None) -> None:
        CROWD.leave(self)
        self._stop_waiting()
        self._stop_watching()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_watching()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        # Closing waits until everything is read, for ever if need be.
        self._watch(self.transport.get_write_buffer_size())

    def _begin_to_wait(self) -> None:
        self._impatient = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._impatient is not None:
            self._impatient.cancel()
            self._impatient = None

    def _watch(self, waiting: int) -> None:
        self._stop_watching()
        if waiting:
            self._stalled = self.loop.call_later(STALL_SECONDS, self._look, waiting)

    def _look(self, before: int) -> None:
        self._stalled = None
        waiting = self.transport.get_write_buffer_size()
        if waiting >= before:
            self.transport.abort()
        else:
            self._watch(waiting)

    def _stop_watching(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
