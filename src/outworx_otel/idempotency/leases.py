"""Renews the leases of handlers that still run, even if they block their loop; all of a store's in one call."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from outworx_otel.errors import StoreError
from outworx_otel.idempotency.protocol import BlockingStore, renew_together
from outworx_otel.idempotency.record import StoredAnswer
from outworx_otel.process.forks import PerProcess
from outworx_otel.process.timer import Timer

logger = logging.getLogger("outworx_otel")

MAX_LEASES: Final = 10_000
MAX_BATCH: Final = 500
LAST_TRY_AFTER: Final = 2.0


class Lease:
    """A claim that is being kept. `lost` says that another run has taken the key over."""

    __slots__ = ("group", "key", "lost", "token")

    def __init__(self, group: _Group, key: str, token: str) -> None:
        self.group = group
        self.key = key
        self.token = token
        self.lost = False


class _Group:
    """The leases of one store that are equally long, and so are renewed at the same time."""

    __slots__ = ("awaits_renewal", "complained", "kept", "leases", "seconds", "store")

    def __init__(self, kept: _Kept, store: BlockingStore, seconds: float) -> None:
        self.kept = kept
        self.store = store
        self.seconds = seconds
        self.leases: dict[Lease, None] = {}
        self.awaits_renewal = False
        self.complained = False


class _Kept:
    """What the keeper holds in one process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.groups: dict[tuple[int, float], _Group] = {}
        self.leases = 0
        self.ends = 0
        self.full = False


class LeaseKeeper:
    """Renews registered leases at a third of their time, and makes up for commits and releases that failed.

    A renewal is one call of the store for all its leases, in batches of 500. It is made by the thread of a timer that
    serves leases alone, because the store may take its time. Registering a lease costs a dictionary entry; the timer
    is set with the first one of a store. A forked child begins with none.

    Args:
        max_leases: how many are kept; what is over runs on its first lease alone, which is logged once.
        last_try_after: seconds until a commit or a release that failed is tried once more.
    """

    def __init__(self, max_leases: int = MAX_LEASES, last_try_after: float = LAST_TRY_AFTER) -> None:
        self._last_try_after = last_try_after
        self._max = max_leases
        self._in_process = PerProcess(_Kept)
        self._timer = Timer("outworx-leases", max_waiting=2 * max_leases)

    @property
    def kept(self) -> int:
        """How many leases, commits and releases are under way."""
        return self._in_process().leases + self._in_process().ends

    def register(self, store: BlockingStore, key: str, token: str, lease: float) -> Lease:
        """Keeps a claim that was just made with `lease` seconds, until `unregister`."""
        kept = self._in_process()
        with kept.lock:
            group = kept.groups.get((id(store), lease)) or _Group(kept, store, lease)
            registered = Lease(group, key, token)
            if not self._has_room(kept):
                return registered
            group.leases[registered] = None
            kept.leases += 1
            if group.awaits_renewal:
                starts = False
            else:
                starts = group.awaits_renewal = True
                kept.groups[id(store), lease] = group
        if starts:
            self._timer.call_in(lease / 3, partial(self._renew, kept, group))
        else:
            self._timer.ensure_running()
        return registered

    def unregister(self, lease: Lease) -> None:
        """Stops keeping it. A renewal under way may still land: the token makes it harmless once completed."""
        kept = self._in_process()
        with kept.lock:
            self._drop(kept, lease)

    def complete_later(
        self, store: BlockingStore, key: str, token: str, answer: StoredAnswer, ttl: float
    ) -> None:
        """Tries a failed `complete` once more, two seconds from now, when the store may be back."""

        def complete() -> None:
            try:
                committed = store.complete(key, token, answer, ttl)
            except StoreError as error:
                logger.warning(
                    "an answer could not be committed, so a retry will run the handler again: %s", error
                )
            else:
                logger.debug("a late commit: %s", "the answer stands" if committed else "the key was lost")

        self._end_later(complete)

    def release_later(self, store: BlockingStore, key: str, token: str) -> None:
        """Releases, two seconds from now, a claim that was not answered in time and may have landed all the same."""

        def release() -> None:
            try:
                store.release(key, token)
            except StoreError as error:
                logger.debug("a claim may be held until its lease ends: %s", error)

        self._end_later(release)

    def _end_later(self, end: Callable[[], None]) -> None:
        kept = self._in_process()
        with kept.lock:
            if not self._has_room(kept):
                return
            kept.ends += 1

        def act() -> None:
            try:
                end()
            finally:
                with kept.lock:
                    kept.ends -= 1

        self._timer.call_in(self._last_try_after, act)

    def _has_room(self, kept: _Kept) -> bool:
        if kept.leases + kept.ends < self._max:
            return True
        if not kept.full:
            kept.full = True
            logger.warning("more than %d idempotency leases at once: the rest is not renewed", self._max)
        return False

    def _renew(self, kept: _Kept, group: _Group) -> None:
        began = time.monotonic()
        with kept.lock:
            leases = list(group.leases)
            if not leases:
                group.awaits_renewal = False
                kept.groups.pop((id(group.store), group.seconds), None)
                return
        failed = False
        for start in range(0, len(leases), MAX_BATCH):
            failed |= not self._renew_batch(kept, group, leases[start : start + MAX_BATCH])
        if failed:
            wait = min(1.0, group.seconds / 9)  # several more tries fit into the leases
        else:
            wait = max(began + group.seconds / 3 - time.monotonic(), 0.0)
        self._timer.call_in(wait, partial(self._renew, kept, group))

    def _renew_batch(self, kept: _Kept, group: _Group, leases: list[Lease]) -> bool:
        try:
            lost = renew_together(group.store, [(lease.key, lease.token) for lease in leases], group.seconds)
        except StoreError:
            return False  # the store's own guard counts and reports it
        except Exception as error:  # a store of somebody else's
            logger.log(
                logging.DEBUG if group.complained else logging.ERROR,
                "renewing idempotency leases failed",
                exc_info=error,
            )
            group.complained = True
            return False
        with kept.lock:
            for lease in leases if lost else ():
                if (lease.key, lease.token) in lost:
                    lease.lost = True
                    self._drop(kept, lease)
        return True

    def _drop(self, kept: _Kept, lease: Lease) -> None:
        # One that was over the bound is not kept, and one from before a fork is kept by the parent.
        group = lease.group
        if group.kept is kept and group.leases.pop(lease, False) is None:
            kept.leases -= 1


_made: Final[dict[str, LeaseKeeper]] = {}


def lease_keeper() -> LeaseKeeper:
    """The keeper of this process, made when it is first needed."""
    return _made.get("keeper") or _made.setdefault("keeper", LeaseKeeper())
