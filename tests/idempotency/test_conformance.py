"""What every back-end does alike, on its real server."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Callable

import msgspec
import pytest

from outworx_otel.idempotency import (
    Claimed,
    Completed,
    IdempotencyStore,
    InProgress,
    StoredAnswer,
    hashed_key,
)

LEASE = 100.0
TTL = 100.0
SHORT = 0.02


@pytest.fixture
def key() -> str:
    return hashed_key("stripe /webhooks", secrets.token_hex())


def lapse() -> None:
    """Lets a SHORT lease or TTL run out."""
    time.sleep(SHORT * 2)


def test_an_absent_key_is_claimed_and_a_second_claim_is_told_to_wait(
    store: IdempotencyStore, key: str
) -> None:
    assert store.claim(key, "first", LEASE) == Claimed("first")
    second = store.claim(key, "second", LEASE)
    assert isinstance(second, InProgress)
    assert LEASE - 30 < second.lease_left <= LEASE


def test_a_claim_made_twice_with_one_token_is_one_claim(store: IdempotencyStore, key: str) -> None:
    store.claim(key, "first", LEASE)
    assert store.claim(key, "first", LEASE) == Claimed("first")
    assert isinstance(store.claim(key, "second", LEASE), InProgress)


def test_a_completed_key_gives_back_the_answer_exactly(
    store: IdempotencyStore, key: str, answer: StoredAnswer
) -> None:
    store.claim(key, "first", LEASE)
    assert store.complete(key, "first", answer, TTL)
    assert store.claim(key, "second", LEASE) == Completed(answer)
    assert store.claim(key, "first", LEASE) == Completed(answer)


@pytest.mark.parametrize("body", [None, b"", bytes(range(256)) * 1024])
def test_bodies_come_back_byte_for_byte(
    store: IdempotencyStore, key: str, answer: StoredAnswer, body: bytes | None
) -> None:
    kept = msgspec.structs.replace(answer, body=body)
    store.claim(key, "first", LEASE)
    store.complete(key, "first", kept, TTL)
    assert store.claim(key, "second", LEASE) == Completed(kept)


def test_completing_twice_says_that_the_answer_stands_and_keeps_the_first(
    store: IdempotencyStore, key: str, answer: StoredAnswer
) -> None:
    store.claim(key, "first", LEASE)
    store.complete(key, "first", answer, TTL)
    assert store.complete(key, "first", msgspec.structs.replace(answer, status=500), TTL)
    assert store.claim(key, "second", LEASE) == Completed(answer)


def test_a_released_key_can_be_claimed_at_once(store: IdempotencyStore, key: str) -> None:
    store.claim(key, "first", LEASE)
    assert store.release(key, "first")
    assert not store.release(key, "first")
    assert store.claim(key, "second", LEASE) == Claimed("second")


def test_without_the_token_nothing_can_be_done(
    store: IdempotencyStore, key: str, answer: StoredAnswer
) -> None:
    store.claim(key, "first", LEASE)
    for token in ("", "firs", "first2", "second"):
        assert not store.renew(key, token, LEASE)
        assert not store.complete(key, token, answer, TTL)
        assert not store.release(key, token)
    assert isinstance(store.claim(key, "second", LEASE), InProgress)


def test_an_unknown_key_cannot_be_renewed_completed_or_released(
    store: IdempotencyStore, key: str, answer: StoredAnswer
) -> None:
    assert not store.renew(key, "first", LEASE)
    assert not store.complete(key, "first", answer, TTL)
    assert not store.release(key, "first")
    assert store.claim(key, "second", LEASE) == Claimed("second")


def test_what_is_completed_cannot_be_renewed_or_released(
    store: IdempotencyStore, key: str, answer: StoredAnswer
) -> None:
    store.claim(key, "first", LEASE)
    store.complete(key, "first", answer, TTL)
    assert not store.renew(key, "first", LEASE)
    assert not store.release(key, "first")
    assert not store.complete(key, "second", answer, TTL)
    assert store.claim(key, "second", LEASE) == Completed(answer)


def test_a_key_whose_lease_ran_out_is_taken_over_and_its_late_holder_is_fenced_off(
    store: IdempotencyStore, key: str, answer: StoredAnswer
) -> None:
    store.claim(key, "first", SHORT)
    lapse()
    assert store.claim(key, "second", LEASE) == Claimed("second")
    assert not store.renew(key, "first", LEASE)
    assert not store.complete(key, "first", answer, TTL)
    assert not store.release(key, "first")
    assert store.complete(key, "second", msgspec.structs.replace(answer, status=202), TTL)
    assert not store.complete(key, "first", answer, TTL)
    third = store.claim(key, "third", LEASE)
    assert isinstance(third, Completed)
    assert third.answer.status == 202


def test_a_holder_that_nobody_took_over_from_may_still_commit(
    store: IdempotencyStore, key: str, answer: StoredAnswer
) -> None:
    store.claim(key, "first", SHORT)
    lapse()
    assert store.complete(key, "first", answer, TTL)
    assert store.claim(key, "second", LEASE) == Completed(answer)


def test_a_renewed_lease_does_not_run_out(store: IdempotencyStore, key: str) -> None:
    store.claim(key, "first", SHORT)
    assert store.renew(key, "first", LEASE)
    lapse()
    assert isinstance(store.claim(key, "second", LEASE), InProgress)


def test_an_answer_is_forgotten_after_its_ttl(
    store: IdempotencyStore, key: str, answer: StoredAnswer
) -> None:
    store.claim(key, "first", LEASE)
    store.complete(key, "first", answer, SHORT)
    lapse()
    assert not store.complete(key, "first", answer, TTL)
    assert store.claim(key, "second", LEASE) == Claimed("second")


@pytest.mark.parametrize("ttl", [60.0, 604_800.0])
def test_the_shortest_and_the_longest_ttl_hold(
    store: IdempotencyStore, key: str, answer: StoredAnswer, ttl: float
) -> None:
    store.claim(key, "first", LEASE)
    assert store.complete(key, "first", answer, ttl)
    assert store.claim(key, "second", LEASE) == Completed(answer)


# SQLite has no clock but the machine's: see test_sqlite.py.
@pytest.mark.parametrize("store", ["memory", "postgresql", "redis", "cluster"], indirect=True)
def test_no_clock_of_the_client_matters(
    store: IdempotencyStore, key: str, answer: StoredAnswer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    store.claim(key, "first", LEASE)
    for jump in (86_400.0, -86_400.0):
        monkeypatch.setattr(time, "time", lambda jump=jump: real() + jump)
        assert isinstance(store.claim(key, "second", LEASE), InProgress)
    assert store.complete(key, "first", answer, TTL)
    monkeypatch.setattr(time, "time", lambda: real() + 86_400.0)
    assert store.claim(key, "second", LEASE) == Completed(answer)


def test_a_key_of_ten_kilobytes_is_as_good_as_any(store: IdempotencyStore) -> None:
    long = "ключ-" * 2048 + secrets.token_hex()
    assert store.claim(hashed_key("scope", long), "first", LEASE) == Claimed("first")
    assert isinstance(store.claim(hashed_key("scope", long), "second", LEASE), InProgress)
    assert store.claim(hashed_key("scope", long + "!"), "second", LEASE) == Claimed("second")


def test_of_many_threads_one_wins(store: IdempotencyStore, key: str) -> None:
    outcomes: list[object] = []
    barrier = threading.Barrier(12)

    def compete(token: str) -> None:
        barrier.wait()
        outcomes.append(store.claim(key, token, LEASE))

    threads = [threading.Thread(target=compete, args=(f"t{number}",)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(outcome, Claimed) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, InProgress) for outcome in outcomes) == 11


def test_of_many_tasks_one_wins_through_the_async_face(store: IdempotencyStore, key: str) -> None:
    async def compete() -> list[object]:
        return list(await asyncio.gather(*(store.aclaim(key, f"t{number}", LEASE) for number in range(30))))

    outcomes = asyncio.run(compete())
    assert sum(isinstance(outcome, Claimed) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, InProgress) for outcome in outcomes) == 29


def test_both_faces_are_one_store(store: IdempotencyStore, key: str, answer: StoredAnswer) -> None:
    async def use() -> None:
        assert await store.aclaim(key, "first", LEASE) == Claimed("first")
        assert isinstance(store.claim(key, "second", LEASE), InProgress)
        assert await store.arenew(key, "first", LEASE)
        assert await store.arelease(key, "first")
        assert store.claim(key, "second", LEASE) == Claimed("second")
        assert await store.acomplete(key, "second", answer, TTL)

    asyncio.run(use())
    assert store.claim(key, "third", LEASE) == Completed(answer)


def test_a_closed_store_opens_again(store: IdempotencyStore, key: str, answer: StoredAnswer) -> None:
    store.claim(key, "first", LEASE)
    store.close()
    assert store.complete(key, "first", answer, TTL)
    store.close()
    assert store.claim(key, "second", LEASE) == Completed(answer)


def test_a_store_that_is_there_passes_its_check(store: IdempotencyStore) -> None:
    store.check()


def test_keys_of_two_prefixes_or_tables_are_kept_apart(
    open_on: Callable[..., IdempotencyStore], request: pytest.FixtureRequest
) -> None:
    for backend in ("postgresql", "redis", "cluster"):
        one, other = open_on(backend), open_on(backend)
        assert one.claim("same", "first", LEASE) == Claimed("first")
        assert other.claim("same", "second", LEASE) == Claimed("second")
