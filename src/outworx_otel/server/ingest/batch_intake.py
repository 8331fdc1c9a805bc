"""Hands batches to the writer, waits until they are durable, and then tells the open pages."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

from starlette.exceptions import HTTPException

from outworx_otel.server.ingest.decoding import pack
from outworx_otel.server.live import MAX_WAITING, Live
from outworx_otel.server.model import Batch, Summary
from outworx_otel.server.store import BatchRefused, Store
from outworx_otel.server.store.packing import Packed, unpack


class BatchIntake:
    """Writes batches.

    Args:
        store: where to.
        live: told of what has been written.
    """

    def __init__(self, store: Store, live: Live) -> None:
        self._store = store
        self._live = live

    def pack(self, batch: Batch, size: int) -> Packed:
        """Packs a batch; call it in the thread that decoded it.

        Args:
            size: in bytes, decoded.

        Raises:
            StoreBusy: too much waits to be written.
            HTTPException: it can never be written.
        """
        self._store.make_sure_of_room(size)
        return pack(batch, self._store.packing())

    def submit(self, batch: Packed, size: int) -> Future[None] | None:
        """Hands a batch to the writer. None comes back for an empty one.

        Raises:
            StoreBusy: too much waits to be written.
        """
        return self._store.write_packed(batch, size) if batch.length else None

    async def kept(self, batch: Packed, written: Future[None] | None) -> None:
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
        if batch.details and self._live.listeners:
            newest = [unpack(detail, Summary) for detail in batch.details[-MAX_WAITING:]]
            self._live.publish(newest, left_out=len(batch.details) - len(newest))
