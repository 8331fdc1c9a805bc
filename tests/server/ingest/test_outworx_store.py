"""The `outworx://` store: what the contract tests of all stores do not say (tests/idempotency)."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.receiver import Receiver, Reply, free_port

from outworx_otel.errors import ConfigurationError, StoreError
from outworx_otel.idempotency import (
    Claimed,
    Completed,
    IdempotencyStore,
    InProgress,
    StoredAnswer,
    open_store,
)

from .serving import Serving

KEY = "right-and-long-enough"
ANSWER = StoredAnswer(200, (), b"done", "f" * 64)


@pytest.fixture
def opened() -> Iterator[Callable[..., Any]]:
    """Opens stores, and closes them after the test."""
    stores: list[IdempotencyStore] = []

    def open_one(url: str) -> IdempotencyStore:
        stores.append(open_store(url, budget=10.0))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture
def keyed(serve: Callable[..., Serving]) -> Serving:
    return serve(api_keys=(KEY,))


@pytest.mark.parametrize("given", ["url", "OUTWORX_HOOKS_API_KEY", "OUTWORX_API_KEY"])
def test_the_key_comes_from_the_url_or_the_environment(
    keyed: Serving, opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    user = ""
    if given == "url":
        user = f"{KEY}@"
        monkeypatch.setenv("OUTWORX_API_KEY", "another-one")
    else:
        monkeypatch.setenv(given, KEY)
    store = opened(f"outworx://{user}127.0.0.1:{keyed.port}")
    store.check()
    assert store.claim("k", "t", 30) == Claimed("t")
    assert KEY not in repr(store)


@pytest.mark.parametrize("path", ["", "/", "/api/ingest", "/api/ingest/"])
def test_without_a_host_it_is_the_server_that_telemetry_goes_to(
    server: Serving, opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("OUTWORX_HOOKS_ENDPOINT", server.url + path)
    assert opened("outworx://").claim("k", "t", 30) == Claimed("t")


@pytest.mark.parametrize("endpoint", [None, "", "hooks.example.com", "ftp://hooks.example.com"])
def test_without_any_host_it_says_what_to_name(monkeypatch: pytest.MonkeyPatch, endpoint: str | None) -> None:
    if endpoint is not None:
        monkeypatch.setenv("OUTWORX_HOOKS_ENDPOINT", endpoint)
    with pytest.raises(ConfigurationError, match="OUTWORX_ENDPOINT"):
        open_store("outworx://")


@pytest.mark.parametrize(
    "url", ["outworx://h?table=x", "outworx://h?tls=maybe", "outworx://a%20b@h", "outworx://%C3%BC@h"]
)
def test_what_cannot_be_used_is_told_when_it_is_opened(url: str) -> None:
    with pytest.raises(ConfigurationError, match="idempotency_store"):
        open_store(url)


def test_a_wrong_key_is_told_in_words(keyed: Serving, opened: Callable[..., Any]) -> None:
    store = opened(f"outworx://wrong-and-secret@127.0.0.1:{keyed.port}")
    for operation in (store.check, lambda: store.claim("k", "t", 30)):
        with pytest.raises(StoreError, match="OUTWORX_API_KEY") as caught:
            operation()
        assert "wrong-and-secret" not in str(caught.value)


def test_a_server_that_is_none_of_ours_is_told_in_words(opened: Callable[..., Any], server: Serving) -> None:
    with pytest.raises(StoreError, match="outworx serve"):
        opened(f"outworx://127.0.0.1:{server.port}/elsewhere").claim("k", "t", 30)


@pytest.mark.parametrize("body", [b"{", b"{}", b'{"status":"\xff"}', b'{"a":' + b"[" * 100_000])
def test_an_answer_that_cannot_be_read_is_told_in_words(body: bytes, opened: Callable[..., Any]) -> None:
    receiver = Receiver(lambda call, index: Reply(200, {}, body)).start()
    try:
        with pytest.raises(StoreError, match="none of `outworx serve`"):
            opened(receiver.endpoint.replace("http:", "outworx:")).claim("k", "t", 30)
    finally:
        receiver.stop()


def test_a_server_that_is_not_there_is_a_store_error(opened: Callable[..., Any]) -> None:
    port = free_port()
    with pytest.raises(StoreError, match="refused"):
        opened(f"outworx://127.0.0.1:{port}").claim("k", "t", 30)


def test_connections_are_kept_and_bounded(server: Serving, opened: Callable[..., Any]) -> None:
    store = opened(f"outworx://127.0.0.1:{server.port}?connections=2")
    threads = [threading.Thread(target=store.claim, args=(f"k{n}", "t", 30)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= store._backend._client.open_connections <= 2


def test_a_server_that_was_restarted_is_found_again(
    serve: Callable[..., Serving], opened: Callable[..., Any]
) -> None:
    first = serve()
    store = opened(f"outworx://127.0.0.1:{first.port}")
    store.claim("k", "t", 30)
    first.stop()
    serve(port=first.port)
    assert isinstance(store.claim("k", "u", 30), InProgress)
    assert store.complete("k", "t", ANSWER, 60)
    assert store.claim("k", "u", 30) == Completed(ANSWER)


def test_it_costs_no_import_before_it_is_asked_for() -> None:
    code = "import sys, outworx_otel.idempotency; print('outworx_otel.idempotency.outworx' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert ran.stdout.strip() == "False"
