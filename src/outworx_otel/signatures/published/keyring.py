"""The keys that were fetched: kept with bounds, one fetch for all who wait for it, and few on a stranger's word.

Whoever sends a request can name a key, so what is asked for on a stranger's word is counted: an address or an id that
was never good costs its provider ten requests at once and ten a minute, a failure is remembered, and a document that
lacks a key is looked at again once a minute at most.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Final, Generic, TypeVar

from outworx_otel.process.forks import PerProcess
from outworx_otel.process.job_waiting import await_, on_event_loop, wait
from outworx_otel.process.jobs import Job
from outworx_otel.signatures.published import fetching
from outworx_otel.signatures.wanted_keys import KeyFailure, PublishedKeys, WantedKey

V = TypeVar("V")

MAX_KEPT: Final = 128
_MAX_FAILURES: Final = 256
_MAX_PLACES: Final = 256
_MAX_FETCHES: Final = 8
REFRESH_EVERY: Final = 60.0
_FAILED_FOR: Final = 10.0
_AT_ONCE: Final = 10.0
_PER_SECOND: Final = 10 / 60
# A fetch keeps its own time; whoever waits for one stops a little later, to hear what became of it.
_PATIENCE: Final = 1.0
_ON_LOOP: Final = (
    "it is being fetched, and verify() was called on an event loop, which must not wait; call it in a thread "
    "(asyncio.to_thread)"
)
_TOO_MANY: Final = "too many keys were asked for that it does not have; it is asked again in some seconds"

Found = PublishedKeys | KeyFailure


class _Kept:
    """Keys of one document."""

    __slots__ = ("fetched_at", "good_until", "keys")

    def __init__(self, keys: PublishedKeys, lifetime: float) -> None:
        self.keys = keys
        self.fetched_at = time.monotonic()
        self.good_until = self.fetched_at + lifetime


class _Bounded(OrderedDict[Hashable, V], Generic[V]):
    """A table that forgets what was used least lately."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def put(self, key: Hashable, value: V) -> None:
        self[key] = value
        self.move_to_end(key)
        while len(self) > self._most:
            self.popitem(last=False)


class _Budget:
    """How many requests a provider may be sent on strangers' word."""

    __slots__ = ("_at", "_left")

    def __init__(self) -> None:
        self._left, self._at = _AT_ONCE, time.monotonic()

    def spend(self) -> bool:
        now = time.monotonic()
        self._left = min(_AT_ONCE, self._left + (now - self._at) * _PER_SECOND)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class _Fetch:
    """A fetch under way on a thread of its own, and everybody who waits for it."""

    def __init__(self, ring: Keyring, wanted: WantedKey) -> None:
        self._ring = ring
        self._wanted = wanted
        self._lock = threading.Lock()
        self._waiting: list[Job[Any]] | None = []
        self._found: Found = KeyFailure("")

    def submit(self, job: Job[Any]) -> None:
        """Does the job when the fetch has ended."""
        with self._lock:
            if self._waiting is not None:
                self._waiting.append(job)
                return
        job.run()

    def found(self) -> Found:
        """What came of it, once it has ended."""
        return self._found

    def run(self) -> None:
        """Fetches, and tells everybody."""
        try:
            keys, lifetime = fetching.load(self._wanted)
        except Exception as error:  # noqa: BLE001  # whoever waits must be told
            self.fail(str(error) if isinstance(error, fetching.NoKey) else type(error).__name__)
        else:
            self._ring.keep(self._wanted, keys, lifetime)
            self._end(keys)

    def fail(self, why: str) -> KeyFailure:
        """Ends without a key."""
        failure = _failure(self._wanted, why)
        self._ring.failed(self._wanted, failure)
        self._end(failure)
        return failure

    def _end(self, found: Found) -> None:
        self._found = found
        with self._lock:
            waiting, self._waiting = self._waiting or [], None
        for job in waiting:
            job.run()


