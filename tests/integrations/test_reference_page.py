"""The snippets of the page of the SDK that this one re-creates, with its name replaced, each really served.

`charge_customer` and the environment variables that the snippets use are here; the snippets are as on the page.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from support import deliveries
from support.calls import PATH
from support.deliveries import BODY, JSON, SECRET
from support.first_set_up import begin_anew

from outworx_otel.setup import bootstrap

from .asgi_apps import UnderTestClient
from .conftest import Telemetry
from .django_apps import UnderDjangoClient
from .flask_apps import UnderFlaskClient
from .snippets import (
    CUSTOM_VERIFIER,
    IDEMPOTENCY_FASTAPI,
    IDEMPOTENCY_FLASK,
    QUICK_START_FASTAPI,
    QUICK_START_FLASK,
    SILENT_DROP_DJANGO,
    SILENT_DROP_FASTAPI,
    SILENT_DROP_FLASK,
)

charged: list[Any] = []


def charge_customer(event: Any) -> None:
    charged.append(event)


@pytest.fixture(autouse=True)
def _as_on_the_page(monkeypatch: pytest.MonkeyPatch, telemetry: Telemetry) -> None:
    charged.clear()
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("OUTWORX_HOOKS_API_KEY", "your-api-key")
    # `init()` would set up exporters for the whole process; what it does is tested where processes are started.
    monkeypatch.setattr(bootstrap, "provide", lambda *arguments: ())
    begin_anew(
        monkeypatch, tracer_provider=telemetry.tracer_provider, meter_provider=telemetry.meter_provider
    )


def run(snippet: str, **names: Any) -> dict[str, Any]:
    """The names that a snippet leaves behind."""
    space: dict[str, Any] = {
        "__name__": __name__,
        "os": os,
        "json": json,
        "charge_customer": charge_customer,
        **names,
    }
    exec(compile(snippet, "<the reference page>", "exec"), space)  # noqa: S102  # the page's own text
    return space


SETTINGS = {"MIDDLEWARE": ["outworx_otel.integrations.django.OutworxHooksMiddleware"]}


def test_initialising() -> None:
    run("import outworx_otel\noutworx_otel.init(api_key='your-api-key')")
    run(
        """
import outworx_otel

outworx_otel.init(
    api_key="your-api-key",
    endpoint="https://hooks.outworx.io/api/ingest", # default
    debug=True, # log events to console
    timeout=3000, # HTTP timeout in ms
    on_error=lambda err: print(err), # error callback
)
"""
    )


@pytest.mark.parametrize(
    ("snippet", "client"), [(QUICK_START_FASTAPI, UnderTestClient), (QUICK_START_FLASK, UnderFlaskClient)]
)
def test_quick_start(snippet: str, client: Any, telemetry: Telemetry) -> None:
    answer = client(run(snippet)["app"]).post(BODY, JSON)
    assert json.loads(answer.body) == {"status": "ok"}
    assert telemetry.said("provider") == "stripe"


def test_quick_start_on_django(telemetry: Telemetry) -> None:
    from django.http import JsonResponse
    from django.urls import path
    from django.views.decorators.csrf import csrf_exempt

    options = {"provider": "stripe", "event_type_field": "type", "capture_body": True}
    view = csrf_exempt(lambda request: JsonResponse({"got": len(request.body)}))
    app = UnderDjangoClient(
        [path(PATH.lstrip("/"), view)], settings={**SETTINGS, "OUTWORX_HOOKS_OPTIONS": options}
    )
    assert app.post(BODY, JSON).status == 200
    assert telemetry.said("event.type") == "charge.succeeded"
    assert json.loads(telemetry.said("request.body")) == json.loads(BODY)
    assert json.loads(telemetry.said("response.body")) == {"got": len(BODY)}


def silent_drop_django() -> UnderDjangoClient:
    from django.urls import path

    space = run(SILENT_DROP_DJANGO)
    settings = {**SETTINGS, "OUTWORX_HOOKS_OPTIONS": space["OUTWORX_HOOKS_OPTIONS"]}
    return UnderDjangoClient([path(PATH.lstrip("/"), space["stripe_webhook"])], settings=settings)


@pytest.mark.parametrize(
    "app",
    [
        lambda: UnderTestClient(run(SILENT_DROP_FASTAPI)["app"]),
        lambda: UnderFlaskClient(run(SILENT_DROP_FLASK)["app"]),
        silent_drop_django,
    ],
    ids=["fastapi", "flask", "django"],
)
def test_silent_drops_and_signatures(app: Callable[[], Any], telemetry: Telemetry) -> None:
    client = app()
    assert json.loads(client.post(BODY, deliveries.stripe()).body) == {"received": True}
    assert client.post(BODY, deliveries.stripe(secret=deliveries.WRONG)).status == 401
    assert len(charged) == 1
    good, bad = telemetry.deliveries()
    assert good.attributes["outworx.webhook.processing.status"] == "completed"
    assert good.attributes["outworx.webhook.signature.valid"] is True
    assert bad.attributes["outworx.webhook.signature.reason"] == "hmac_mismatch"


def test_an_uninteresting_event_on_the_pages_handler_is_a_silent_drop(telemetry: Telemetry) -> None:
    body = b'{"id": "evt_2", "type": "customer.created"}'
    client = UnderTestClient(run(SILENT_DROP_FASTAPI)["app"])
    assert client.post(body, deliveries.stripe(body)).status == 200
    assert telemetry.said("processing.status") == "silent_drop"


def test_the_structured_form_of_a_standalone_verifier(capsys: pytest.CaptureFixture[str]) -> None:
    class request:
        headers = {"stripe-signature": "nonsense"}

    space = run(
        """
