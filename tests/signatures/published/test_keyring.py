"""Keys that were fetched: how long they are kept, how often anybody is asked, and what an answer may be."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from support.key_server import KeyServer, Published

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures import KeyAnswer, KeyRequest, set_key_fetcher
from outworx_otel.signatures.published import fetching, keyring
from outworx_otel.signatures.published.keyring import Keyring
from outworx_otel.signatures.wanted_keys import Ask, KeyFailure, KeyPlace, PublishedKeys, WantedKey

HOST = "keys.example.com"
URL = f"https://{HOST}/keys"
PLACE = KeyPlace("Acme", HOST.replace(".", r"\."), r"/[a-z0-9-]{1,40}", 3600.0)
HEEDING = KeyPlace("Acme", PLACE.hosts, PLACE.paths, 3600.0, heeds_cache_control=True)


class Clock:
    """What the keyring takes for the time."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(keyring, "time", made)
    return made


def _lines(ask: Ask, url: str) -> PublishedKeys:
    """A document that has a key in each line, by its id."""
    return {line: f"key {line}" for line in ask(KeyRequest(url)).body.decode().split()}


def wanted(kid: str | None = None, url: str = URL, place: KeyPlace = PLACE, account: str = "") -> WantedKey:
    return WantedKey(place, url, kid, account, load=lambda ask: _lines(ask, url))


def _hint(found: object) -> str:
    assert isinstance(found, KeyFailure)
    return found.hint


@pytest.mark.parametrize(
    ("place", "cache_control", "seconds"),
    [
        (PLACE, "max-age=10", 3600),
        (HEEDING, "public, max-age=600, must-revalidate", 600),
        (HEEDING, 'max-age="700"', 700),
        (HEEDING, "s-maxage=9999", 3600),
        (HEEDING, "max-age=1", 60),
        (HEEDING, "max-age=99999999", 86_400),
        (HEEDING, "no-store", 3600),
    ],
)
def test_a_key_is_kept_for_as_long_as_its_row_or_its_provider_says(
    key_server: KeyServer, clock: Clock, place: KeyPlace, cache_control: str, seconds: float
) -> None:
    key_server.published[URL] = Published(b"a", headers={"Cache-Control": cache_control})
    ring = Keyring()

    ring.get(wanted(place=place))
    clock.now += seconds - 0.5
    ring.get(wanted(place=place))
    assert len(key_server.asked) == 1
    clock.now += 1
    ring.get(wanted(place=place))
    assert len(key_server.asked) == 2


def test_a_key_that_came_later_is_found_by_one_look(key_server: KeyServer, clock: Clock) -> None:
    key_server.published[URL] = Published(b"old")
    ring = Keyring()
    ring.get(wanted("old"))
    key_server.published[URL] = Published(b"old new")
    clock.now += keyring.REFRESH_EVERY

    assert ring.get(wanted("new")) == {"old": "key old", "new": "key new"}
    assert ring.get(wanted("old")) == ring.get(wanted("new"))
    assert len(key_server.asked) == 2


def test_a_storm_of_ids_that_do_not_exist_costs_the_provider_one_request_a_minute(
    key_server: KeyServer, clock: Clock
) -> None:
    key_server.published[URL] = Published(b"a")
    ring = Keyring()
    for number in range(600):
        found = ring.get(wanted(f"no-{number}"))
        assert found == {"a": "key a"}
        clock.now += 0.09

    assert len(key_server.asked) == 1
    clock.now += 10
    ring.get(wanted("no-more"))
    assert len(key_server.asked) == 2


def test_a_storm_of_addresses_that_do_not_exist_is_held_back_and_known_ones_are_not(
    key_server: KeyServer, clock: Clock
) -> None:
    key_server.published[URL] = Published(b"a")
    ring = Keyring()
    ring.get(wanted())
    found = [ring.get(wanted(url=f"https://{HOST}/no-{number}")) for number in range(50)]

    assert all(isinstance(one, KeyFailure) for one in found)
    # Ten at once, one of which was the good one.
    assert len(key_server.asked) == 10
    assert "too many keys were asked for" in _hint(found[-1])
    clock.now += PLACE.lifetime + 1
    before = len(key_server.asked)
    for number in range(30):
        ring.get(wanted(url=f"https://{HOST}/again-{number}"))
    assert len(key_server.asked) - before == 10
    # One that was good before is renewed all the same.
    assert ring.get(wanted()) == {"a": "key a"}


def test_no_more_than_so_many_documents_are_kept(
    key_server: KeyServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "MAX_KEPT", 4)
    ring = Keyring()
    for number in range(6):
        key_server.published[f"https://{HOST}/d-{number}"] = Published(b"a")
        ring.get(wanted(url=f"https://{HOST}/d-{number}"))

    assert [ring.known(wanted(url=f"https://{HOST}/d-{number}")) is None for number in range(6)] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]


def test_what_one_account_was_given_is_not_anothers(key_server: KeyServer) -> None:
    key_server.published[URL] = Published(b"a")
    ring = Keyring()

    ring.get(wanted(account="one"))

    assert ring.known(wanted(account="one")) is not None
    assert ring.known(wanted(account="another")) is None


def test_a_failure_is_remembered_for_a_moment_and_not_for_long(key_server: KeyServer, clock: Clock) -> None:
    key_server.published[URL] = Published(b"", status=500)
    ring = Keyring()

    assert "it answered 500" in _hint(ring.get(wanted()))
    key_server.published[URL] = Published(b"a")
    assert "it answered 500" in _hint(ring.get(wanted()))
    assert len(key_server.asked) == 1
    clock.now += 11
    assert ring.get(wanted()) == {"a": "key a"}


