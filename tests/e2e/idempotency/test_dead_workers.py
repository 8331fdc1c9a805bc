"""Workers killed or frozen inside a handler: the key is free when the lease is over, and they cannot commit."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from support.process import wait_until

from .conftest import LEASE, SOME_PLACES, Site, at
from .scale import SLACK
from .seen import await_webhooks, pids
from .sending import Answer, deliver, until_not_in_flight

LONG = 30.0


@contextmanager
def handling(site: Site, key: str, **plan: object) -> Iterator[tuple[int, list[Answer]]]:
    """The process inside the handler of a delivery, and where its answer goes, which may never come."""
    answers: list[Answer] = []

    def send() -> None:
        try:
            answers.append(deliver(site.url(), key, **plan))
        except OSError:
            return

    sender = threading.Thread(target=send)
    sender.start()
    wait_until(lambda: len(pids(site.witness, key)) == 1, lambda: "the handler does not run")
    yield pids(site.witness, key)[0], answers
    sender.join(20)


@at(*SOME_PLACES)
def test_a_handler_that_blocks_its_process_for_longer_than_its_lease_keeps_the_key(site: Site) -> None:
    plan = {"sleeps": 1.7 * LEASE, "blocks": True}
    with handling(site, "long", **plan) as (pid, answers):
        assert until_not_in_flight(site.url(), "long", **plan).is_replay
    assert pids(site.witness, "long") == [pid]
    assert (answers[0].status, answers[0].is_replay) == (200, False)


@at(*SOME_PLACES)
def test_a_worker_that_was_frozen_past_its_lease_answers_its_caller_but_cannot_commit(site: Site) -> None:
    plan = {"sleeps": 0.3}
    with handling(site, "frozen", **plan) as (pid, answers):
        os.kill(pid, signal.SIGSTOP)
        try:
            retried = until_not_in_flight(site.url(), "frozen", **plan)
        finally:
            os.kill(pid, signal.SIGCONT)
    (late,) = answers
    assert (late.status, late.is_replay, late.pid) == (200, False, pid)
    assert (retried.status, retried.is_replay, retried.pid != pid) == (200, False, True)
    again = deliver(site.url(), "frozen", **plan)
    assert (again.is_replay, again.run) == (True, retried.run)
    spans = await_webhooks(site.receiver, 2, "frozen", "executed")
    assert [span.said("idempotency.committed") for span in spans] == [False, True]


@at(*SOME_PLACES)
def test_after_a_worker_was_killed_in_a_handler_the_retry_after_the_lease_runs_it(site: Site) -> None:
    plan = {"sleeps": LONG}
    with handling(site, "killed", **plan) as (pid, answers):
        killed = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        early = deliver(site.url(), "killed", **plan)
        assert (early.status, early.headers["retry-after"]) in [(409, "1"), (409, "2")]
    assert answers == []
    retried = until_not_in_flight(site.url(), "killed", **plan)
    # The last renewal may have been on its way as the worker died.
    assert time.monotonic() - killed < LEASE + SLACK
    assert (retried.status, retried.is_replay, retried.pid != pid) == (200, False, True)
    assert pids(site.witness, "killed") == [pid, retried.pid]
    again = deliver(site.url(), "killed", **plan)
    assert (again.status, again.is_replay, again.body) == (200, True, retried.body)
