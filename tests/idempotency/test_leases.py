"""The keeper: one thread that renews while handlers run, whatever they block."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from support.databases import RedisServer, until

from outworx_otel.errors import StoreError
from outworx_otel.idempotency import (
    Claimed,
    Completed,
    GuardedStore,
    IdempotencyStore,
    InProgress,
    LeaseKeeper,
    MemoryStore,
    StoredAnswer,
    lease_keeper,
)

from .slow import Slow

LEASE = 0.5


class Flaky(MemoryStore):
    """A store whose next operations fail, as a remote one does in an outage."""

    failures = 0
    calls = 0

    def renew(self, key: str, token: str, lease: float) -> bool:
        self._perhaps_fail()
        return super().renew(key, token, lease)

    def complete(self, key: str, token: str, answer: StoredAnswer, ttl: float) -> bool:
        self._perhaps_fail()
        return super().complete(key, token, answer, ttl)

    def _perhaps_fail(self) -> None:
        self.calls += 1
        if self.failures > 0:
            self.failures -= 1
            raise StoreError("the store is away")


@pytest.fixture
def keeper() -> Iterator[LeaseKeeper]:
    keeper = LeaseKeeper()
    yield keeper
    left = keeper._in_process.forget()
    for group in left.groups.values() if left is not None else ():
        group.leases.clear()


@pytest.fixture
def store() -> Flaky:
    return Flaky()


def test_a_registered_lease_outlives_its_time(keeper: LeaseKeeper, store: Flaky) -> None:
    store.claim("key", "token", LEASE)
    lease = keeper.register(store, "key", "token", LEASE)
    time.sleep(LEASE * 2.5)
    assert isinstance(store.claim("key", "other", LEASE), InProgress)
    assert not lease.lost


def test_an_unregistered_lease_runs_out(keeper: LeaseKeeper, store: Flaky) -> None:
    store.claim("key", "token", LEASE)
    keeper.unregister(keeper.register(store, "key", "token", LEASE))
    time.sleep(LEASE * 1.5)
    assert store.claim("key", "other", LEASE) == Claimed("other")
    assert keeper.kept == 0


def test_it_renews_at_a_third_of_the_lease(keeper: LeaseKeeper, store: Flaky) -> None:
    store.claim("key", "token", LEASE)
    keeper.register(store, "key", "token", LEASE)
    began = time.monotonic()
    until(lambda: store.calls >= 6, "six renewals")
    # A busy machine may be late, never early.
    assert time.monotonic() - began > 1.8 * LEASE


def test_a_lease_that_was_taken_over_is_lost_and_kept_no_more(keeper: LeaseKeeper, store: Flaky) -> None:
    store.claim("key", "token", LEASE)
    lease = keeper.register(store, "key", "token", LEASE)
    store.release("key", "token")
    store.claim("key", "other", 100)
    until(lambda: lease.lost and keeper.kept == 0, "the loss")
    assert isinstance(store.claim("key", "third", LEASE), InProgress)


def test_a_failed_renewal_is_tried_again_before_the_lease_ends(keeper: LeaseKeeper, store: Flaky) -> None:
    store.failures = 2
    store.claim("key", "token", LEASE)
    keeper.register(store, "key", "token", LEASE)
    time.sleep(LEASE * 1.5)
    assert isinstance(store.claim("key", "other", LEASE), InProgress)


def test_a_thousand_leases_need_one_thread(keeper: LeaseKeeper, store: Flaky) -> None:
    before = set(threading.enumerate())
    for number in range(1000):
        store.claim(str(number), "token", 1)
        keeper.register(store, str(number), "token", 1)
    # Others come and go, of tests before.
    assert [one.name for one in set(threading.enumerate()) - before].count("outworx-leases") == 1
    time.sleep(1.4)
    assert all(isinstance(store.claim(str(number), "other", 1), InProgress) for number in range(1000))


def test_a_short_lease_is_renewed_though_a_long_one_came_first(keeper: LeaseKeeper, store: Flaky) -> None:
    store.claim("long", "token", 100)
    keeper.register(store, "long", "token", 100)
    time.sleep(0.05)
    store.claim("short", "token", LEASE)
    keeper.register(store, "short", "token", LEASE)
    time.sleep(LEASE * 1.5)
    assert isinstance(store.claim("short", "other", LEASE), InProgress)


def test_leases_over_the_bound_are_not_kept_and_that_is_said_once(
    store: Flaky, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = LeaseKeeper(max_leases=2)
    for number in range(5):
        keeper.unregister(keeper.register(store, "any", "token", 100))
        keeper.register(store, str(number), "token", 100)
    assert keeper.kept == 2
    assert sum("not renewed" in record.message for record in caplog.records) == 1


def test_a_failed_commit_is_tried_once_more(store: Flaky, answer: StoredAnswer) -> None:
    keeper = LeaseKeeper(last_try_after=0.05)
    store.claim("key", "token", 100)
    keeper.complete_later(store, "key", "token", answer, 60)
    until(lambda: keeper.kept == 0, "the commit")
    assert store.claim("key", "other", LEASE) == Completed(answer)


def test_a_commit_that_fails_again_is_given_up(
    store: Flaky, answer: StoredAnswer, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = LeaseKeeper(last_try_after=0.05)
    store.failures = 5
    store.claim("key", "token", 100)
    keeper.complete_later(store, "key", "token", answer, 60)
    until(lambda: keeper.kept == 0, "the commit")
    assert store.calls == 1
    assert "could not be committed" in caplog.text


def test_an_error_of_one_store_stops_nobody_elses_renewals(keeper: LeaseKeeper, store: Flaky) -> None:
    keeper.register(None, "key", "token", LEASE)  # type: ignore[arg-type]  # a store that cannot even be called
    store.claim("key", "token", LEASE)
    keeper.register(store, "key", "token", LEASE)
    time.sleep(LEASE * 1.5)
    assert isinstance(store.claim("key", "other", LEASE), InProgress)


def test_a_forked_child_keeps_its_own_leases_alone(keeper: LeaseKeeper, store: Flaky) -> None:
    keeper.register(store, "parents", "token", LEASE)
    pid = os.fork()
    if pid == 0:
        held = keeper.kept
        store.claim("key", "token", LEASE)
        keeper.register(store, "key", "token", LEASE)
        time.sleep(LEASE * 1.5)
        kept = isinstance(store.claim("key", "other", LEASE), InProgress)
        os._exit(0 if held == 0 and kept else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_the_process_has_one_keeper() -> None:
    assert lease_keeper() is lease_keeper()


class SlowTogether(Slow):
    """A remote store: each round trip takes 160 ms."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def renew_many(self, held: Sequence[tuple[str, str]], lease: float) -> set[tuple[str, str]]:
        self.batches.append(len(held))
        self._act("renew")
        return {(key, token) for key, token in held if not MemoryStore.renew(self, key, token, lease)}


