"""How often a key may be tried."""

from __future__ import annotations

from starlette.testclient import TestClient

from outworx_otel.server.access import attempts
from outworx_otel.server.access.attempts import BURST, SECONDS_EACH, BadKeys
from outworx_otel.server.app import Application

from .scene import HTML, WITH_KEY, client, log_in

WRONG = {"Authorization": "Bearer owx_wrong-key"}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_ten_wrong_keys_at_once_then_one_every_six_seconds() -> None:
    clock = Clock()
    bad = BadKeys(clock)
    assert [bad.too_many("10.0.0.1") for _ in range(BURST)] == [None] * BURST
    assert bad.too_many("10.0.0.1") == 6
    clock.now += SECONDS_EACH
    assert bad.too_many("10.0.0.1") is None
    assert bad.too_many("10.0.0.1") == 6


def test_addresses_do_not_share_their_attempts() -> None:
    bad = BadKeys(Clock())
    for _ in range(BURST + 1):
        bad.too_many("10.0.0.1")
    assert bad.too_many("10.0.0.2") is None


def test_one_customers_ipv6_addresses_do() -> None:
    bad = BadKeys(Clock())
    for number in range(BURST):
        assert bad.too_many(f"2001:db8::{number:x}") is None
    assert bad.too_many("2001:db8::ffff") is not None
    assert bad.too_many("2001:db8:0:1::1") is None
    assert bad.too_many("fe80::1%eth0") is None


def test_the_table_is_bounded() -> None:
    bad = BadKeys(Clock())
    for number in range(attempts._MAX_ADDRESSES + 100):
        bad.too_many(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(bad._buckets) == attempts._MAX_ADDRESSES


def test_the_table_of_addresses_with_a_good_key_is_bounded() -> None:
    bad = BadKeys(Clock())
    for number in range(attempts._MAX_ADDRESSES + 100):
        assert bad.must_wait(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}") is None
    assert len(bad._proven) == attempts._MAX_ADDRESSES


def test_an_address_that_guesses_must_wait_with_a_good_key_too() -> None:
    clock = Clock()
    bad = BadKeys(clock)
    for _ in range(BURST + 1):
        bad.too_many("10.0.0.1")
    assert bad.must_wait("10.0.0.1") == 6
    assert bad.must_wait("10.0.0.2") is None
    clock.now += SECONDS_EACH
    assert bad.must_wait("10.0.0.1") is None


def test_a_key_that_is_guessed_is_not_found_out_by_trying_on(app: Application) -> None:
    guesser = client(app)
    for _ in range(BURST):
        guesser.get("/api/deliveries", headers=WRONG)
    assert guesser.get("/api/deliveries", headers=WRONG).status_code == 429
    assert guesser.get("/api/deliveries", headers=WITH_KEY).status_code == 429


def test_wrong_keys_are_slowed_down_and_an_address_with_a_good_one_goes_on(app: Application) -> None:
    caller = client(app)
    assert caller.get("/api/deliveries", headers=WITH_KEY).status_code == 200
    statuses = [caller.get("/api/deliveries", headers=WRONG).status_code for _ in range(BURST + 2)]
    assert statuses == [401] * BURST + [429] * 2
    refused = caller.post("/v1/traces", headers=WRONG)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert caller.get("/api/deliveries", headers=WITH_KEY).status_code == 200
    assert client(app, address="10.0.0.2").get("/api/deliveries", headers=WRONG).status_code == 401


def test_a_missing_key_is_no_attempt(app: Application) -> None:
    caller = client(app)
    assert {caller.get("/api/deliveries").status_code for _ in range(BURST + 5)} == {401}


def test_the_login_page_counts_too(browser: TestClient) -> None:
    statuses = [log_in(browser, f"owx_wrong-{number}").status_code for number in range(BURST + 1)]
    assert statuses == [403] * BURST + [429]
    assert log_in(browser).status_code == 429


def test_whoever_mistypes_a_key_logs_in_with_the_next(browser: TestClient) -> None:
    assert log_in(browser, "owx_wrong-one").status_code == 403
    assert log_in(browser).status_code == 303
    assert browser.get("/deliveries", headers=HTML).status_code == 200
