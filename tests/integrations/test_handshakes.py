"""What a provider asks before its first delivery, on real frameworks: answered by us, confirmed only with proof."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import pytest
import trio
from django.urls import path as url
from django.views import View
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from support.calls import PATH, Framework, Witness
from support.deliveries import JSON, slack

from outworx_otel import TrackOptions, webhook
from outworx_otel.integrations.starlette import OutworxHooksMiddleware
from outworx_otel.setup.configuration import read_configuration
from outworx_otel.signatures.handshake import Handshake
from outworx_otel.signatures.handshakes import WITHOUT_A_FILE

from .asgi_apps import UnderTestClient
from .conftest import Telemetry
from .django_apps import UnderDjangoClient
from .flask_apps import UnderFlaskClient

TOKEN = "vt-8f3a"  # noqa: S105  # for tests alone
CHALLENGE = "1158201444"
KEY = "a-signing-secret"
ASKED = f"hub.mode=subscribe&hub.challenge={CHALLENGE}&hub.verify_token="
META = TrackOptions("meta", signature_secret=KEY, verify_token=TOKEN)
Monitor = Callable[..., None]


def on_event_loop() -> bool:
    """Whether this thread runs asyncio's loop or trio's."""
    for running in (asyncio.get_running_loop, trio.lowlevel.current_task):
        with contextlib.suppress(RuntimeError):
            return running() is not None
    return False


def everything_of(telemetry: Telemetry) -> str:
    """All that spans and metrics say."""
    return "".join(span.to_json() for span in telemetry.exporter.get_finished_spans()) + repr(
        telemetry.points("deliveries")
    )


def test_a_get_is_answered_before_the_handler_and_is_no_delivery(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: META})
    handler = Witness()
    answer = framework.serve(handler).post(path=f"{PATH}?{ASKED}{TOKEN}", method="GET")
    assert (answer.status, answer.body) == (200, CHALLENGE.encode())
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert handler.calls == []
    assert telemetry.said("outcome") == "handshake"
    assert [point["outworx.webhook.outcome"] for point, _ in telemetry.points("deliveries")] == ["handshake"]
    assert CHALLENGE not in everything_of(telemetry)
    assert TOKEN not in everything_of(telemetry)


def test_a_wrong_token_confirms_nothing_and_leaves_a_trace(
    each: Framework, monitor: Monitor, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    monitor({PATH: META})
    handler = Witness()
    answer = each.serve(handler).post(path=f"{PATH}?{ASKED}guess", method="GET")
    assert answer.status == 403
    assert CHALLENGE.encode() not in answer.body
    assert handler.calls == []
    assert (telemetry.said("outcome"), telemetry.said("signature.reason")) == (
        "rejected",
        "credentials_mismatch",
    )
    said = everything_of(telemetry) + caplog.text
    assert "verify_token" in said
    assert all(word not in said for word in (TOKEN, CHALLENGE, "guess"))


def test_a_get_that_asks_nothing_goes_to_the_handler_unreported(
    each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("meta", verify_token=TOKEN)})
    handler = Witness()
    assert each.serve(handler).post(path=f"{PATH}?page=2", method="GET").body == b'{"received": true}'
    assert telemetry.spans() == []
    assert len(handler.calls) == 1


def test_a_signed_question_is_answered_once_its_signature_holds(
    each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("slack", signature_secret=["another", KEY], idempotency_key="body.event_id")})
    handler = Witness()
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aBm2r"}).encode()
    answer = each.serve(handler).post(body, slack(body, KEY))
    assert (answer.status, answer.body) == (200, b"3eZbrw1aBm2r")
    assert handler.calls == []
    assert (telemetry.said("outcome"), telemetry.said("signature.key_index")) == ("handshake", 1)
    assert telemetry.said("idempotency.outcome") is None
    assert "3eZbrw1aBm2r" not in everything_of(telemetry)


def test_a_signed_question_with_a_wrong_signature_is_any_rejected_delivery(
    each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("slack", signature_secret=KEY)})
    handler = Witness()
    body = b'{"type": "url_verification", "challenge": "3eZbrw1aBm2r"}'
    answer = each.serve(handler).post(body, slack(body, "wrong"))
    assert answer.status == 401
    assert b"3eZ" not in answer.body
    assert handler.calls == []
    assert (telemetry.said("outcome"), telemetry.said("signature.reason")) == ("rejected", "hmac_mismatch")


def test_zooms_answer_is_made_with_the_secret_that_fits(each: Framework, monitor: Monitor) -> None:
    monitor({PATH: TrackOptions("zoom", signature_secret=["new", "old"])})
    body = b'{"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}}'
    moment = str(int(time.time()))
    signature = hmac.new(b"old", f"v0:{moment}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {**JSON, "x-zm-request-timestamp": moment, "x-zm-signature": f"v0={signature}"}
    answer = json.loads(each.serve(Witness()).post(body, headers).body)
    assert answer["encryptedToken"] == hmac.new(b"old", b"qgg8vlvZRS6UYooatFL8Aw", hashlib.sha256).hexdigest()


def test_a_post_with_the_question_in_its_query_needs_no_secret_of_a_delivery(
    each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("microsoft_graph", handshake=True)})
    handler = Witness()
    served = each.serve(handler)
    answer = served.post(path=f"{PATH}?validationToken=Validation%3a+Testing+%3cb%3e")
    assert (answer.status, answer.body) == (200, b"Validation: Testing <b>")
    assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == (
        "text/plain",
        "nosniff",
    )
    assert handler.calls == []
    assert served.post(b"{}", JSON).status == 200
    assert len(handler.calls) == 1
    outcomes = [(span.attributes or {})["outworx.webhook.outcome"] for span in telemetry.deliveries()]
    assert outcomes == ["handshake", "accepted"]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_other_methods_are_answered_too(each: Framework, monitor: Monitor, method: str) -> None:
    provider, headers = {
        "HEAD": ("trello", {}),
        "OPTIONS": ("cloudevents", {"webhook-request-origin": "eventgrid.azure.net"}),
    }[method]
    monitor({PATH: TrackOptions(provider, handshake=True)})
    handler = Witness()
    answer = each.serve(handler).post(headers=headers, method=method)
    assert (answer.status, answer.body) == (200, b"")
    assert handler.calls == []
    assert answer.headers.get("webhook-allowed-origin") == headers.get("webhook-request-origin")


@pytest.mark.parametrize("provider", ["okta", "monday"])
def test_a_challenge_is_recorded_nowhere(
    each: Framework,
    monitor: Monitor,
    telemetry: Telemetry,
    provider: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monitor({PATH: TrackOptions(provider, handshake=True, capture_body=True, capture_headers=True)})
    served = each.serve(Witness())
    if provider == "okta":
        answer = served.post(headers={"x-okta-verification-challenge": CHALLENGE}, method="GET")
    else:
        answer = served.post(json.dumps({"challenge": CHALLENGE}).encode(), JSON)
    assert CHALLENGE.encode() in answer.body
    assert telemetry.said("outcome") == "handshake"
    assert CHALLENGE not in everything_of(telemetry) + caplog.text


@pytest.mark.parametrize("away", [False, True], ids=["there", "away"])
def test_what_has_to_be_done_before_the_answer_is_done_off_the_event_loop(
    framework: Framework,
    monitor: Monitor,
    telemetry: Telemetry,
    monkeypatch: pytest.MonkeyPatch,
    away: bool,
) -> None:
    seen: list[Any] = []

    def visit(document: Any) -> None:
        seen.append((document["SubscribeURL"], on_event_loop()))
        if away:
            raise ConnectionError("away")

    row = Handshake(when={"body.Type": "SubscriptionConfirmation"}, asked=True, before=visit)
    monkeypatch.setitem(WITHOUT_A_FILE, "acme", (row,))
    monitor({PATH: TrackOptions("acme", handshake=True)})
    handler = Witness()
    answer = framework.serve(handler).post(b'{"Type": "SubscriptionConfirmation", "SubscribeURL": "u"}', JSON)
    assert answer.status == (503 if away else 200)
    assert seen == [("u", False)]
    assert handler.calls == []
    assert telemetry.said("outcome") == ("rejected" if away else "handshake")


HANDED_OVER = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"


@pytest.mark.parametrize("provider", ["asana", "notion"])
def test_a_secret_that_is_handed_over_is_shown_once_and_kept_nowhere(
    each: Framework,
    monitor: Monitor,
    telemetry: Telemetry,
    provider: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monitor({PATH: TrackOptions(provider, handshake=True, capture_body=True, capture_headers=True)})
    handler = Witness()
    headers, body = ({**JSON, "x-hook-secret": HANDED_OVER}, b"{}")
    if provider == "notion":
        headers, body = JSON, json.dumps({"verification_token": HANDED_OVER}).encode()
    served = each.serve(handler)
    for _ in range(2):
        answer = served.post(body, headers)
        assert answer.status == 200
    assert answer.headers.get("x-hook-secret") == (HANDED_OVER if provider == "asana" else None)
    assert handler.calls == []
    shown = capfd.readouterr()
    assert shown.err.count(HANDED_OVER) == 1
    assert HANDED_OVER not in shown.out + caplog.text + everything_of(telemetry)


def test_strangers_cannot_hand_over_without_end(
    each: Framework, monitor: Monitor, capfd: pytest.CaptureFixture[str]
) -> None:
    # Its secret is what the handshake is to bring: until then the endpoint is closed, and shakes hands.
    options = TrackOptions("asana", handshake=True, signature_secret_env="ASANA_SECRET")  # noqa: S106
    monitor({PATH: options})
    served = each.serve(Witness())
    assert served.post(b'{"events": []}', JSON).status == 401
    statuses = [served.post(b"{}", {"x-hook-secret": f"stranger-{n:03}"}).status for n in range(12)]
    assert statuses == [200] * 10 + [503] * 2
    assert "stranger-011" not in capfd.readouterr().err


def test_nothing_is_handed_over_where_nobody_asked(
    each: Framework, monitor: Monitor, telemetry: Telemetry, capfd: pytest.CaptureFixture[str]
) -> None:
    monitor({PATH: TrackOptions("notion", signature_secret=KEY)})
    body = json.dumps({"verification_token": HANDED_OVER}).encode()
    assert each.serve(Witness()).post(body, JSON).status == 401
    assert HANDED_OVER not in capfd.readouterr().err + everything_of(telemetry)


def test_xero_gets_200_and_401_without_a_body(each: Framework, monitor: Monitor) -> None:
    monitor({PATH: TrackOptions("xero", signature_secret=KEY)})
    handler = Witness()
    body = b'{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"S0m3r4Nd0mt3xt"}'
    right = base64.b64encode(hmac.digest(KEY.encode(), body, "sha256")).decode()
    served = each.serve(handler)
    answers = [served.post(body, {**JSON, "x-xero-signature": given}) for given in (right, "wrong")]
    assert [(answer.status, answer.body) for answer in answers] == [(200, b""), (401, b"")]
    assert handler.calls == []


@pytest.mark.parametrize(
    ("provider", "missing"), [("meta", "verify_token_env"), ("asana", "handshake = true")]
)
def test_what_is_asked_in_vain_names_the_option_that_is_missing(
    each: Framework, monitor: Monitor, caplog: pytest.LogCaptureFixture, provider: str, missing: str
) -> None:
    monitor({PATH: TrackOptions(provider, signature_secret=KEY)})
    served = each.serve(Witness())
    for _ in range(2):
        if provider == "meta":
            assert served.post(path=f"{PATH}?{ASKED}guess", method="GET").body == b'{"received": true}'
        else:
            assert served.post(b"{}", {**JSON, "x-hook-secret": HANDED_OVER}).status == 401
    said = [record.getMessage() for record in caplog.records if "asks for a handshake" in record.getMessage()]
    assert len(said) == 1
    assert missing in said[0]
    assert all(word not in caplog.text for word in ("guess", CHALLENGE, HANDED_OVER))


def test_an_ordinary_request_asks_nothing(
    each: Framework, monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    monitor({PATH: TrackOptions("meta", signature_secret=KEY)})
    served = each.serve(Witness())
    served.post(path=f"{PATH}?page=2", method="GET")
    served.post(b'{"object": "page"}', JSON)
    assert "handshake" not in caplog.text


# -- where only the handler says that it is an endpoint ----------------------------------------------------------


def _starlette(ran: list[str]) -> Any:
    @webhook(META)
    async def hook(request: Request) -> PlainTextResponse:
        ran.append("hook")
        return PlainTextResponse("")

    return UnderTestClient(Starlette(routes=[Route(PATH, hook, methods=["POST"])]))


def _fastapi(ran: list[str]) -> Any:
    app = FastAPI()

    @app.post(PATH)
    @webhook(META)
    def hook() -> None:
        ran.append("hook")

    return UnderTestClient(app)


def _flask(ran: list[str]) -> Any:
    app = flask.Flask("shop")

    @app.post(PATH)
    @webhook(META)
    def hook() -> str:
        ran.append("hook")
        return ""

    return UnderFlaskClient(app)


def _django(ran: list[str]) -> Any:
    @webhook(META)
    class Hook(View):
        def post(self, request: Any) -> None:
            ran.append("hook")

    return UnderDjangoClient([url(PATH.lstrip("/"), Hook.as_view())])


@pytest.mark.parametrize("serve", [_starlette, _fastapi, _flask, _django])
def test_a_marked_handler_that_takes_posts_alone_still_shakes_hands(
    monitor: Monitor, telemetry: Telemetry, serve: Callable[[list[str]], Any]
) -> None:
    monitor()
    ran: list[str] = []
    served = serve(ran)
    answer = served.post(path=f"{PATH}?{ASKED}{TOKEN}", method="GET")
    assert (answer.status, answer.body) == (200, CHALLENGE.encode())
    assert telemetry.said("outcome") == "handshake"
    assert served.post(path=f"{PATH}?{ASKED}no", method="GET").status == 403
    assert served.post(path=PATH, method="GET").status == 405
    assert len(telemetry.deliveries()) == 2
    assert ran == []


def test_an_adapter_without_paths_takes_no_get_for_a_handshake(telemetry: Telemetry) -> None:
    async def search(request: Request) -> PlainTextResponse:
        return PlainTextResponse("found")

    app = Starlette(routes=[Route("/search", search)])
    app.add_middleware(OutworxHooksMiddleware, options=TrackOptions("dropbox", signature_secret=KEY))
    assert UnderTestClient(app).post(path="/search?challenge=x", method="GET").body == b"found"


def test_an_adapter_with_paths_answers() -> None:
    async def hook(request: Request) -> PlainTextResponse:
        return PlainTextResponse("")

    app = Starlette(routes=[Route(PATH, hook, methods=["POST"])])
    options = TrackOptions("dropbox", signature_secret=KEY, paths=[PATH])
    app.add_middleware(OutworxHooksMiddleware, options=options)
    assert UnderTestClient(app).post(path=f"{PATH}?challenge=abc", method="GET").body == b"abc"


# -- what is configured -----------------------------------------------------------------------------------------


def test_an_unset_variable_closes_the_handshake_and_is_named(
    each: Framework, monitor: Monitor, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    options = TrackOptions("meta", signature_secret=KEY, verify_token_env="META_VERIFY_TOKEN")  # noqa: S106
    monitor({PATH: options})
    assert caplog.text.count("META_VERIFY_TOKEN") == 1
    answer = each.serve(Witness()).post(path=f"{PATH}?{ASKED}", method="GET")
    assert answer.status == 403
    assert telemetry.said("signature.reason") == "missing_secret"


@pytest.mark.parametrize("where", ["code", "file"])
def test_an_unset_variable_ends_a_strict_process(
    monitor: Monitor, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setenv("OUTWORX_STRICT", "true")
    options = TrackOptions("meta", signature_secret=KEY, verify_token_env="META_VERIFY_TOKEN")  # noqa: S106
    if where == "file":
        Path("outworx.toml").write_text(
            f'[endpoints."{PATH}"]\nprovider = "meta"\nverify_token_env = "META_VERIFY_TOKEN"\n'
        )
    with pytest.raises(SystemExit) as ended:
        monitor({PATH: options} if where == "code" else None)
    assert ended.value.code == 78


def test_a_file_and_the_environment_say_the_same(
    each: Framework, monitor: Monitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("outworx.toml").write_text(
        '[endpoints."/hooks/file"]\nprovider = "meta"\nverify_token_env = "META_TOKEN"\n'
        '[endpoints."/hooks/dropbox"]\nprovider = "dropbox"\nhandshake = true\n'
    )
    monkeypatch.setenv("META_TOKEN", TOKEN)
    monkeypatch.setenv("OUTWORX_ROUTES", "/hooks/env=meta")
    monkeypatch.setenv("OUTWORX_SECRET_META", KEY)
    monkeypatch.setenv("OUTWORX_VERIFY_TOKEN_META", TOKEN)
    monitor()
    served = each.serve(Witness())
    for path in ("/hooks/file", "/hooks/env"):
        assert served.post(path=f"{path}?{ASKED}{TOKEN}", method="GET").body == CHALLENGE.encode()
        assert served.post(path=f"{path}?{ASKED}no", method="GET").status == 403
    assert served.post(path="/hooks/dropbox?challenge=abc", method="GET").body == b"abc"


def test_a_token_in_the_file_is_warned_of_and_an_unset_one_is_a_problem() -> None:
    Path("outworx.toml").write_text(
        '[endpoints."/a"]\nprovider = "meta"\nverify_token = "in-the-file"\n'
        '[endpoints."/b"]\nprovider = "meta"\nverify_token_env = "UNSET"\n'
    )
    found = read_configuration({}, Path.cwd())
    assert any("verify token of /a" in warning for warning in found.warnings)
    assert any("UNSET" in problem for problem in found.problems)
    assert "in-the-file" not in repr(found)
