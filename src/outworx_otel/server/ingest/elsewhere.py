"""Looks for the deliveries of waiting spans that came to another server on the same database."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from outworx_otel.server.ingest.batch_intake import BatchIntake
from outworx_otel.server.ingest.waiting_spans import WaitingSpans, records_of
from outworx_otel.server.model import Batch
from outworx_otel.server.store import Store, StoreBusy, StoreUnavailable

LOOKS_EVERY: Final = 2.0
_logger = logging.getLogger("outworx_otel.server")


class Elsewhere:
    """A task that runs as long as spans wait, where the database may be shared. All on the event loop.

    Args:
        store: whose database it is.
        room: where spans wait.
        intake: writes those whose delivery was found.
    """

    def __init__(self, store: Store, room: WaitingSpans, intake: BatchIntake) -> None:
        self._store = store
        self._room = room
        self._intake = intake
        self._task: asyncio.Task[None] | None = None

    def look(self) -> None:
        """Spans may have begun to wait."""
        if self._store.is_shared and self._room.size and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while self._room.size:
            await asyncio.sleep(LOOKS_EVERY)
            try:
                await run_in_threadpool(self._look_once)
            except (StoreUnavailable, StoreBusy, HTTPException) as error:
                _logger.debug("spans whose delivery came to another server cannot be looked for: %s", error)

    def _look_once(self) -> None:
        due = self._room.due()
        if not due:
            return
        found = self._store.traces_with_deliveries([trace.hex() for trace in due])
        taken = self._room.arrived([bytes.fromhex(trace) for trace in found])
        size = sum(len(span.encoded) for span in taken)
        try:
            batch = self._intake.pack(Batch(spans=records_of(taken)), size)
            written = self._intake.submit(batch, size)
            if written is not None:
                written.result()
        except BaseException:
            self._room.put_back(taken)
            raise
