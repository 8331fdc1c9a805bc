"""What commands and the application's own clients say of a key that is for another purpose, at a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from server.ingest.serving import Serving
from support.commands import Outcome, invoked, outworx

from outworx_otel.errors import StoreError
from outworx_otel.export import Destination
from outworx_otel.export.http_client import HttpClient
from outworx_otel.export.send_result import Verdict
from outworx_otel.idempotency import open_store

INGEST, FORWARD, READ = "a-key-to-send-with", "a-key-to-tunnel-with", "a-key-to-read-with"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("purposes")
    keys = (f"ingest:{INGEST}", f"forward:{FORWARD}", f"read:{READ}", "a-key-for-everything")
    serving = Serving(folder / "outworx.db", api_keys=keys)
    yield serving
    serving.stop()


@pytest.fixture
def doctor(folder: Path, server: Serving, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Outcome]:
    monkeypatch.setenv("OUTWORX_ENDPOINT", server.url)

    def asked(key: str) -> Outcome:
        monkeypatch.setenv("OUTWORX_API_KEY", key)
        return invoked("doctor")

    return asked


def test_the_doctor_says_which_commands_would_be_refused(doctor: Callable[[str], Outcome]) -> None:
    done = doctor(INGEST)
    assert "takes this key" in done.out
    assert "the key in OUTWORX_API_KEY may only send telemetry" in done.out
    assert "would refuse outworx forward and outworx replay and outworx purge" in done.out


def test_the_doctor_has_nothing_to_say_of_a_key_for_everything(doctor: Callable[[str], Outcome]) -> None:
    done = doctor("a-key-for-everything")
    assert "takes this key" in done.out
    assert "would refuse" not in done.out


def test_a_key_that_may_send_nothing_is_a_problem(doctor: Callable[[str], Outcome]) -> None:
    done = doctor(READ)
    assert done.code == 1
    assert "takes this key only to read, so no delivery gets there" in done.out
    assert "--api-key ingest:KEY" in done.out


def test_replay_hands_on_what_the_server_says(folder: Path, server: Serving) -> None:
    done = outworx(
        *("replay", "0" * 32, "--to", "3000", "--endpoint", server.url, "--api-key", INGEST), cwd=folder
    )
    assert done.code == 1
    assert "may only send telemetry, and this call needs one that may read" in done.err


def test_forward_hands_on_what_the_server_says(folder: Path, server: Serving) -> None:
    done = outworx("forward", "3000", "--endpoint", server.url, "--api-key", INGEST, cwd=folder)
    assert done.code == 1
    assert "this call needs one that may open tunnels" in done.err


def test_the_exporter_says_why_its_key_is_rejected(server: Serving) -> None:
    client = HttpClient(Destination(endpoint=server.url, api_key=FORWARD))
    result = client.post(f"{server.url}/v1/traces", b"", "application/x-protobuf", timeout=10)
    client.close()
    assert result.verdict is Verdict.KEY_REJECTED
    assert "may only open tunnels" in result.detail
    assert FORWARD not in result.detail


def test_the_store_of_keys_says_so_too(server: Serving) -> None:
    store = open_store(f"outworx://{READ}@127.0.0.1:{server.port}", budget=10.0)
    with pytest.raises(StoreError, match="may only read, and this call needs one that may send telemetry"):
        store.check()
    store.close()
