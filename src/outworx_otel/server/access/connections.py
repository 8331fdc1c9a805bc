"""Closes connections that send no request: each one costs a file descriptor."""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS: Final = 30.0


class HeadDeadlineProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with a deadline: a request's head must arrive within `HEAD_SECONDS`.

    uvicorn waits for it for ever, so that a stranger who sends one byte a minute on as many connections as a process
    may have files keeps everybody else out. What is sent on after the answer counts likewise; between two requests
    the keep-alive's own time holds.
    """

    _impatient: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._begin_to_wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._impatient is None:
            self._begin_to_wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _begin_to_wait(self) -> None:
        self._impatient = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._impatient is not None:
            self._impatient.cancel()
            self._impatient = None
