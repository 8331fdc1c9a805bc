"""`outworx doctor`: what is wrong with a set-up is found, said once, and no secret is shown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.commands import Outcome, invoked, outworx
from support.databases import PgBouncer, RedisServer
from support.receiver import Receiver, Reply, free_port

from outworx_otel.cli.doctor import doubles
from outworx_otel.cli.doctor import idempotency_store as store_check
from outworx_otel.cli.doctor import telemetry_server as server_check
from outworx_otel.idempotency import Claim, Claimed, InProgress, postgresql_connection

STRIPE = """
[endpoints."/webhooks/stripe"]
provider = "stripe"
signature_secret_env = "STRIPE_SECRET"
idempotency_key = true
"""
SECRET = "whsec_kept_by_the_doctor_0123"  # noqa: S105
KEY = "ohk_the_doctors_own_key"


class ClockServer:
    """Takes every OTLP request, at a time of its own, and says how it is."""

    def __init__(self, ahead: float, health: int = 200) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                self.send_response(health)
                self.send_header("content-length", "0")
                self.end_headers()

            def date_time_string(self, timestamp: float | None = None) -> str:
                import time

                return super().date_time_string(time.time() + ahead)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def clock() -> Iterator[Callable[..., ClockServer]]:
    started: list[ClockServer] = []

    def start(ahead: float, health: int = 200) -> ClockServer:
        started.append(ClockServer(ahead, health))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    listening = Receiver().start()
    yield listening
    listening.stop()


@pytest.fixture
def sound(folder: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which nothing is wrong; a test spoils one thing."""
    (folder / "outworx.toml").write_text(STRIPE)
    for name, value in {
        "STRIPE_SECRET": SECRET,
        "OUTWORX_HOOKS_API_KEY": KEY,
        "OUTWORX_HOOKS_ENDPOINT": receiver.endpoint,
        "OUTWORX_IDEMPOTENCY_STORE": f"sqlite:///{folder}/keys.db",
    }.items():
        monkeypatch.setenv(name, value)
    return folder


def _doctor() -> Outcome:
    done = invoked("doctor", "--json")
    for secret in (SECRET, KEY):
        assert secret not in done.out + done.err
    return done


def _findings(done: Outcome, check: str, status: str) -> list[dict[str, Any]]:
    (report,) = done.json()
    return [one for one in report["findings"] if (one["check"], one["status"]) == (check, status)]


def _said(done: Outcome, check: str, status: str) -> str:
    found = _findings(done, check, status)
    assert found, done.out
    assert all(one["advice"] for one in found if status != "ok")
    return "\n".join(f"{one['text']} -> {one['advice']}" for one in found)


