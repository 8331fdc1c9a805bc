"""Provider, `outworx serve`, `outworx forward`, application and back, each a process of its own."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from support.scale import rows, scaled
from support.sender import NO_CERTIFICATES

from .waiting import PATIENCE, wait_for

CONCURRENCY = 50


class Provider:
    """Delivers numbered events, as often as it takes for a 200, as providers do."""

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url
        self._http = httpx.Client(timeout=PATIENCE, verify=NO_CERTIFICATES, trust_env=False)
        self.attempts: Counter[int] = Counter()
        self.answered = 0
        self._lock = threading.Lock()

    def deliver(self, number: int) -> None:
        body = os.urandom(200)
        until = time.monotonic() + PATIENCE
        while True:
            with self._lock:
                self.attempts[number] += 1
            try:
                answer = self._http.post(
                    f"{self._url()}/hooks", content=body, headers={"x-number": str(number)}
                )
            except httpx.HTTPError as error:
                answer, problem = None, repr(error)
            if answer is not None and answer.status_code == 200:
                # Its own answer, and not another one's.
                assert (answer.content, answer.headers["x-number"]) == (body, str(number))
                with self._lock:
                    self.answered += 1
                return
            problem = problem if answer is None else f"{answer.status_code} {answer.text}"
            assert time.monotonic() < until, f"delivery {number} did not get through: {problem}"
            time.sleep(0.2)

    def deliver_all(self, count: int) -> None:
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            for done in [pool.submit(self.deliver, number) for number in range(count)]:
                done.result()

    def close(self) -> None:
        self._http.close()


@pytest.fixture
def provider(started):
    def make(url: Callable[[], str]) -> Provider:
        provider = Provider(url)
        started.callback(provider.close)
        return provider

    return make


def seen(site) -> dict[str, int]:
    return httpx.get(f"{site.url}/seen", verify=NO_CERTIFICATES).json()


def test_a_thousand_deliveries_at_concurrency_fifty_and_none_is_lost(server, site, forward, provider):
    count = scaled(1000, 200)
    client = forward(server, site.port)
    sending = provider(lambda: client.public_url)
    sending.deliver_all(count)
    # Not one had to be repeated, and the application has seen each exactly once.
    assert set(sending.attempts.values()) == {1}
    assert seen(site) == {str(number): 1 for number in range(count)}
    assert client.interrupt() == 0
    assert f"Closed. {count} deliveries  {count} ok" in client.out


def test_answers_come_back_in_whatever_order_they_are_ready(server, site, forward, callers):
    client = forward(server, site.port)
    slow = [
        callers.send(client.public_url, content=b"slow %d" % number, headers={"x-gate": "slow"})
        for number in range(10)
    ]
    wait_for(lambda: seen(site).get("") == 10)
    fast = [callers.send(client.public_url, content=b"fast %d" % number) for number in range(30)]
    assert [caller.result().content for caller in fast] == [b"fast %d" % number for number in range(30)]
    assert not any(caller.done() for caller in slow)
    httpx.post(f"{site.url}/release/slow", verify=NO_CERTIFICATES)
    assert [caller.result().content for caller in slow] == [b"slow %d" % number for number in range(10)]


def test_a_client_that_was_killed_comes_back_to_the_same_url_and_nothing_is_lost(
    server, site, forward, provider
):
    count = scaled(600, 150)
    client = forward(server, site.port)
    url = client.public_url
    sending = provider(lambda: url)
    with ThreadPoolExecutor(1) as background:
        delivering = background.submit(sending.deliver_all, count)
        wait_for(lambda: sending.answered > count // 4)
        client.kill()
        again = forward(server, site.port)
        assert again.public_url == url
        assert "Resumed" in again.out
        delivering.result()
    # Whoever got a 200 was seen; whoever was under way came again.
    assert seen(site).keys() == {str(number) for number in range(count)}
    assert again.interrupt() == 0


@pytest.mark.parametrize("ending", rows([signal.SIGKILL], [signal.SIGTERM]))
def test_a_server_that_is_started_anew_keeps_the_url_and_nothing_is_lost(
    server, site, forward, provider, ending
):
    count = scaled(600, 150)
    client = forward(server, site.port)
    url = client.public_url
    sending = provider(lambda: url)
    with ThreadPoolExecutor(1) as background:
        delivering = background.submit(sending.deliver_all, count)
        wait_for(lambda: sending.answered > count // 4)
        server.send(ending)
        server.wait()
        client.says(r"  connection to http://127\.0\.0\.1:\d+ lost \(.+\); trying again in \d+ s")
        server.start()
        delivering.result()
    client.says(r"  back; (nothing was|1 event was|\d+ events were) waiting")
    assert client.public_url == url
    assert seen(site).keys() == {str(number) for number in range(count)}
    assert client.interrupt() == 0


def test_while_the_client_is_away_events_wait_and_are_all_delivered(server, site, forward, callers):
    client = forward(server, site.port)
    url = client.public_url
    client.kill()
    waiting = [callers.send(f"{url}/{number}", headers={"x-number": str(number)}) for number in range(20)]
    again = forward(server, site.port)
    assert {caller.result().status_code for caller in waiting} == {200}
    assert seen(site) == {str(number): 1 for number in range(20)}
    assert again.public_url == url


def test_more_than_the_concurrency_waits_its_turn(serve, site, forward, callers):
    client = forward(serve(acknowledge_timeout=0.2), site.port, "--concurrency", 5)
    slow = [callers.send(client.public_url, headers={"x-gate": "all"}) for _ in range(12)]
    wait_for(lambda: seen(site).get("") == 5)
    # Longer than a batch may stay unacknowledged: a client without room must not seem to be gone.
    time.sleep(0.6)
    assert seen(site) == {"": 5}
    httpx.post(f"{site.url}/release/all", verify=NO_CERTIFICATES)
    assert {caller.result().status_code for caller in slow} == {200}
    assert seen(site) == {"": 12}


def test_large_bodies_pass_the_whole_server(server, site, forward, callers):
    client = forward(server, site.port)
    body = os.urandom(10 * 1024 * 1024)
    assert callers.send(client.public_url, content=body).result().content == body
