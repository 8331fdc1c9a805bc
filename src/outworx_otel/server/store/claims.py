"""Keeps idempotency keys for applications, with the same statements as their own SQL stores."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from outworx_otel.errors import StoreError
from outworx_otel.idempotency.protocol import Claim
from outworx_otel.idempotency.record import StoredAnswer
from outworx_otel.idempotency.sql import bound, record_table
from outworx_otel.idempotency.sqlite import SqliteBackend
from outworx_otel.idempotency.store_address import parse_store_url
from outworx_otel.server.store import schema
from outworx_otel.server.store.database import shown
from outworx_otel.server.store.database_errors import said
from outworx_otel.server.store.store_errors import StoreUnavailable

if TYPE_CHECKING:
    from outworx_otel.idempotency.postgresql import PostgresqlBackend

T = TypeVar("T")

TABLE: Final = "claims"
SCOPE: Final = "outworx serve"
"""Of the keys' hashes: applications may put anything into a key, so only its hash is stored."""
claims: Final = record_table(TABLE).to_metadata(schema.metadata)

# A client waits 250 ms. What takes longer is of no use to it, but a second one keeps a busy disk from failing many.
_BUDGET: Final = 1.0
_TIDY_EVERY: Final = 10.0


class Claims:
    """The four operations of `BlockingStore`, each atomic and its own commit; they block.

    Connections are its own: a key is claimed while a large batch of deliveries is being written.

    Args:
        engine: of the store; its URL is what counts.
        look: raises `StoreUnavailable` where nothing may be asked now.
        connections: to PostgreSQL, at most.
    """

    def __init__(
        self, engine: Engine, look: Callable[[], None] = lambda: None, *, connections: int = 8
    ) -> None:
        self._may_be_asked = look
        self._shown = shown(engine.url)
        address = parse_store_url(engine.url.render_as_string(hide_password=False), frozenset())
        self._backend: SqliteBackend | PostgresqlBackend
        if engine.dialect.name == "sqlite":
            self._backend = SqliteBackend(address, table=TABLE, budget=_BUDGET)
        else:
            from outworx_otel.idempotency.postgresql import PostgresqlBackend

            self._backend = PostgresqlBackend(address, table=TABLE, budget=_BUDGET, connections=connections)
        t = self._backend.table
        # The current holder: its lease may be over, as long as no other claim took the key.
        self._look = select(t.c.token).where(t.c.key == bound("key"), t.c.answer.is_(None))
        self._lock = threading.Lock()
        self._tidies_at = time.monotonic() + _TIDY_EVERY

    def claim(self, key: str, token: str, lease: float) -> Claim:
        """See `BlockingStore.claim`.

        Raises:
            StoreUnavailable: as from every method here, where the database does not answer in time.
        """
        self._tidy()
        return self._guarded(lambda: self._backend.claim(key, token, lease))

    def renew(self, key: str, token: str, lease: float) -> bool:
        """See `BlockingStore.renew`."""
        return self._guarded(lambda: self._backend.renew(key, token, lease))

    def complete(self, key: str, token: str, answer: StoredAnswer, ttl: float) -> bool:
        """See `BlockingStore.complete`."""
        return self._guarded(lambda: self._backend.complete(key, token, answer, ttl))

    def release(self, key: str, token: str) -> bool:
        """See `BlockingStore.release`."""
        return self._guarded(lambda: self._backend.release(key, token))

    def holder(self, key: str) -> str | None:
        """The token of the claim that is in progress, for a client that knows of none."""
        run = self._backend.run
        return self._guarded(
            lambda: run(lambda c: self._backend.execute(c, self._look, p_key=key).scalar_one_or_none())
        )

    def close(self) -> None:
        """Closes the connections."""
        self._backend.close()

    def _tidy(self) -> None:
        """Now and then removes some expired records."""
        if time.monotonic() < self._tidies_at or not self._lock.acquire(blocking=False):
            return
        try:
            self._tidies_at = time.monotonic() + _TIDY_EVERY
            if self._guarded(self._backend.tidy):
                self._tidies_at = 0.0
        finally:
            self._lock.release()

    def _guarded(self, work: Callable[[], T]) -> T:
        self._may_be_asked()
        try:
            return work()
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"database {self._shown}: {said(error)}") from error
        except (StoreError, OSError) as error:  # TimeoutError is an OSError
            raise StoreUnavailable(f"database {self._shown}: {self._backend.explain(error)}") from error
