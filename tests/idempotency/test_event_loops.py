"""Operations over an event loop's own connections: no thread takes part, and every promise holds as with one."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from support.databases import RedisServer, until

from outworx_otel.errors import StoreError
from outworx_otel.idempotency import (
    Claim,
    Claimed,
    Completed,
    GuardedStore,
    InProgress,
    StoredAnswer,
    breaker,
    open_store,
)
from outworx_otel.idempotency.redis import TAKEN_OUT, RedisBackend
from outworx_otel.idempotency.store_urls import parse_store_url

from .scale import PATIENT, SLACK

BUDGET = 0.25


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """One that is mistreated."""
    with RedisServer() as server:
        yield server


class NotingBackend(RedisBackend):
    """Notes the keys that threads ask for: a loop's own connections are asked in another way."""

    def __init__(self, server: RedisServer, budget: float) -> None:
        super().__init__(parse_store_url(server.url, TAKEN_OUT), budget=budget, connections=8)
        self.by_threads: list[str] = []

    def claim(self, key: str, token: str, lease: float) -> Claim:
        self.by_threads.append(key)
        return super().claim(key, token, lease)

    def renew(self, key: str, token: str, lease: float) -> bool:
        self.by_threads.append(key)
        return super().renew(key, token, lease)

    def complete(self, key: str, token: str, answer: StoredAnswer, ttl: float) -> bool:
        self.by_threads.append(key)
        return super().complete(key, token, answer, ttl)

    def release(self, key: str, token: str) -> bool:
        self.by_threads.append(key)
        return super().release(key, token)


class NotingStore(GuardedStore):
    """As `open_store` opens one, over a backend that notes."""

    def __init__(self, server: RedisServer, budget: float) -> None:
        self.noting = NotingBackend(server, budget)
        super().__init__(self.noting, budget=budget, workers=8)