def test_a_sound_set_up_has_no_problem_and_every_check_has_its_line(
    sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever FastAPI is installed: there is a line where it makes spans of its own.
    monkeypatch.setattr(doubles, "version", lambda name: "0.142.0")
    done = _doctor()

    assert done.code == 0, done.out
    (report,) = done.json()
    assert report["problems"] == 0
    assert {one["check"] for one in report["findings"]} == {
        "packages",
        "instrumentors",
        "configurator",
        "exporters",
        "destination",
        "network",
        "configuration",
        "guards",
        "secrets",
        "idempotency",
        "exporter",
        "clock",
        "double instrumentation",
        "trace context",
    }
    assert "outworx_starlette" in _said(done, "instrumentors", "ok")
    assert "signature_secret_env=" in _said(done, "configuration", "ok")
    assert "endpoint http" in _said(done, "destination", "ok")
    assert "OUTWORX_HOOKS_ENDPOINT" in _said(done, "destination", "ok")
    assert "takes this key" in _said(done, "exporter", "ok")


def test_lines_for_people_say_what_to_do(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRIPE_SECRET")
    done = invoked("doctor")

    assert done.code == 1
    problem = next(number for number, line in enumerate(done.lines) if line.startswith("problem"))
    assert "configuration: outworx.toml" in done.lines[problem]
    assert done.lines[problem + 1].strip().startswith("-> until then every delivery to /webhooks/stripe")
    assert done.lines[-1].startswith("1 problem, ")


def test_the_folder_may_be_elsewhere_and_must_be_there(
    sound: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    found = outworx(
        "doctor", "--app-dir", sound, cwd=elsewhere, STRIPE_SECRET=SECRET, OTEL_TRACES_EXPORTER="none"
    )
    nowhere = outworx("doctor", "--app-dir", "nowhere", cwd=elsewhere)

    assert found.code == 0, found.out
    assert "/webhooks/stripe" in found.out
    assert (nowhere.code, "No such file" in nowhere.err) == (2, True)


def test_a_real_redis_is_reachable_and_atomic_and_one_that_is_gone_is_a_problem(
    sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis = RedisServer()
    try:
        monkeypatch.setenv("OUTWORX_IDEMPOTENCY_STORE", redis.start().url)
        up = _doctor()
        redis.stop()
        down = _doctor()
    finally:
        redis.remove()

    assert "of two claims of one key one wins" in _said(up, "idempotency", "ok")
    assert down.code == 1
    assert "OUTWORX_IDEMPOTENCY_STORE" in _said(down, "idempotency", "problem")


def test_a_store_on_disk_is_left_as_it_was(sound: Path) -> None:
    assert "of two claims of one key one wins" in _said(_doctor(), "idempotency", "ok")
    assert "of two claims of one key one wins" in _said(_doctor(), "idempotency", "ok")


def test_keys_in_memory_are_warned_of_where_they_are_used(
    sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OUTWORX_IDEMPOTENCY_STORE")

    assert "two workers do not know of each other's" in _said(_doctor(), "idempotency", "warning")


def test_two_claims_that_both_win_are_a_problem() -> None:
    class Careless:
        def claim(self, key: str, token: str, lease: float) -> Claimed:
            return Claimed(token)

        def release(self, key: str, token: str) -> bool:
            return True

    class CarelessAtTimes(Careless):
        """Of two that come one after the other the second sees the first; of those that come at once none does."""

        def __init__(self) -> None:
            self.held: set[str] = set()
            self.first = ""

        def claim(self, key: str, token: str, lease: float) -> Claim:
            self.first = self.first or key
            if key == self.first and key in self.held:
                return InProgress(lease)
            self.held.add(key)
            return Claimed(token)

        def release(self, key: str, token: str) -> bool:
            self.held.discard(key)
            return True

    for careless in (Careless(), CarelessAtTimes()):
        (found,) = store_check._atomicity(careless)  # type: ignore[arg-type]  # a store that no library would ship
        assert (found.status, "both won" in found.text) == ("problem", True)


def test_a_store_behind_a_pooler_is_tried_often_enough_to_see_what_that_breaks(
    sound: Path, pgbouncer: PgBouncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTWORX_IDEMPOTENCY_STORE", pgbouncer.url)
    assert "of two claims of one key one wins" in _said(_doctor(), "idempotency", "ok")
    monkeypatch.setitem(postgresql_connection.SETTINGS, "prepare_threshold", 5)
    assert "prepared statement" in _said(_doctor(), "idempotency", "problem")


@pytest.mark.parametrize(
    ("provider", "ahead", "status", "words"),
    [
        ("stripe", 0, "ok", "agree"),
        ("stripe", 40, "warning", "behind that of"),
        ("stripe", -40, "warning", "ahead of that of"),
        ("stripe", 400, "problem", "off by 300 s here"),
        ("paddle", 40, "problem", "off by 5 s here"),
    ],
)
def test_the_clock_is_measured_against_the_server_and_the_smallest_window(
    provider: str,
    ahead: float,
    status: str,
    words: str,
    sound: Path,
    clock: Callable[[float], ClockServer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (sound / "outworx.toml").write_text(STRIPE.replace('"stripe"', f'"{provider}"'))
    monkeypatch.setenv("OUTWORX_HOOKS_ENDPOINT", clock(ahead).url)

    assert words in _said(_doctor(), "clock", status)


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        (401, "problem", "does not take this key (401)"),
        (403, "problem", "does not take this key (403)"),
        (404, "warning", "speaks no OTLP (404)"),
        (503, "warning", "answers 503"),
        (400, "warning", "answers 400"),
    ],
)
def test_what_the_server_answers_is_said_clearly(
    code: int, status: str, said: str, sound: Path, receiver: Receiver
) -> None:
    receiver.script = lambda call, index: Reply(code)

    assert said in _said(_doctor(), "exporter", status)


@pytest.mark.parametrize(("health", "status"), [(200, "ok"), (404, "ok"), (503, "problem")])
def test_a_server_that_takes_requests_and_cannot_store_is_a_problem(
    health: int,
    status: str,
    sound: Path,
    clock: Callable[..., ClockServer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OUTWORX_HOOKS_ENDPOINT", clock(0, health).url)

    said = _said(_doctor(), "exporter", status)

    assert ("cannot store what it is sent" in said) is (health == 503)


def test_a_server_that_wants_a_key_where_there_is_none_says_so(
    sound: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.script = lambda call, index: Reply(200 if "authorization" in call.headers else 401)
    monkeypatch.delenv("OUTWORX_HOOKS_API_KEY")

    assert "wants a key (401)" in _said(_doctor(), "exporter", "problem")


def test_another_vendors_headers_never_go_to_our_server(
    sound: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-vendor=credential")
    _doctor()
    monkeypatch.delenv("OUTWORX_HOOKS_API_KEY")
    monkeypatch.delenv("OUTWORX_HOOKS_ENDPOINT")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    _doctor()

    assert [call.headers.get("x-vendor") for call in receiver.calls] == [None, "credential"]
    assert [call.body for call in receiver.calls] == [b"", b""]


@pytest.mark.parametrize("explicit", [True, False])
def test_a_server_that_is_not_there_is_a_problem_only_if_somebody_named_it(
    explicit: bool, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    if explicit:
        monkeypatch.setenv("OUTWORX_HOOKS_ENDPOINT", f"http://127.0.0.1:{port}")
        assert "Connection refused" in _said(_doctor(), "exporter", "problem")
        return
    monkeypatch.delenv("OUTWORX_HOOKS_API_KEY")
    monkeypatch.delenv("OUTWORX_HOOKS_ENDPOINT")
    monkeypatch.setattr("outworx_otel.export.destination.STANDARD_ENDPOINT", f"http://127.0.0.1:{port}")
    assert "start `outworx serve`" in _said(_doctor(), "exporter", "warning")


def test_a_server_that_hangs_costs_a_bounded_time(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(server_check, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("OUTWORX_HOOKS_ENDPOINT", f"http://127.0.0.1:{listener.getsockname()[1]}")
        done = _doctor()

    assert "no answer from" in _said(done, "exporter", "problem")
    assert "within 0.2 s" in _said(done, "exporter", "problem")
