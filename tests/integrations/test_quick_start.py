"""What the pages show runs as it is written: a signed delivery reaches the handler, an unsigned one is 401."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import deliveries
from support.calls import PATH
from support.deliveries import BODY, JSON, SECRET
from support.pages import ROOT, block, page

from integrations.frameworks.apps import UnderAioHTTP
from outworx_otel.cli.trigger.samples import find
from outworx_otel.errors import UnverifiedDelivery
from outworx_otel.setup import bootstrap

from .asgi_apps import UnderTestClient
from .django_apps import UnderDjangoClient
from .flask_apps import UnderFlaskClient

PUSH = json.dumps({"ref": "refs/heads/main"}).encode()


def run(snippet: str, **names: Any) -> dict[str, Any]:
    """The names that a snippet leaves behind."""
    space: dict[str, Any] = {"__name__": __name__, **names}
    exec(compile(snippet, "a page", "exec"), space)  # noqa: S102  # our own page
    return space


@pytest.fixture(autouse=True)
def _as_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STRIPE_WEBHOOK_SECRET", "GITHUB_WEBHOOK_SECRET"):
        monkeypatch.setenv(name, SECRET)
    # `init()` would set up exporters for the whole process; what it does is tested where processes are started.
    monkeypatch.setattr(bootstrap, "provide", lambda *arguments: ())


def django_example() -> Any:
    space = run(block("quick-start/django.md"))
    settings = {name: space[name] for name in ("MIDDLEWARE", "OUTWORX_ROUTES")}
    return UnderDjangoClient(space["urlpatterns"], settings=settings)


def asgi(*where: Any) -> Callable[[], Any]:
    return lambda: UnderTestClient(run(block(*where))["app"])


def flask(*where: Any) -> Callable[[], Any]:
    return lambda: UnderFlaskClient(run(block(*where))["app"])


CHARGED = "charging for evt_1"
DECORATOR = "quick-start/index.md", "## One decorator for all of them"
Example = tuple[Callable[[], Any], str, bytes, Callable[..., dict[str, str]], str]
EXAMPLES: dict[str, Example] = {
    "fastapi": (asgi("quick-start/fastapi.md"), PATH, BODY, deliveries.stripe, CHARGED),
    "starlette": (asgi("quick-start/starlette.md"), PATH, BODY, deliveries.stripe, CHARGED),
    "asgi": (
        asgi("quick-start/starlette.md", "## A bare ASGI application"),
        PATH,
        BODY,
        deliveries.stripe,
        CHARGED,
    ),
    "flask": (flask("quick-start/flask.md"), PATH, BODY, deliveries.stripe, CHARGED),
    "django": (django_example, f"{PATH}/", BODY, deliveries.stripe, CHARGED),
    "aiohttp": (
        lambda: UnderAioHTTP(lambda: run(block("quick-start/aiohttp.md"))["app"]),
        PATH,
        BODY,
        deliveries.stripe,
        CHARGED,
    ),
    "litestar": (asgi("quick-start/litestar.md"), PATH, BODY, deliveries.stripe, CHARGED),
    "decorator": (
        asgi(*DECORATOR),
        "/webhooks/github",
        PUSH,
        deliveries.github,
        "deploying refs/heads/main",
    ),
    "gunicorn": (flask("recipes/gunicorn.md"), PATH, BODY, deliveries.stripe, ""),
    "lambda": (asgi("recipes/lambda.md"), PATH, BODY, deliveries.stripe, CHARGED),
}


@pytest.mark.parametrize("framework", ["FastAPI", "Flask", "Django"])
def test_the_readme_shows_what_the_page_shows(framework: str) -> None:
    assert block("README.md", f"## {framework}") == block(f"quick-start/{framework.lower()}.md")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_what_is_signed_and_refuses_the_rest(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, path, body, signed, done = EXAMPLES[name]
    client = make()

    for headers in ({}, JSON, signed(body, secret=deliveries.WRONG), {**signed(body), "x-other": "1"}):
        forged = body if "x-other" not in headers else body + b" "
        assert client.post(forged, headers, path).status == 401
    assert not done or done not in capsys.readouterr().out
    answer = client.post(body, signed(body), path)

    assert (answer.status, json.loads(answer.body)) == (200, {"received": True})
    assert done in capsys.readouterr().out


@pytest.mark.parametrize("heading", ["## Logfire", "## Sentry"])
def test_what_stands_beside_other_telemetry_starts(heading: str) -> None:
    snippet = block("recipes/sentry-and-logfire.md", heading)
    for theirs, nowhere in (
        ("logfire.configure()", "logfire.configure(send_to_logfire=False, console=False)"),
        ("https://key@o0.ingest.sentry.io/0", "http://key@127.0.0.1:9/0"),
        # Those of whatever else is installed here would be imported.
        ("[OTLPIntegration()]", "[OTLPIntegration()], auto_enabling_integrations=False"),
    ):
        snippet = snippet.replace(theirs, nowhere)
    # It makes providers for the whole process.
    started = subprocess.run(  # noqa: S603  # our own page
        [sys.executable, "-c", snippet], capture_output=True, text=True, check=False, timeout=60
    )

    assert started.returncode == 0, started.stderr
    assert "Traceback" not in started.stderr


def test_an_event_that_does_not_concern_the_example_is_answered_as_well() -> None:
    body = b'{"id": "evt_2", "type": "customer.created"}'

    assert EXAMPLES["fastapi"][0]().post(body, deliveries.stripe(body)).status == 200


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_without_its_secret_is_closed_and_the_log_names_the_variable(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make, path, body, signed, _ = EXAMPLES[name]
    for variable in ("STRIPE_WEBHOOK_SECRET", "GITHUB_WEBHOOK_SECRET"):
        monkeypatch.delenv(variable)

    assert make().post(body, signed(body), path).status == 401
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert any("_WEBHOOK_SECRET" in text for text in said)


def test_the_file_of_the_first_example_guards_an_application_that_knows_nothing_of_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from fastapi import FastAPI

    from outworx_otel import instrument

    Path("outworx.toml").write_text(block("quick-start/zero-code.md", language="toml"))
    app = FastAPI()
    app.post(PATH)(lambda: print("ran"))
    instrument()
    client = UnderTestClient(app)

    assert client.post(BODY, JSON).status == 401
    assert "ran" not in capsys.readouterr().out
    assert [client.post(BODY, deliveries.stripe()).status for _ in range(2)] == [200, 200]
    assert capsys.readouterr().out.count("ran") == 1


def test_tests_call_a_marked_handler_as_the_page_on_the_front_door_says() -> None:
    space = run(block("front-door.md"))

    space["test_a_charge_is_booked"]()
    with pytest.raises(UnverifiedDelivery):
        space["charged"](space["EVENT"])


def test_every_event_that_a_page_triggers_has_a_sample() -> None:
    texts = [page("README.md"), *(one.read_text(encoding="utf-8") for one in (ROOT / "docs").rglob("*.md"))]
    named = {found for text in texts for found in re.findall(r"^outworx trigger (\w+) (\S+) --", text, re.M)}

    assert ("stripe", "charge.succeeded") in named
    assert all(find(provider, event).event == event for provider, event in named)