def test_a_look_for_a_newer_key_that_fails_is_no_word_against_the_delivery(
    key_server: KeyServer, clock: Clock
) -> None:
    key_server.published[URL] = Published(b"old")
    ring = Keyring()
    ring.get(wanted("old"))
    key_server.reachable = False
    clock.now += keyring.REFRESH_EVERY

    assert "cannot be had" in _hint(ring.get(wanted("new")))
    assert ring.get(wanted("old")) == {"old": "key old"}


def test_all_who_wait_for_one_key_wait_for_one_request(key_server: KeyServer) -> None:
    go = threading.Event()
    key_server.published[URL] = Published(b"a", after=go)
    ring = Keyring()
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(ring.get(wanted()))) for _ in range(5)]
    for thread in threads:
        thread.start()
    key_server.came.wait(10)
    go.set()
    for thread in threads:
        thread.join(10)

    assert found == [{"a": "key a"}] * 5
    assert len(key_server.asked) == 1


def _redirected(server: KeyServer) -> None:
    server.published[f"https://{HOST}/elsewhere"] = Published(b"a")
    server.published[URL] = Published(b"", 302, {"Location": f"https://{HOST}/elsewhere"})


def _oversized(server: KeyServer) -> None:
    server.published[URL] = Published(b"a" * (fetching.MOST + 1))


def _empty(server: KeyServer) -> None:
    server.published[URL] = Published(b"")


def _binary(server: KeyServer) -> None:
    server.published[URL] = Published(b"\xff\xfe\xfd")


def _unreachable(server: KeyServer) -> None:
    server.reachable = False


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_redirected, "it redirects (302), and no redirect is followed"),
        (_oversized, "larger than 64 KiB"),
        (_empty, "holds no key that can be used"),
        (_binary, "what came back is no key (UnicodeDecodeError)"),
        (_unreachable, "connection refused"),
    ],
)
def test_what_is_no_key_is_said_with_its_host(
    key_server: KeyServer, spoil: Callable[[KeyServer], None], said: str
) -> None:
    spoil(key_server)

    hint = _hint(Keyring().get(wanted()))

    assert hint.startswith(f"The key of Acme at {HOST} cannot be had: ")
    assert said in hint
    assert len(key_server.asked) <= 1


def test_a_server_whose_certificate_is_anothers_is_not_asked(
    key_server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")

    assert "is not trusted" in _hint(Keyring().get(wanted()))
    assert key_server.asked == []


def test_a_server_that_has_no_certificate_for_the_host_is_not_asked(key_server: KeyServer) -> None:
    place = KeyPlace("Acme", r"other\.example\.com", "/keys", 60)
    hint = _hint(Keyring().get(wanted(url="https://other.example.com/keys", place=place)))

    assert "ostname mismatch" in hint
    assert key_server.asked == []


def test_an_address_that_its_row_does_not_allow_is_never_asked(key_server: KeyServer) -> None:
    hint = _hint(Keyring().get(wanted(url="https://evil.example/keys")))

    assert "is no address of Acme" in hint
    assert key_server.asked == []


def test_a_fetcher_of_ones_own_is_asked_instead(key_server: KeyServer) -> None:
    asked: list[KeyRequest] = []

    def fetch(request: KeyRequest) -> KeyAnswer:
        asked.append(request)
        return KeyAnswer(b"a")

    set_key_fetcher(fetch)

    assert Keyring().get(wanted()) == {"a": "key a"}
    assert [request.url for request in asked] == [URL]
    assert key_server.asked == []


def test_whatever_a_fetcher_of_ones_own_does_there_is_an_answer(key_server: KeyServer) -> None:
    def fails(request: KeyRequest) -> KeyAnswer:
        raise RuntimeError(f"password in {request}")

    set_key_fetcher(fails)
    hint = _hint(Keyring().get(wanted()))
    assert hint.endswith("the key fetcher raised RuntimeError.")

    set_key_fetcher(lambda _: KeyAnswer(b"a" * (fetching.MOST + 1)))
    assert "larger than 64 KiB" in _hint(Keyring().get(wanted()))

    set_key_fetcher(lambda _: None)  # type: ignore[arg-type, return-value]  # the mistake that is tried
    assert "the key fetcher raised TypeError" in _hint(Keyring().get(wanted()))

    with pytest.raises(ConfigurationError, match="must be a function"):
        set_key_fetcher("no function")  # type: ignore[arg-type]  # likewise


def test_a_fetcher_of_ones_own_never_holds_up_for_longer_than_ours(
    key_server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    monkeypatch.setattr(fetching, "SECONDS", 0.05)
    set_key_fetcher(lambda _: KeyAnswer(b"a" if go.wait(10) else b""))
    try:
        assert "no answer within 0.05 s" in _hint(Keyring().get(wanted()))
    finally:
        go.set()


def test_on_an_event_loop_a_fetch_is_begun_and_not_waited_for(key_server: KeyServer) -> None:
    key_server.published[URL] = Published(b"a")
    ring = Keyring()

    async def ask() -> object:
        return ring.get(wanted())

    assert "call it in a thread" in _hint(asyncio.run(ask()))
    assert ring.get(wanted()) == {"a": "key a"}
    assert len(key_server.asked) == 1
