"""`memory://`: keys of this process alone, bounded in number and in bytes."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from ._protocol import Claim, Claimed, Completed, InProgress, StoredAnswer


@dataclass
class _Record:
    token: str
    expires: float
    answer: StoredAnswer | None = None

    def size(self) -> int:
        return 512 + (len(self.answer.body or b"") if self.answer else 0)


class MemoryStore:
    """A bounded least-recently-used store, safe for threads and tasks.

    Args:
        max_records: how many keys are remembered; the least recently used go first, keys in progress last.
        max_bytes: how many bytes of answers, likewise.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        max_records: int = 100_000,
        max_bytes: int = 64 * 1024 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._bytes = 0
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._records)

    def claim(self, key: str, token: str, lease: float) -> Claim:
        """See `IdempotencyStore.claim`."""
        now = self._clock()
        with self._lock:
            record = self._records.get(key)
            if record is not None and record.expires > now and record.token != token:
                self._records.move_to_end(key)
                return Completed(record.answer) if record.answer else InProgress(record.expires - now)
            if record is not None and record.answer is not None and record.expires > now:
                return Completed(record.answer)
            self._put(key, _Record(token, now + lease))
            return Claimed(token)

    def renew(self, key: str, token: str, lease: float) -> bool:
        """See `IdempotencyStore.renew`."""
        with self._lock:
            record = self._held(key, token)
            if record is not None:
                record.expires = self._clock() + lease
            return record is not None

    def complete(self, key: str, token: str, answer: StoredAnswer, ttl: float) -> bool:
        """See `IdempotencyStore.complete`."""
        with self._lock:
            if self._held(key, token) is None:
                return False
            self._put(key, _Record(token, self._clock() + ttl, answer))
            return True

    def release(self, key: str, token: str) -> bool:
        """See `IdempotencyStore.release`."""
        with self._lock:
            if self._held(key, token) is None:
                return False
            self._drop(key)
            return True

    def _held(self, key: str, token: str) -> _Record | None:
        # A lease that ran out is still its holder's as long as nobody took the key over.
        record = self._records.get(key)
        return record if record is not None and record.token == token and record.answer is None else None

    def _put(self, key: str, record: _Record) -> None:
        self._drop(key)
        self._records[key] = record
        self._bytes += record.size()
        while len(self._records) > self._max_records or self._bytes > self._max_bytes:
            oldest = next((k for k, r in self._records.items() if r.answer is not None), None)
            if oldest is None or oldest == key:
                oldest = next(iter(self._records))
            self._drop(oldest)

    def _drop(self, key: str) -> None:
        record = self._records.pop(key, None)
        if record is not None:
            self._bytes -= record.size()
