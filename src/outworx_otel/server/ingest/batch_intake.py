"""Hands batches to the writer, waits until they are durable, and then tells the open pages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future

from starlette.exceptions import HTTPException

from outworx_otel.server.ingest.arrival_notes import noted
from outworx_otel.server.live import Live
from outworx_otel.server.model import Batch
from outworx_otel.server.store import BatchRefused, Store


class BatchIntake:
    """Writes batches.

    Args:
        store: where to.
        live: told of what has been written.
        now_ns: Unix nanoseconds.
    """

    def __init__(self, store: Store, live: Live, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._store = store
        self._live = live
        self._now_ns = now_ns

    def submit(self, batch: Batch, size: int) -> Future[None] | None:
        """Hands a batch to the writer. This packs the batch: call it in the thread that decoded it.

        Args:
            batch: None comes back for an empty one.
            size: in bytes, decoded.

        Raises:
            StoreBusy: too much waits to be written.
            HTTPException: it can never be written.
        """
        if not (batch.deliveries or batch.spans or batch.counts):
            return None
        batch.size = size
        now_ns = self._now_ns()
        batch.deliveries = [noted(delivery, now_ns) for delivery in batch.deliveries]
        try:
            return self._store.write(batch)
        except BatchRefused as error:
            raise HTTPException(400, str(error)) from error

    async def kept(self, batch: Batch, written: Future[None] | None) -> None:
        """Returns once the whole batch is durable.

        Raises:
            StoreUnavailable: it could not be written.
            HTTPException: it can never be written.
        """
        if written is None:
            return
        try:
            # A cancelled request waits no longer; the write goes on.
            await asyncio.shield(asyncio.wrap_future(written))
        except BatchRefused as error:
            raise HTTPException(400, str(error)) from error
        if batch.deliveries:
            self._live.publish(batch.deliveries)
