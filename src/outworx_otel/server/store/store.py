"""The store: what is written together, and what is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import msgspec
from sqlalchemy import RowMapping, create_engine, select
from sqlalchemy.dialects.sqlite import insert

from outworx_otel.server.model import Batch, Delivery, Filter, Page, Summary
from outworx_otel.server.store import schema
from outworx_otel.server.store.writer import Writer

_SUMMARY = tuple(schema.deliveries.c[name] for name in Summary.__struct_fields__)


class Store:
    """Everything that is kept. Its methods block (pages call them in a thread), `write` excepted.

    Args:
        url: `sqlite:///path` or `postgresql+psycopg://...`.
        max_queued_bytes: see `Settings`.
    """

    def __init__(self, url: str, *, max_queued_bytes: int) -> None:
        self._engine = create_engine(url)
        schema.metadata.create_all(self._engine)
        self._writer = Writer(self._write, max_queued_bytes)

    def write(self, batch: Batch) -> Future[None]:
        """Queues a batch; the future is done once it is durable.

        Raises:
            StoreBusy: too much is queued.
        """
        return self._writer.submit(batch)

    def deliveries(self, wanted: Filter, limit: int, cursor: str | None = None) -> Page:
        """One page, newest first."""
        query = select(*_SUMMARY).order_by(schema.deliveries.c.time_ns.desc()).limit(limit)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return Page([_summary(row) for row in rows], None)

    def delivery(self, id: str) -> Delivery | None:
        """All of one."""
        query = select(schema.deliveries.c.detail).where(schema.deliveries.c.id == id)
        with self._engine.connect() as connection:
            detail = connection.execute(query).scalar_one_or_none()
        return None if detail is None else msgspec.msgpack.decode(detail, type=Delivery)

    def close(self) -> None:
        """Writes what is queued and closes the database."""
        self._writer.close()
        self._engine.dispose()

    def _write(self, batches: Sequence[Batch]) -> None:
        rows = [_row(delivery) for batch in batches for delivery in batch.deliveries]
        if not rows:
            return
        with self._engine.begin() as connection:
            connection.execute(insert(schema.deliveries).on_conflict_do_nothing(), rows)


def _row(delivery: Delivery) -> dict[str, Any]:
    row = {name: getattr(delivery, name) for name in Summary.__struct_fields__}
    row["detail"] = msgspec.msgpack.encode(delivery)
    return row


def _summary(row: RowMapping) -> Summary:
    return Summary(**row)
