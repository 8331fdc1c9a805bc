"""What is particular to `memory://`: its bounds, its clock, and the process it lives in."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tracemalloc
from types import FrameType
from typing import Any

import msgspec
import pytest

from outworx_otel.idempotency import (
    Claimed,
    Completed,
    InProgress,
    MemoryStore,
    StoredAnswer,
)
from outworx_otel.idempotency.memory import FORGOTTEN_AFTER, RECORD_OVERHEAD

from .scale import SCALE


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def handle(store: MemoryStore, key: str, answer: StoredAnswer, ttl: float = 86_400) -> None:
    store.claim(key, "token", 30)
    store.complete(key, "token", answer, ttl)


def test_the_number_of_keys_stays_bounded_under_a_flood(answer: StoredAnswer) -> None:
    store = MemoryStore(max_records=20_000)
    for number in range(100_000 * SCALE):
        handle(store, f"{number:064}", answer)
    assert store.records == 20_000


def test_memory_stays_within_what_is_counted(answer: StoredAnswer) -> None:
    tracemalloc.start()
    try:
        store = MemoryStore(max_bytes=4_000_000)
        for number in range(15_000 * SCALE):
            handle(store, f"{number:064}", answer)
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert 0.5 * store.bytes < used <= store.bytes <= 4_000_000


def test_the_least_recently_used_answers_go_first(answer: StoredAnswer) -> None:
    store = MemoryStore(max_records=3)
    for key in ("one", "two", "three"):
        handle(store, key, answer)
    assert store.claim("one", "again", 30) == Completed(answer)
    handle(store, "four", answer)
    assert store.claim("one", "again", 30) == Completed(answer)
    assert store.claim("two", "again", 30) == Claimed("again")


def test_keys_in_progress_outlive_answers(answer: StoredAnswer) -> None:
    store = MemoryStore(max_records=10)
    store.claim("running", "token", 30)
    for number in range(100):
        handle(store, str(number), answer)
    assert isinstance(store.claim("running", "other", 30), InProgress)
    assert store.records == 10


def test_even_keys_in_progress_are_bounded() -> None:
    store = MemoryStore(max_records=10)
    for number in range(1000):
        store.claim(str(number), "token", 30)
    assert store.records == 10
    assert store.bytes == 10 * RECORD_OVERHEAD


def test_large_answers_are_bounded_in_bytes(answer: StoredAnswer) -> None:
    large = msgspec.structs.replace(answer, body=bytes(200_000))
    store = MemoryStore(max_bytes=1_000_000)
    for number in range(100):
        handle(store, str(number), large)
    assert store.records == 4
    assert 800_000 < store.bytes <= 1_000_000
    for number in range(96, 100):
        store.claim(str(number), "x", 30)
        store.release(str(number), "token")
    assert store.claim("99", "again", 30) == Completed(large)


def test_bytes_are_counted_down_again(answer: StoredAnswer, clock: Clock) -> None:
    store = MemoryStore(clock=clock)
    for number in range(50):
        handle(store, str(number), answer, ttl=60)
    store.claim("released", "token", 30)
    store.release("released", "token")
    clock.now += 61
    for number in range(50):
        store.claim(str(number), "token", 30)
        store.release(str(number), "token")
    assert store.records == 0
    assert store.bytes == 0


def test_expired_records_do_not_pile_up(answer: StoredAnswer, clock: Clock) -> None:
    store = MemoryStore(clock=clock)
    for number in range(1000):
        handle(store, str(number), answer, ttl=60)
        clock.now += 1
    assert store.records < 130


def test_an_abandoned_lease_is_forgotten_in_the_end(answer: StoredAnswer, clock: Clock) -> None:
    store = MemoryStore(clock=clock)
    store.claim("abandoned", "token", 30)
    clock.now += 30 + FORGOTTEN_AFTER
    store.claim("another", "token", 30)
    assert not store.complete("abandoned", "token", answer, 60)


def test_an_operation_takes_the_same_steps_however_many_keys_there_are(answer: StoredAnswer) -> None:
    def steps(records: int) -> int:
        store = MemoryStore(max_records=records, max_bytes=1 << 40)
        for number in range(records):
            handle(store, str(number), answer)
        lines = 0

        def count(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal lines
            lines += event == "line"
            return count

        before = sys.gettrace()
        sys.settrace(count)
        try:
            for number in range(100):
                handle(store, f"more {number}", answer)
        finally:
            sys.settrace(before)
        return lines

    # Every further key evicts one. If that walked through the records, it would take 100 times as many.
    assert steps(10_000) < 2 * steps(100)


def test_the_wall_clock_does_not_matter(answer: StoredAnswer, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    handle(store, "done", answer, ttl=60)
    store.claim("running", "token", 30)
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert store.claim("done", "again", 30) == Completed(answer)
    assert isinstance(store.claim("running", "other", 30), InProgress)


def test_a_forked_child_begins_empty_and_free(answer: StoredAnswer) -> None:
    store = MemoryStore()
    handle(store, "done", answer)
    with store._lock():  # as if another thread were inside an operation at that moment
        pid = os.fork()
        if pid == 0:
            os._exit(0 if store.records == 0 and store.claim("done", "child", 30) == Claimed("child") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert store.claim("done", "parent", 30) == Completed(answer)


def test_it_says_once_that_it_is_per_process() -> None:
    code = (
        "import logging\n"
        "logging.basicConfig(level=logging.INFO)\n"
        "from outworx_otel.idempotency import open_store\n"
        "open_store('memory://'), open_store('memory://')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    (line,) = ran.stderr.splitlines()
    assert line.startswith("INFO:outworx_otel:")
    assert "this process alone" in line


def test_an_empty_store_is_a_store_all_the_same() -> None:
    assert MemoryStore()