class SlowOneByOne(Slow):
    """The same of somebody else's, without `renew_many`."""

    def renew(self, key: str, token: str, lease: float) -> bool:
        self._act("renew")
        return super().renew(key, token, lease)


ROUND_TRIP = 0.16


@pytest.mark.parametrize(
    ("make", "workers", "lease"), [(SlowTogether, 8, 1.2), (SlowTogether, 1, 1.2), (SlowOneByOne, 64, 3.0)]
)
def test_of_two_hundred_handlers_on_a_slow_store_none_loses_its_lease(
    keeper: LeaseKeeper, make: Callable[[], Slow], workers: int, lease: float
) -> None:
    backend = make()
    store = GuardedStore(backend, budget=10, workers=workers)
    for number in range(200):
        MemoryStore.claim(backend, str(number), "token", lease)
    kept = [keeper.register(store, str(number), "token", lease) for number in range(200)]
    backend.takes = ROUND_TRIP
    time.sleep(lease * 1.5)
    assert not any(one.lost for one in kept)
    asked = [MemoryStore.claim(backend, str(number), "other", lease) for number in range(200)]
    assert all(isinstance(one, InProgress) for one in asked)
    store.close()


def test_leases_that_began_at_different_times_are_renewed_in_one_round_trip(keeper: LeaseKeeper) -> None:
    store = SlowTogether()
    for number in range(30):
        store.claim(str(number), "token", LEASE)
        keeper.register(store, str(number), "token", LEASE)
        time.sleep(LEASE / 100)
    until(lambda: store.batches[-3:] == [30] * 3, "three renewals of all")


