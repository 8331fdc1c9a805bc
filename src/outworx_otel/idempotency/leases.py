"""One daemon thread that renews the leases of every handler that still runs, however long it blocks its loop."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from outworx_otel.errors import StoreError
from outworx_otel.idempotency.forks import watch
from outworx_otel.idempotency.protocol import BlockingStore
from outworx_otel.idempotency.record import StoredAnswer

logger = logging.getLogger("outworx_otel")

MAX_LEASES: Final = 10_000
_LAST_TRY_AFTER: Final = 2.0
_NAP: Final = 1.0


class Lease:
    """A claim that is being kept. `lost` says that another run has taken the key over."""

    __slots__ = ("_key", "_seconds", "_store", "_token", "due", "lost")

    def __init__(self, store: BlockingStore, key: str, token: str, seconds: float) -> None:
        self._store = store
        self._key = key
        self._token = token
        self._seconds = seconds
        self.due = time.monotonic() + seconds / 3
        self.lost = False

    def act(self) -> bool:
        """Renews; False where there is nothing left to renew."""
        self.due = time.monotonic() + self._seconds / 3
        try:
            self.lost = not self._store.renew(self._key, self._token, self._seconds)
        except StoreError:
            # Two more tries fit into the lease. The store's own guard counts and reports the failure.
            self.due = time.monotonic() + min(1.0, self._seconds / 9)
        return not self.lost


class Commit:
    """An answer whose `complete` failed after the handler had run: tried once more, when the store may be back."""

    __slots__ = ("_answer", "_key", "_store", "_token", "_ttl", "due")

    def __init__(self, store: BlockingStore, key: str, token: str, answer: StoredAnswer, ttl: float) -> None:
        self._store = store
        self._key = key
        self._token = token
        self._answer = answer
        self._ttl = ttl
        self.due = time.monotonic() + _LAST_TRY_AFTER

    def act(self) -> bool:
        """Completes; False: this was the last try."""
        try:
            committed = self._store.complete(self._key, self._token, self._answer, self._ttl)
        except StoreError as error:
            logger.warning(
                "an answer could not be committed, so a retry will run the handler again: %s", error
            )
        else:
            logger.debug(
                "an answer was committed late" if committed else "a late answer was not wanted any more"
            )
        return False


class Release:
    """A claim that nobody will end, because its delivery was turned away, and that may have landed all the same."""

    __slots__ = ("_key", "_store", "_token", "due")

    def __init__(self, store: BlockingStore, key: str, token: str) -> None:
        self._store = store
        self._key = key
        self._token = token
        self.due = time.monotonic() + _LAST_TRY_AFTER

    def act(self) -> bool:
        """Releases; False: this was the only try, and the lease's end does the same."""
        try:
            self._store.release(self._key, self._token)
        except StoreError as error:
            logger.debug("a claim may be held until its lease ends: %s", error)
        return False


_Kept = Lease | Commit | Release


class LeaseKeeper:
    """Renews registered leases at a third of their time, through the blocking face of their store.

    The thread starts with the first lease and sleeps until the next one is due; registering costs a dictionary entry
    and at most one wake-up per third of a lease. A forked child begins with none.

    Args:
        max_leases: how many are kept; what is over runs on its first lease alone, which is logged once.
    """

    def __init__(self, max_leases: int = MAX_LEASES) -> None:
        self._max = max_leases
        self.after_fork()
        watch(self)

    def after_fork(self) -> None:
        """See `Forkable`."""
        self._kept: dict[_Kept, None] = {}
        self._wakes_at = float("inf")
        self._added = False
        self._wake = threading.Condition(threading.Lock())
        self._thread: threading.Thread | None = None
        self._full = False

    @property
    def kept(self) -> int:
        """How many leases, commits and releases are under way."""
        return len(self._kept)

    def register(self, store: BlockingStore, key: str, token: str, lease: float) -> Lease:
        """Keeps a claim that was just made with `lease` seconds, until `unregister`."""
        kept = Lease(store, key, token, lease)
        self._add(kept)
        return kept

    def unregister(self, lease: Lease) -> None:
        """Stops keeping it. A renewal under way may still land: the token makes it harmless once completed."""
        with self._wake:
            self._kept.pop(lease, None)

    def complete_later(
        self, store: BlockingStore, key: str, token: str, answer: StoredAnswer, ttl: float
    ) -> None:
        """Tries a failed `complete` once more, two seconds from now."""
        self._add(Commit(store, key, token, answer, ttl))

    def release_later(self, store: BlockingStore, key: str, token: str) -> None:
        """Releases, two seconds from now, a claim that was not answered in time."""
        self._add(Release(store, key, token))

    def _add(self, kept: _Kept) -> None:
        with self._wake:
            if len(self._kept) >= self._max:
                if not self._full:
                    self._full = True
                    logger.warning(
                        "more than %d idempotency leases at once: the rest is not renewed", self._max
                    )
                return
            self._kept[kept] = None
            self._added = True
            if self._thread is None:
                self._start()
            elif kept.due < self._wakes_at:
                self._wake.notify()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="outworx-leases", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            # No thread can be had, or the interpreter is on its way out: the next registration tries again.
            logger.warning("idempotency leases are not renewed: %s", error)
        else:
            self._thread = thread

    def _run(self) -> None:
        while True:
            with self._wake:
                now = time.monotonic()
                self._wakes_at = self._next(now)
                if self._wakes_at > now:
                    self._wake.wait(None if self._wakes_at == float("inf") else self._wakes_at - now)
                    continue
                due = [kept for kept in self._kept if kept.due <= now]
            for kept in due:
                if kept in self._kept:
                    self._act(kept)

    def _next(self, now: float) -> float:
        if self._kept:
            return min(kept.due for kept in self._kept)
        # Most handlers are over long before they are due. To be woken for each of them, only to find nothing, would
        # cost a delivery two switches of threads: while leases come and go, a nap stands for all of them.
        came, self._added = self._added, False
        return now + _NAP if came else float("inf")

    def _act(self, kept: _Kept) -> None:
        try:
            goes_on = kept.act()
        except Exception:  # the one thread must outlive any single store
            logger.exception("renewing an idempotency lease failed")
            goes_on = False
        if not goes_on:
            with self._wake:
                self._kept.pop(kept, None)


_made: Final[dict[str, LeaseKeeper]] = {}


def lease_keeper() -> LeaseKeeper:
    """The keeper of this process, made when it is first needed."""
    return _made.get("keeper") or _made.setdefault("keeper", LeaseKeeper())
