"""Redis hung, gone and back while a server is under load: deliveries go on, in time, and everything adds up."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import pytest
from support.databases import RedisServer, until
from support.deployment import Deployment
from support.process import wait_until
from support.scale import rows

from .conftest import Site, StartSite, fastapi, flask
from .scale import BUDGET, SLACK
from .seen import Seen, await_webhooks, runs
from .sending import Answer, deliver, get

SENDERS = 4
# A delivery makes two operations. Both may have to wait for a store that stops answering in the middle of it.
LONGEST = 2 * BUDGET + SLACK
FRAMEWORKS = pytest.mark.parametrize(
    "framework",
    rows([pytest.param(flask, id="gunicorn-flask")], [pytest.param(fastapi, id="uvicorn-fastapi")]),
)
Framework = Callable[[int], Deployment]


@pytest.fixture(scope="module")
def shared_server() -> Iterator[RedisServer]:
    """A Redis that no other module uses."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis(shared_server: RedisServer) -> Iterator[RedisServer]:
    """The same, well at the beginning and the end of each test."""
    shared_server.restore()
    yield shared_server
    shared_server.restore()


def start(start_site: StartSite, framework: Framework, redis: RedisServer) -> Site:
    """A site of one process, so that one breaker has seen everything, whose store is connected and empty."""
    site = start_site(framework(1), f"{redis.url}?prefix={secrets.token_hex(4)}")
    deliver(site.url(), "connecting")
    wait_until(lambda: counts(site)["state"] == "closed", lambda: "the breaker is open")
    return site


def counts(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = get(f"{site.server.url}/store")
    return found


class Load:
    """Deliveries from several threads, every one sent twice in a row, until it is stopped."""

    def __init__(self, site: Site) -> None:
        self.answers: list[Answer] = []
        self.errors: list[BaseException] = []
        self._site = site
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(SENDERS)]

    def _send(self, sender: int) -> None:
        number = 0
        try:
            while not self._stop.wait(0.005):
                self.answers += [deliver(self._site.url(), f"load-{sender}-{number}") for _ in range(2)]
                number += 1
        except BaseException as error:  # noqa: BLE001  # reported by the test
            self.errors.append(error)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)


def timed(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def until_opened(site: Site, times: int) -> None:
    wait_until(lambda: counts(site)["opened"] >= times, lambda: f"not opened: {counts(site)}")


def until_closed(site: Site) -> None:
    wait_until(lambda: counts(site)["state"] == "closed", lambda: f"not closed: {counts(site)}")


@FRAMEWORKS
def test_redis_hung_stopped_and_restarted_under_load_fails_no_delivery_and_delays_none_for_long(
    framework: Framework, redis: RedisServer, start_site: StartSite
) -> None:
    site = start(start_site, framework, redis)
    before = counts(site)
    with Load(site) as load:
        time.sleep(0.4)
        with hung(redis):
            until_opened(site, before["opened"] + 1)
            asked = [timed(lambda: counts(site)) for _ in range(20)]
        until_closed(site)
        redis.stop()
        until_opened(site, before["opened"] + 2)
        time.sleep(0.3)
        redis.start()
        until_closed(site)
        time.sleep(0.3)
    assert load.errors == []
    # What does not ask the store does not notice: neither the event loop nor a thread waits for it.
    assert median(asked) < BUDGET / 5
    after = counts(site)
    assert (after["opened"], after["closed"]) == (before["opened"] + 2, before["closed"] + 2)
    assert after["refused"] > 0
    assert max(answer.took for answer in load.answers) < LONGEST
    spans = await_webhooks(site.receiver, len(load.answers), "load-")
    assert_all_add_up(load.answers, spans, runs(site.witness, "load-"))
    # Each delivery makes one claim at least, which was answered, not answered or refused, and counted.
    assert operations(after) - operations(before) >= len(load.answers)
    log = site.server.log()
    assert log.count("is left alone for a while") == after["opened"]
    assert log.count("answers again") == after["closed"]


def assert_all_add_up(answers: list[Answer], spans: list[Seen], handled: Counter[str]) -> None:
    """What callers were told, what spans say, and what the handlers wrote down are the same deliveries."""
    told = Counter(
        "in_flight" if answer.status == 409 else "replayed" if answer.is_replay else "run"
        for answer in answers
    )
    assert {answer.status for answer in answers} <= {200, 409}
    said = Counter(span.outcome for span in spans)
    assert said["replayed"] == told["replayed"] > 0
    assert said["in_flight"] == told["in_flight"]
    assert said["executed"] + said["fail_open"] == told["run"] == handled.total()
    assert said["executed"] > 0
    assert said["fail_open"] > 0
    assert said.total() == len(answers)


def operations(seen: dict[str, Any]) -> int:
    return sum(seen[name] for name in ("succeeded", "failed", "refused"))


@contextmanager
def hung(redis: RedisServer) -> Iterator[None]:
    redis.hang()
    try:
        yield
    finally:
        redis.resume()


@FRAMEWORKS
def test_a_delivery_is_refused_while_the_store_is_away_and_handled_soon_after_where_that_is_wanted(
    framework: Framework, redis: RedisServer, start_site: StartSite
) -> None:
    site = start(start_site, framework, redis)
    with hung(redis):
        refused = [deliver(site.url("strict"), f"strict-{number}") for number in range(6)]
    assert [answer.status for answer in refused] == [503] * 6
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert max(answer.took for answer in refused) < LONGEST
    assert runs(site.witness, "strict-").total() == 0
    # The first claim was not answered in time, and landed as the store came back.
    retried = until_decided(site.url("strict"), "strict-0")
    assert (retried.status, retried.is_replay) == (200, False)
    assert deliver(site.url("strict"), "strict-0").is_replay
    spans = await_webhooks(site.receiver, 6, "strict-", "rejected", at_least=True)
    assert {span.attributes["error.type"] for span in spans} == {"store_unavailable"}


def test_an_answer_whose_claim_and_commit_were_not_answered_in_time_is_kept_all_the_same(
    redis: RedisServer, start_site: StartSite
) -> None:
    site = start(start_site, fastapi, redis)
    with hung(redis):
        first = deliver(site.url(), "unanswered")
    assert (first.status, first.is_replay, first.took < LONGEST) == (200, False, True)
    again = until_decided(site.url(), "unanswered")
    assert (again.is_replay, again.body) == (True, first.body)
    spans = await_webhooks(site.receiver, 1, "unanswered", "fail_open")
    assert spans[0].said("idempotency.committed") is False


def until_decided(url: str, key: str) -> Answer:
    """Comes again while the store is away or the key in flight, for a fraction of what a lease lasts."""
    answers: list[Answer] = []

    def is_decided() -> bool:
        answers.append(deliver(url, key))
        return answers[-1].status not in (409, 503)

    until(is_decided, f"{key}: an answer", seconds=8.0)
    return answers[-1]
