"""A real store of the server's, whose calls fail where a test says so."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from outworx_otel.server.store import Store
from outworx_otel.server.store.packing import Packed


class StagedStore:
    """Hands everything on to a store.

    Args:
        file: of the database.

    Attributes:
        faults: what a call raises, by the method's name; `"written"` is what the writing of a batch ends with.
        batches: that it was given, packed.
    """

    def __init__(self, file: Path) -> None:
        self._store = Store(f"sqlite:///{file}", max_queued_bytes=64 * 1024 * 1024)
        self.faults: dict[str, Exception] = {}
        self.batches: list[Packed] = []

    def write_packed(self, batch: Packed, size: int) -> Future[None]:
        """Keeps a batch, unless it is to fail."""
        if "write" in self.faults:
            raise self.faults["write"]
        self.batches.append(batch)
        if "written" not in self.faults:
            return self._store.write_packed(batch, size)
        future: Future[None] = Future()
        future.set_exception(self.faults["written"])
        return future

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return self._staged(name, found) if callable(found) else found

    def _staged(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if name in self.faults:
                raise self.faults[name]
            return real(*arguments, **options)

        return call
