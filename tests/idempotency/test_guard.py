"""The guard round a back-end: its deadline holds whatever the back-end does, and a dead one costs nothing."""

from __future__ import annotations

import gc
import logging
import os
import threading
import time

import pytest
from support.databases import until
from support.own_clock import set_clock

from outworx_otel.errors import StoreError
from outworx_otel.idempotency import Claimed, GuardedStore, InProgress
from outworx_otel.idempotency.breaker import THRESHOLD
from outworx_otel.idempotency.record import decode

from .scale import SLACK
from .slow import BUDGET, Slow


def test_the_blocking_face_gives_up_at_the_budget(guarded: GuardedStore, backend: Slow) -> None:
    backend.takes = 1.0
    began = time.monotonic()
    with pytest.raises(StoreError, match="no answer to a claim within 100 ms"):
        guarded.claim("key", "token", 30)
    assert BUDGET <= time.monotonic() - began < BUDGET + SLACK
    assert guarded.counts.timed_out == 1


def test_a_dead_store_costs_a_few_budgets_and_then_nothing(guarded: GuardedStore, backend: Slow) -> None:
    backend.takes = 0.3
    began = time.monotonic()
    for _ in range(50):
        with pytest.raises(StoreError):
            guarded.claim("key", "token", 30)
    assert time.monotonic() - began < THRESHOLD * BUDGET + SLACK
    assert guarded.counts.opened == 1
    assert guarded.counts.refused == 50 - THRESHOLD


def test_many_callers_of_a_hung_store_all_give_up_in_time(guarded: GuardedStore, backend: Slow) -> None:
    backend.takes = 0.5
    spent: list[float] = []

    def ask(number: int) -> None:
        began = time.monotonic()
        with pytest.raises(StoreError):
            guarded.claim(str(number), "token", 30)
        spent.append(time.monotonic() - began)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(spent) == 30
    assert max(spent) < BUDGET + SLACK
    assert len(backend.calls) <= 4, "what waited for its turn until its time was up was not begun"


def test_idle_threads_are_used_again_before_others_are_started(guarded: GuardedStore, backend: Slow) -> None:
    for number in range(20):
        guarded.claim(str(number), "token", 30)
    assert len(backend.threads) == 1


def test_failures_are_explained_and_chained(guarded: GuardedStore, backend: Slow) -> None:
    backend.raises = OSError("refused")
    with pytest.raises(StoreError, match="claim failed: explained: refused") as caught:
        guarded.claim("key", "token", 30)
    assert caught.value.__cause__ is backend.raises
    assert guarded.counts.failed == 1
    assert guarded.counts.timed_out == 0


def test_a_record_that_cannot_be_read_does_not_open_the_breaker(guarded: GuardedStore, backend: Slow) -> None:
    try:
        decode(b"\x09")
    except StoreError as error:
        backend.raises = error
    for _ in range(THRESHOLD * 2):
        with pytest.raises(StoreError, match="version 09"):
            guarded.claim("key", "token", 30)
    assert guarded.counts.state == "closed"


def test_opening_and_closing_are_logged_once_each(
    guarded: GuardedStore, backend: Slow, caplog: pytest.LogCaptureFixture
) -> None:
    backend.raises = OSError("refused")
    with caplog.at_level(logging.INFO, "outworx_otel"):
        for _ in range(20):
            with pytest.raises(StoreError):
                guarded.claim("key", "token", 30)
        backend.raises = None
        until(lambda: guarded.claim("key", "token", 30), "the recovery")
    said = [record.message for record in caplog.records if "idempotency store" in record.message]
    assert len(said) == 2
    assert "left alone" in said[0]
    assert "answers again" in said[1]


def test_expired_records_are_removed_now_and_then_until_none_is_left(
    guarded: GuardedStore, backend: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, "idempotency.guarded_store", lambda: time.monotonic() + 3600)
    guarded.claim("key", "token", 30)
    until(lambda: guarded.claim("key", "token", 30) and backend.tidied == 3, "three batches")
    time.sleep(0.25)
    guarded.claim("key", "token", 30)
    assert backend.tidied == 3


def test_a_check_has_more_patience_than_a_delivery(guarded: GuardedStore, backend: Slow) -> None:
    backend.takes = BUDGET * 2
    guarded.check()
    backend.raises = OSError("refused")
    with pytest.raises(StoreError, match="explained: refused"):
        guarded.check()


def test_warming_connects_in_the_background(guarded: GuardedStore, backend: Slow) -> None:
    backend.takes = 0.05
    began = time.monotonic()
    guarded.warm()
    assert time.monotonic() - began < 0.05
    until(lambda: backend.calls == ["check"], "the connection")
    backend.raises = OSError("refused")
    guarded.warm()
    time.sleep(0.1)
    assert guarded.counts.failed == 0


def test_a_forked_child_has_threads_of_its_own(guarded: GuardedStore, backend: Slow) -> None:
    guarded.claim("key", "token", 30)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if guarded.claim("key", "child", 30) == Claimed("child") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert isinstance(guarded.claim("key", "other", 30), InProgress)


def test_a_closed_store_lets_its_threads_end(backend: Slow) -> None:
    before = threading.active_count()
    store = GuardedStore(backend, budget=BUDGET)
    store.claim("key", "token", 30)
    store.close()
    gc.collect()
    until(lambda: threading.active_count() <= before, "the threads' end")