@pytest.fixture
def store(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[NotingStore]:
    monkeypatch.setattr(breaker, "FIRST_PAUSE", 0.3)
    store = NotingStore(server, BUDGET)
    until(lambda: store.claim("first", "token", 30), "the first connection")
    yield store
    store.close()


@pytest.fixture
def patient(server: RedisServer) -> Iterator[NotingStore]:
    """For what is not about time."""
    store = NotingStore(server, PATIENT)
    yield store
    store.close()


@asynccontextmanager
async def at_home(store: NotingStore) -> AsyncIterator[list[str]]:
    """A loop that has a connection; within, what threads are asked to do is listed."""
    assert store._loops is not None
    kept = store._loops.here()
    assert kept is not None
    gives_up = time.monotonic() + 10
    while not kept._idle:
        assert time.monotonic() < gives_up, "no connection was made"
        await store.arelease(secrets.token_hex(), "token")
        await asyncio.sleep(0.01)
    store.noting.by_threads.clear()
    yield store.noting.by_threads


def clients(server: RedisServer) -> int:
    with server.client() as client:
        return len(client.client_list()) - 1


def test_no_thread_takes_part(patient: NotingStore, answer: StoredAnswer) -> None:
    async def work() -> None:
        async with at_home(patient) as by_threads:
            assert await patient.aclaim("key", "token", 30) == Claimed("token")
            assert isinstance(await patient.aclaim("key", "other", 30), InProgress)
            assert await patient.arenew("key", "token", 30)
            assert await patient.acomplete("key", "token", answer, 60)
            assert await patient.aclaim("key", "other", 30) == Completed(answer)
            assert not await patient.arelease("key", "token")
            assert by_threads == []

    asyncio.run(work())
    assert patient.counts.failed == 0


def test_a_server_without_its_scripts_is_given_them_again(patient: NotingStore, server: RedisServer) -> None:
    async def work() -> None:
        async with at_home(patient) as by_threads:
            with server.client() as client:
                client.script_flush()
            assert await patient.aclaim("key", "token", 30) == Claimed("token")
            assert by_threads == []

    asyncio.run(work())


def test_more_at_once_than_there_are_connections_are_all_answered(
    patient: NotingStore, server: RedisServer
) -> None:
    async def work() -> None:
        async with at_home(patient):
            for _ in range(5):
                claims = (patient.aclaim(secrets.token_hex(), "token", 30) for _ in range(100))
                assert await asyncio.gather(*claims) == [Claimed("token")] * 100
            assert clients(server) <= 8 + 8

    asyncio.run(work())


def test_a_hung_server_costs_no_more_than_the_budget_and_the_connection(
    store: NotingStore, server: RedisServer
) -> None:
    async def work() -> None:
        async with at_home(store) as by_threads:
            server.hang()
            spent = []
            for _ in range(20):
                began = time.monotonic()
                with pytest.raises(StoreError):
                    await store.aclaim(secrets.token_hex(), "token", 30)
                spent.append(time.monotonic() - began)
            assert BUDGET * 0.9 < spent[0] < BUDGET + SLACK
            # The first failed here, without a thread; the others found the connection closed.
            assert len(by_threads) == breaker.THRESHOLD - 1
            assert sum(spent[breaker.THRESHOLD :]) < 0.2
            assert store.counts.opened == 1
            server.resume()
            gives_up = time.monotonic() + 10
            while store.counts.state != "closed":
                assert time.monotonic() < gives_up
                await asyncio.sleep(0.05)
                try:
                    await store.aclaim(secrets.token_hex(), "token", 30)
                except StoreError:
                    continue
        async with at_home(store) as by_threads:
            assert await store.aclaim("after", "token", 30) == Claimed("token")
            assert by_threads == []

    asyncio.run(work())


def test_the_loop_is_not_held_up_by_a_server_that_hangs(store: NotingStore, server: RedisServer) -> None:
    async def work() -> None:
        async with at_home(store):
            server.hang()
            asked = asyncio.ensure_future(store.aclaim("key", "token", 30))
            gaps = []
            while not asked.done():
                began = time.monotonic()
                await asyncio.sleep(0.01)
                gaps.append(time.monotonic() - began)
            with pytest.raises(StoreError, match="no answer to a claim within 250 ms"):
                await asked
            assert sorted(gaps)[len(gaps) // 2] < 0.05

    asyncio.run(work())


def test_a_restart_between_two_operations_goes_unnoticed(patient: NotingStore, server: RedisServer) -> None:
    async def work() -> None:
        async with at_home(patient) as by_threads:
            server.stop()
            server.start()
            assert await patient.aclaim("key", "token", 30) == Claimed("token")
            assert by_threads == ["key"]

    asyncio.run(work())
    assert patient.counts.failed == 0


def test_an_answer_that_came_in_time_counts_though_the_loop_was_blocked(store: NotingStore) -> None:
    async def work() -> None:
        async with at_home(store) as by_threads:
            task = asyncio.ensure_future(store.aclaim("key", "token", 30))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            time.sleep(BUDGET * 2)  # noqa: ASYNC251  # the handler that blocks its loop is the point
            assert await task == Claimed("token")
            assert by_threads == []

    asyncio.run(work())
    assert store.counts.failed == 0


async def cancelled(task: asyncio.Future[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_cancelled_claim_leaves_nothing_behind(store: NotingStore, server: RedisServer) -> None:
    async def work() -> None:
        async with at_home(store):
            server.hang()
            task = asyncio.ensure_future(store.aclaim("key", "token", 300))
            await asyncio.sleep(0.02)
            await cancelled(task)
            server.resume()
            await asyncio.sleep(0.1)

    asyncio.run(work())
    until(lambda: store.claim("key", "other", 30) == Claimed("other"), "the claim's end")
    assert store.counts.failed == 0


@pytest.mark.parametrize("lasts", [True, False], ids=["the loop goes on", "the loop ends"])
def test_a_cancelled_complete_still_lands(
    patient: NotingStore, server: RedisServer, answer: StoredAnswer, lasts: bool
) -> None:
    async def work() -> None:
        async with at_home(patient):
            await patient.aclaim("key", "token", 30)
            server.hang()
            task = asyncio.ensure_future(patient.acomplete("key", "token", answer, 60))
            await asyncio.sleep(0.02)
            await cancelled(task)
            if lasts:
                server.resume()
                await asyncio.sleep(0.1)

    asyncio.run(work())
    server.resume()
    until(lambda: patient.claim("key", "other", 30) == Completed(answer), "the commit")


def test_an_unreadable_record_is_no_outage(patient: NotingStore, server: RedisServer) -> None:
    async def work() -> None:
        async with at_home(patient) as by_threads:
            with server.client() as client:
                client.set("outworx:{key}", b"ctoken\n\x09from a later version")
            for _ in range(breaker.THRESHOLD * 2):
                with pytest.raises(StoreError, match="version 09"):
                    await patient.aclaim("key", "token", 30)
            assert by_threads == []

    asyncio.run(work())
    assert patient.counts.state == "closed"


def test_a_loop_that_ends_closes_its_connections(patient: NotingStore, server: RedisServer) -> None:
    async def work() -> None:
        async with at_home(patient):
            await patient.aclaim(secrets.token_hex(), "token", 30)

    gc.collect()  # what other tests left behind
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for _ in range(3):
            asyncio.run(work())
            gc.collect()
        until(lambda: clients(server) <= 1, "the connections' end")
    assert [str(one.message) for one in said if issubclass(one.category, ResourceWarning)] == []


def test_a_closed_store_closes_those_of_every_loop(patient: NotingStore, server: RedisServer) -> None:
    async def work() -> None:
        async with at_home(patient):
            pass
        patient.close()
        gives_up = time.monotonic() + 10
        while clients(server):
            assert time.monotonic() < gives_up
            await asyncio.sleep(0.01)
        assert await patient.aclaim("key", "token", 30) == Claimed("token")

    asyncio.run(work())


def test_a_loop_that_lasts_for_one_delivery_gets_no_connection(
    patient: NotingStore, server: RedisServer, answer: StoredAnswer
) -> None:
    async def deliver(key: str) -> None:
        await patient.aclaim(key, "token", 30)
        await patient.acomplete(key, "token", answer, 60)
        await asyncio.sleep(0.02)

    for number in range(30):
        asyncio.run(deliver(str(number)))
    assert clients(server) == 1


def test_a_forked_child_leaves_its_parents_connections_alone(patient: NotingStore) -> None:
    async def child() -> bool:
        async with at_home(patient) as by_threads:
            return await patient.aclaim("child", "token", 30) == Claimed("token") and by_threads == []

    async def work() -> None:
        async with at_home(patient) as by_threads:
            pid = os.fork()
            if pid == 0:
                asyncio._set_running_loop(None)
                asyncio.set_event_loop(None)
                os._exit(0 if asyncio.new_event_loop().run_until_complete(child()) else 1)
            ended = await asyncio.to_thread(os.waitpid, pid, 0)
            assert os.waitstatus_to_exitcode(ended[1]) == 0
            assert await patient.aclaim("parent", "token", 30) == Claimed("token")
            assert by_threads == []

    asyncio.run(work())


def test_trio_is_served_by_threads(patient: NotingStore, server: RedisServer) -> None:
    async def work() -> None:
        for number in range(20):
            assert await patient.aclaim(str(number), "token", 30) == Claimed("token")

    trio.run(work)
    assert clients(server) == 1


def test_what_redis_py_does_only_in_threads_is_left_to_them(server: RedisServer) -> None:
    store = open_store(f"{server.url}?socket_read_size=4096", budget=PATIENT)

    async def work(claim: Callable[..., Awaitable[Any]]) -> None:
        for number in range(20):
            assert await claim(str(number), "token", 30) == Claimed("token")

    asyncio.run(work(store.aclaim))
    store.close()