class Keyring:
    """The keys of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept = _Bounded[_Kept](MAX_KEPT)
        self._failures = _Bounded[tuple[float, KeyFailure]](_MAX_FAILURES)
        self._budgets = _Bounded[_Budget](_MAX_PLACES)
        self._fetches: dict[Hashable, _Fetch] = {}

    def known(self, wanted: WantedKey) -> Found | None:
        """What is known without asking anybody: keys, that there are none for now, or None."""
        now = time.monotonic()
        with self._lock:
            kept = self._kept.get(wanted.identity)
            if kept is not None and now < kept.good_until:
                has_it = wanted.kid is None or wanted.kid in kept.keys
                if has_it or now - kept.fetched_at < REFRESH_EVERY:
                    self._kept.move_to_end(wanted.identity)
                    return kept.keys
            failure = self._failures.get(wanted.identity)
        return failure[1] if failure is not None and now < failure[0] else None

    def get(self, wanted: WantedKey) -> Found:
        """The keys, fetched if need be while this thread waits.

        An event loop is never kept waiting: the fetch is begun, and whoever asks next finds its keys.
        """
        found = self.known(wanted)
        if found is not None:
            return found
        fetch = self._fetch(wanted)
        if isinstance(fetch, KeyFailure):
            return fetch
        if on_event_loop():
            return _failure(wanted, _ON_LOOP)
        job = _job(fetch)
        wait(fetch, job, _waited())
        return _outcome(wanted, job)

    async def aget(self, wanted: WantedKey) -> Found:
        """The same without blocking the loop."""
        found = self.known(wanted)
        if found is not None:
            return found
        fetch = self._fetch(wanted)
        if isinstance(fetch, KeyFailure):
            return fetch
        job = _job(fetch)
        await await_(fetch, job, _waited())
        return _outcome(wanted, job)

    def keep(self, wanted: WantedKey, keys: PublishedKeys, lifetime: float) -> None:
        """A fetch has brought keys."""
        with self._lock:
            self._kept.put(wanted.identity, _Kept(keys, lifetime))
            self._failures.pop(wanted.identity, None)
            self._fetches.pop(wanted.identity, None)

    def failed(self, wanted: WantedKey, failure: KeyFailure) -> None:
        """A fetch has failed: for a moment nobody tries again."""
        with self._lock:
            self._failures.put(wanted.identity, (time.monotonic() + _FAILED_FOR, failure))
            self._fetches.pop(wanted.identity, None)

    def _fetch(self, wanted: WantedKey) -> _Fetch | KeyFailure:
        """The fetch that is under way, else a new one."""
        with self._lock:
            fetch = self._fetches.get(wanted.identity)
            if fetch is not None:
                return fetch
            if len(self._fetches) >= _MAX_FETCHES:
                return _failure(wanted, f"{_MAX_FETCHES} keys are being fetched already")
            if wanted.identity not in self._kept and not self._budget(wanted).spend():
                return _failure(wanted, _TOO_MANY)
            fetch = self._fetches[wanted.identity] = _Fetch(self, wanted)
        try:
            threading.Thread(target=fetch.run, name="outworx-keys", daemon=True).start()
        except RuntimeError as error:
            return fetch.fail(f"no thread can be had ({error})")
        return fetch

    def _budget(self, wanted: WantedKey) -> _Budget:
        name = (wanted.place.provider, wanted.place.hosts)
        budget = self._budgets.get(name) or _Budget()
        self._budgets.put(name, budget)
        return budget


def _job(fetch: _Fetch) -> Job[Found]:
    return Job(fetch.found, float("inf"))


def _waited() -> float:
    return fetching.SECONDS + _PATIENCE


def _outcome(wanted: WantedKey, job: Job[Found]) -> Found:
    return job.value if job.done else _failure(wanted, f"no answer within {fetching.SECONDS:g} s")


def _failure(wanted: WantedKey, why: str) -> KeyFailure:
    return KeyFailure(f"The key of {wanted.place.provider} at {wanted.host} cannot be had: {why}."[:500])


def not_known(wanted: WantedKey) -> KeyFailure:
    """There is no key yet, and now is no time to fetch one."""
    return _failure(wanted, "it was not fetched yet")


# A child knows none of the threads that its parent's fetches run on.
keyring: Final = PerProcess(Keyring)


def forget_keys() -> None:
    """Drops every key that was fetched, every failure, and whose certificates were trusted."""
    keyring.forget()
    fetching.client.forget()