from outworx_otel.security import verify_stripe_signature_detailed

result = verify_stripe_signature_detailed(
    raw_body=raw_body,
    header=request.headers.get("stripe-signature"),
    secret=secret,
)
if not result.valid:
    print(f"signature failed: {result.reason}{result.hint}")
""",
        raw_body=BODY,
        secret=SECRET,
        request=request,
    )
    assert space["result"].reason == "malformed_header"
    assert capsys.readouterr().out.startswith("signature failed: malformed_header")


def test_the_boolean_form_of_a_standalone_verifier() -> None:
    class request:
        headers = deliveries.stripe()

    snippet = """
from outworx_otel.security import verify_stripe_signature

valid = verify_stripe_signature(
    raw_body=raw_body,
    header=request.headers.get("stripe-signature"),
    secret=os.environ["STRIPE_WEBHOOK_SECRET"],
)
"""
    assert run(snippet, raw_body=BODY, request=request)["valid"] is True
    assert run(snippet, raw_body=BODY.decode(), request=request)["valid"] is True
    assert run(snippet, raw_body=BODY + b" ", request=request)["valid"] is False


def test_a_custom_verifier_written_for_text(telemetry: Telemetry) -> None:
    import hashlib
    import hmac

    from fastapi import FastAPI

    from outworx_otel.integrations.fastapi import OutworxHooksMiddleware

    def my_check(raw_body: Any, signature: str | None) -> bool:
        expected = hmac.new(b"key", raw_body.encode(), hashlib.sha256).hexdigest()
        return signature is not None and hmac.compare_digest(expected, signature)

    app = FastAPI()
    app.add_middleware(OutworxHooksMiddleware, options=run(CUSTOM_VERIFIER, my_check=my_check)["options"])
    app.post(PATH)(lambda: "received")
    signature = hmac.new(b"key", BODY, hashlib.sha256).hexdigest()
    client = UnderTestClient(app)
    assert client.post(BODY, {"x-my-signature": signature}).status == 200
    assert client.post(BODY, {"x-my-signature": "no"}).status == 401
    assert client.post(BODY, {}).status == 401


@pytest.mark.parametrize(
    ("snippet", "client"), [(IDEMPOTENCY_FASTAPI, UnderTestClient), (IDEMPOTENCY_FLASK, UnderFlaskClient)]
)
def test_idempotency(snippet: str, client: Any, telemetry: Telemetry) -> None:
    app = client(run(snippet)["app"])
    answers = [app.post(BODY, deliveries.stripe()) for _ in range(3)]
    assert len(charged) == 1
    assert {answer.body for answer in answers} == {answers[0].body}
    assert [answer.headers.get("idempotent-replayed") for answer in answers] == [None, "true", "true"]
    # No key, no deduplication: these bodies are no JSON objects.
    for body in (b"", b"null", b"0"):
        app.post(body, deliveries.stripe(body))
        app.post(body, deliveries.stripe(body))
    assert len(charged) == 7


def test_every_option_of_the_pages_table_has_its_name_and_default() -> None:
    from outworx_otel import TrackOptions

    options = TrackOptions(provider="stripe")
    assert (options.capture_body, options.capture_headers) == (False, True)
    assert options.reject_invalid_signatures is True
    assert options.idempotency_ttl == 86_400
    assert options.require_processing_mark is False
    for name in (
        "event_type_header",
        "event_type_field",
        "metadata",
        "signature_secret",
        "signature_verifier",
        "idempotency_key",
    ):
        assert getattr(options, name) is None
    assert TrackOptions(provider="x", idempotency_ttl=10**9).idempotency_ttl == 604_800
