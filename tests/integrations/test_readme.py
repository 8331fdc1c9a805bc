"""README's examples run as they are written: a signed delivery reaches the handler, an unsigned one is 401."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from frameworks.apps import UnderAioHTTP
from readme import README, block

from outworx_otel.cli.trigger.samples import find
from outworx_otel.errors import UnverifiedDelivery
from outworx_otel.setup import bootstrap
from outworx_otel.setup.options import TrackOptions

from . import deliveries
from .asgi_apps import UnderTestClient
from .calls import PATH
from .deliveries import BODY, JSON, SECRET
from .django_apps import UnderDjangoClient
from .flask_apps import UnderFlaskClient

FRONT_DOOR = (Path(__file__).parents[2] / "docs" / "front-door.md").read_text(encoding="utf-8")
FRONT_DOOR_TEST = re.findall(r"^```python\n(.*?)^```", FRONT_DOOR, re.MULTILINE | re.DOTALL)[0]
PUSH = json.dumps({"ref": "refs/heads/main"}).encode()


def run(snippet: str, **names: Any) -> dict[str, Any]:
    """The names that a snippet leaves behind."""
    space: dict[str, Any] = {"__name__": __name__, **names}
    exec(compile(snippet, "README.md", "exec"), space)  # noqa: S102  # the README's own text
    return space


@pytest.fixture(autouse=True)
def _as_in_the_readme(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STRIPE_WEBHOOK_SECRET", "GITHUB_WEBHOOK_SECRET"):
        monkeypatch.setenv(name, SECRET)
    # `init()` would set up exporters for the whole process; what it does is tested where processes are started.
    monkeypatch.setattr(bootstrap, "provide", lambda *arguments: ())


def django_example() -> Any:
    space = run(block("### Django"))
    settings = {name: space[name] for name in ("MIDDLEWARE", "OUTWORX_ROUTES")}
    return UnderDjangoClient(space["urlpatterns"], settings=settings)


EXAMPLES: dict[str, tuple[Callable[[], Any], str, bytes, Callable[..., dict[str, str]], str]] = {
    "fastapi": (
        lambda: UnderTestClient(run(block("### FastAPI"))["app"]),
        PATH,
        BODY,
        deliveries.stripe,
        "charging for evt_1",
    ),
    "flask": (
        lambda: UnderFlaskClient(run(block("### Flask"))["app"]),
        PATH,
        BODY,
        deliveries.stripe,
        "charging for evt_1",
    ),
    "django": (django_example, f"{PATH}/", BODY, deliveries.stripe, "charging for evt_1"),
    "aiohttp": (
        lambda: UnderAioHTTP(lambda: run(block("### aiohttp and Litestar"))["app"]),
        PATH,
        BODY,
        deliveries.stripe,
        "charging for evt_1",
    ),
    "decorator": (
        lambda: UnderTestClient(run(block("### One decorator for all of them"))["app"]),
        "/webhooks/github",
        PUSH,
        deliveries.github,
        "deploying refs/heads/main",
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_what_is_signed_and_refuses_the_rest(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, path, body, signed, done = EXAMPLES[name]
    client = make()

    for headers in ({}, JSON, signed(body, secret=deliveries.WRONG), {**signed(body), "x-other": "1"}):
        forged = body if "x-other" not in headers else body + b" "
        assert client.post(forged, headers, path).status == 401
    assert done not in capsys.readouterr().out
    answer = client.post(body, signed(body), path)

    assert (answer.status, json.loads(answer.body)) == (200, {"received": True})
    assert done in capsys.readouterr().out


def test_an_event_that_does_not_concern_the_example_is_answered_as_well() -> None:
    body = b'{"id": "evt_2", "type": "customer.created"}'

    assert UnderTestClient(run(block("### FastAPI"))["app"]).post(body, deliveries.stripe(body)).status == 200


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

    Path("outworx.toml").write_text(block("### With no code changed", "toml"))
    app = FastAPI()
    app.post(PATH)(lambda: print("ran"))
    instrument()
    client = UnderTestClient(app)

    assert client.post(BODY, JSON).status == 401
    assert "ran" not in capsys.readouterr().out
    assert [client.post(BODY, deliveries.stripe()).status for _ in range(2)] == [200, 200]
    assert capsys.readouterr().out.count("ran") == 1


def test_tests_call_a_marked_handler_as_the_page_on_the_front_door_says() -> None:
    space = run(FRONT_DOOR_TEST)

    space["test_a_charge_is_booked"]()
    with pytest.raises(UnverifiedDelivery):
        space["charged"](space["EVENT"])


def test_every_event_that_is_triggered_there_has_a_sample() -> None:
    named = re.findall(r"outworx trigger (\w+) ([\w.]+)", README)

    assert named
    assert all(find(provider, event).event == event for provider, event in named)


def test_every_option_is_in_its_table() -> None:
    from dataclasses import fields

    table = README.partition("Options of an endpoint")[2].partition("A decorator goes before")[0]

    assert [option.name for option in fields(TrackOptions) if f"`{option.name}`" not in table] == []