def test_a_round_trip_is_bounded_in_size(keeper: LeaseKeeper) -> None:
    store = SlowTogether()
    for number in range(1201):
        store.claim(str(number), "token", 1)
        keeper.register(store, str(number), "token", 1)
    until(lambda: len(store.batches) >= 3, "a renewal")
    assert store.batches[:3] == [500, 500, 201]


def test_one_batch_that_fails_costs_the_others_nothing(keeper: LeaseKeeper) -> None:
    class Partly(SlowTogether):
        def renew_many(self, held: Sequence[tuple[str, str]], lease: float) -> set[tuple[str, str]]:
            if ("0", "token") in held and len(self.batches) < 6:
                self.batches.append(len(held))
                raise StoreError("not this one")
            return super().renew_many(held, lease)

    store = Partly()
    for number in range(700):
        store.claim(str(number), "token", LEASE)
        keeper.register(store, str(number), "token", LEASE)
    until(lambda: len(store.batches) >= 8, "several renewals")
    assert all(isinstance(store.claim(str(number), "other", 1), InProgress) for number in (0, 699))


@pytest.mark.parametrize("error", [OSError("gone"), ValueError("a bug")], ids=repr)
def test_a_store_of_somebody_else_s_that_raises_anything_is_asked_again_and_complained_of_once(
    keeper: LeaseKeeper, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(MemoryStore):
        calls = 0

        def renew(self, key: str, token: str, lease: float) -> bool:
            self.calls += 1
            if self.calls < 4:
                raise error
            return super().renew(key, token, lease)

    store = Broken()
    store.claim("key", "token", LEASE)
    lease = keeper.register(store, "key", "token", LEASE)
    until(lambda: store.calls >= 5, "the renewal")
    assert not lease.lost
    complaints = [one for one in caplog.records if "renewing idempotency leases" in one.message]
    assert sum(one.levelno == logging.ERROR for one in complaints) == 1


def test_every_store_renews_many_at_once_and_tells_which_are_lost(
    store: IdempotencyStore, answer: StoredAnswer
) -> None:
    from outworx_otel.idempotency.protocol import renew_together

    name = f"many-{time.time_ns()}"
    held = [(f"{name}-{number}", f"token{number}") for number in range(120)]
    for key, token in held:
        store.claim(key, token, 0.05)
    store.release(*held[3])
    store.complete(*held[50], answer, 100)
    time.sleep(0.1)
    store.claim(held[119][0], "another", 100)
    lost = renew_together(store, [*held, (f"{name}-unknown", "token")], 100.0)
    assert lost == {held[3], held[50], held[119], (f"{name}-unknown", "token")}
    assert isinstance(store.claim(held[7][0], "other", 100), InProgress)
    assert renew_together(store, held[4:50], 100.0) == set()


def test_a_redis_without_its_scripts_renews_many_all_the_same(
    open_on: Callable[..., Any], redis_server: RedisServer
) -> None:
    store = open_on("redis")
    held = [(str(number), "token") for number in range(20)]
    for key, token in held[1:]:
        store.claim(key, token, 100)
    with redis_server.client() as client:
        client.script_flush()
    assert store.renew_many(held, 100.0) == {("0", "token")}
