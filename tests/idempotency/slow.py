"""A back-end whose slowness and failures can be had exactly, as no server can be made to do."""

from __future__ import annotations

import threading
import time
from typing import Final

from outworx_otel.idempotency import Claim, MemoryStore, StoredAnswer

BUDGET: Final = 0.1


class Slow(MemoryStore):
    """Takes its time, or fails."""

    def __init__(self) -> None:
        super().__init__()
        self.takes = 0.0
        self.raises: Exception | None = None
        self.calls: list[str] = []
        self.threads: set[int] = set()
        self.tidied = 0

    def _act(self, name: str) -> None:
        self.calls.append(name)
        self.threads.add(threading.get_ident())
        time.sleep(self.takes)
        if self.raises is not None:
            raise self.raises

    def claim(self, key: str, token: str, lease: float) -> Claim:
        self._act("claim")
        return super().claim(key, token, lease)

    def complete(self, key: str, token: str, answer: StoredAnswer, ttl: float) -> bool:
        self._act("complete")
        return super().complete(key, token, answer, ttl)

    def release(self, key: str, token: str) -> bool:
        self._act("release")
        return super().release(key, token)

    def check(self) -> None:
        self._act("check")

    def tidy(self) -> bool:
        self.tidied += 1
        return self.tidied < 3

    def explain(self, error: BaseException) -> str:
        return f"explained: {error}"
