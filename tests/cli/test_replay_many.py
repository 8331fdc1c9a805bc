"""`outworx replay` of many: what a real application failed at, once it is mended."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from server.dashboard.serving import csrf_of
from server.ingest.serving import Serving
from support.commands import PATIENCE, Outcome, invoked, quiet_environment
from support.deployment import uvicorn
from support.process import Server, wait_until

from outworx_otel.server.replay import choose_events

from .site import REPORTING

SECRET = "whsec_0123456789abcdef"  # noqa: S105
CONFIGURATION = """
[endpoints."/hooks/stripe"]
provider = "stripe"
signature_secret_env = "BANK_SECRET"
idempotency_key = true
capture_body = true

[endpoints."/hooks/github"]
provider = "github"
signature_secret_env = "BANK_SECRET"
idempotency_key = true
capture_body = true

[endpoints."/hooks/slack"]
provider = "slack"
signature_secret_env = "BANK_SECRET"
capture_body = true
"""
EVENTS, ATTEMPTS = 3, 2


class Scene(NamedTuple):
    """A server, and an application at which all has failed: Stripe's events came twice each, the others' once."""

    folder: Path
    serving: Serving
    application: Server

    def replay(self, *arguments: object, **environ: str) -> Outcome:
        """Runs the command, with the secret unless it is given another."""
        return _run(self.folder, "replay", *arguments, OUTWORX_ENDPOINT=self.serving.url, **environ)

    def unhandled(self) -> int:
        """What the overview says."""
        return int(self.serving.client.get("/api/overview").json()["events"]["unhandled"])

    def problem(self, provider: str) -> dict[str, Any]:
        (found,) = self.serving.client.get(f"/api/problems?provider={provider}").json()["problems"]
        return dict(found)


def _run(folder: Path, *arguments: object, **environ: str) -> Outcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in {"BANK_SECRET": SECRET, **environ}.items():
            patch.setenv(name, value)
        return invoked(*arguments)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("bank")
    (folder / "outworx.toml").write_text(CONFIGURATION)
    serving = Serving(folder / "outworx.db")
    environ = {
        "BANK_SECRET": SECRET,
        **REPORTING,
        "OUTWORX_HOOKS_ENDPOINT": serving.url,
    }
    deployment = uvicorn("mendable_fastapi:app")
    application = Server(deployment.command, folder, environ, 1, deployment.ready_line)
    try:
        application.start()
        for *sent, to in (
            ("stripe", "charge.succeeded", "--count", EVENTS, "--duplicate", "/hooks/stripe"),
            ("slack", "message", "/hooks/slack"),
            ("github", "push", "/hooks/github"),
            ("stripe", "charge.succeeded", "--bad-signature", "hmac_mismatch", "/hooks/stripe"),
        ):
            url = f"{application.url}{to}"
            _run(folder, "trigger", *sent, "--to", url)
        everything = EVENTS * ATTEMPTS + 3
        wait_until(lambda: len(serving.deliveries()) == everything, lambda: str(serving.deliveries()))
        yield Scene(folder, serving, application)
    finally:
        application.stop()
        serving.stop()
        print(f"--- log of the application ---\n{application.log()}")


class Target(ThreadingHTTPServer):
    """Somebody else's application: it answers the first, and then holds what comes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[bytes] = []
        self.holds = threading.Event()
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        target = self.server
        assert isinstance(target, Target)
        target.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        if len(target.bodies) > 1:
            target.holds.set()
            target.released.wait(PATIENCE)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def target() -> Iterator[Target]:
    with Target() as standing:
        thread = threading.Thread(target=standing.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield standing
        standing.released.set()
        standing.shutdown()
        thread.join()


def test_what_failed_is_handled_once_the_application_is_mended(scene: Scene) -> None:
    number, before = scene.problem("stripe")["id"], len(scene.serving.deliveries())
    unhandled = scene.unhandled()
    chosen = ("--problem", number, "--unhandled", "--to", scene.application.url)
    assert scene.problem("stripe")["unhandled_events"] == EVENTS

    dry = scene.replay(*chosen, "--dry-run")
    assert dry.code == 0, dry
    assert f"{EVENTS} events: {EVENTS} can be sent; nothing was sent" in dry.out
    assert len(scene.serving.deliveries()) == before

    (scene.folder / "mended").touch()
    done = scene.replay(*chosen, "--json")
    assert done.code == 0, done
    *each, summary = done.json()
    assert [(one["result"], one["status"], one["fresh_signature"]) for one in each] == [
        ("done", 200, True)
    ] * EVENTS
    assert (summary["events"], summary["done"], summary["left"], summary["more"]) == (
        EVENTS,
        EVENTS,
        0,
        False,
    )
    failed = [one for one in reversed(scene.serving.deliveries()) if one["outcome"] == "error"]
    came = [one["event.id"] for one in failed if one["provider"] == "stripe"]
    assert [one["event_id"] for one in each] == list(dict.fromkeys(came))

    wait_until(lambda: scene.unhandled() == unhandled - EVENTS, lambda: str(scene.unhandled()))
    assert scene.problem("stripe")["unhandled_events"] == 0
    again = scene.replay(*chosen)
    assert (again.code, again.lines) == (0, ["No event fits; nothing was sent."])


def test_the_page_does_the_same(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scene.folder)
    monkeypatch.setenv("BANK_SECRET", SECRET)
    (scene.folder / "mended").touch()
    client, unhandled = scene.serving.client, scene.unhandled()
    path = f"/replay?problem={scene.problem('github')['id']}"
    form = {"csrf": csrf_of(client.get(path).text), "to": scene.application.url}
    run = client.post(path, data=form).headers["location"]

    wait_until(lambda: "1 of 1 event, 1 answered 2xx" in client.get(run).text, lambda: client.get(run).text)
    wait_until(lambda: scene.unhandled() == unhandled - 1, lambda: str(scene.unhandled()))
    assert "No event of these deliveries" in client.get(path).text


def test_what_cannot_be_sent_says_why_and_the_rest_is_sent(scene: Scene, target: Target) -> None:
    target.released.set()
    chosen = ("--outcome", "error", "--provider", "stripe", "--provider", "slack", "--since", "1h")
    done = scene.replay(*chosen, "--to", target.url)

    assert done.code == 1
    assert "not sent: sensitive fields of the body were redacted" in done.out
    assert f"{EVENTS + 1} events: {EVENTS} answered 2xx, 1 cannot be sent" in done.out
    assert len(target.bodies) == EVENTS


def test_without_a_secret_nothing_goes_to_an_endpoint_that_verifies(scene: Scene, target: Target) -> None:
    target.released.set()
    choice = ("--outcome", "error", "--provider", "stripe", "--to", target.url)
    done = scene.replay(*choice, BANK_SECRET="")  # none
    assert done.code == 1
    assert done.out.count("BANK_SECRET") == EVENTS
    assert not target.bodies

    assert scene.replay(*choice, "--as-received", BANK_SECRET="").code == 0
    assert len(target.bodies) == EVENTS


def test_what_a_stranger_may_have_sent_is_not_signed_for_him(scene: Scene, target: Target) -> None:
    done = scene.replay("--outcome", "rejected", "--to", target.url)

    assert done.code == 1
    assert "a stranger may have sent it" in done.out
    assert not target.bodies


def test_it_stops_where_nobody_answers(scene: Scene) -> None:
    done = scene.replay("--outcome", "error", "--provider", "stripe", "--to", "http://127.0.0.1:9", "--json")

    assert done.code == 1
    *each, _ = done.json()
    assert [one["result"] for one in each] == ["unanswered"] * 3
    assert "nothing listens" in each[0]["error"]


def test_ctrl_c_says_what_was_done(scene: Scene, target: Target) -> None:
    choice = (
        "--outcome",
        "error",
        "--provider",
        "stripe",
        "--to",
        target.url,
        "--endpoint",
        scene.serving.url,
    )
    running = subprocess.Popen(  # noqa: S603  # our own command
        [sys.executable, "-m", "outworx_otel.cli", "replay", *choice],
        cwd=scene.folder,
        env={**quiet_environment(), "BANK_SECRET": SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert target.holds.wait(PATIENCE)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=PATIENCE)

    assert running.returncode == 130, (out, err)
    assert f"{EVENTS} events: 1 answered 2xx" in out
    assert f"stopped by Ctrl+C; the one that was under way may have arrived: {EVENTS - 1} were left" in err
    assert len(target.bodies) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name a delivery or a file, or choose many"),
        (("0" * 32, "--outcome", "error"), "is one delivery"),
        (("--outcome", "eror"), "outcome: must be one of"),
        (("--outcome", "error", "--curl"), "--curl prints one saved file"),
        (("--outcome", "error", "--secret-env", "BANK_SECRET"), "say whose with --provider"),
    ],
)
def test_what_makes_no_sense_is_said(scene: Scene, arguments: tuple[str, ...], said: str) -> None:
    done = scene.replay(*arguments, "--to", "3000")

    assert done.code == 2, done
    assert said in done.err


def _listed(*attempts: tuple[str, str | None, str]) -> list[dict[str, Any]]:
    return [
        {"id": id, "event.id": event, "http.route": route, "provider": "p", "time": f"{10 - place:02}"}
        for place, (id, event, route) in enumerate(attempts)
    ]


def test_each_event_of_an_endpoint_is_chosen_once_in_the_order_in_which_they_came() -> None:
    listed = _listed(
        ("e", "2", "/a"), ("d", "1", "/a"), ("c", "2", "/b"), ("b", None, "/a"), ("a", "2", "/a")
    )

    events, more = choose_events(listed, 10)
    assert [event.deliveries for event in events] == [("e", "a"), ("b",), ("c",), ("d",)]
    assert not more


def test_of_too_many_the_newest_are_chosen_and_no_more_is_asked_for() -> None:
    asked = iter(_listed(*((str(n), str(n), "/a") for n in range(5))))

    events, more = choose_events(asked, 2)
    assert [event.name for event in events] == ["1", "0"]
    assert more
    assert len(list(asked)) == 2
