"""Verification of deliveries, the same on every framework."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.trace import StatusCode
from support import deliveries
from support.calls import PATH, Framework, Witness
from support.deliveries import BODY, SECRET

from outworx_otel import TrackOptions, VerifierError, sign

from .conftest import Telemetry

Monitor = Callable[..., None]
STRIPE = TrackOptions("stripe", signature_secret=SECRET)


def rejection(framework: Framework) -> bytes:
    text = "Invalid webhook signature"
    return (
        json.dumps({"error": text}, separators=(",", ":")).encode()
        if framework.json_answers
        else text.encode()
    )


def test_a_genuine_delivery_reaches_the_handler_with_its_bytes_untouched(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    handler = Witness()
    monitor({PATH: STRIPE})
    answer = framework.serve(handler).post(BODY, deliveries.stripe())
    assert (answer.status, answer.body) == (200, b'{"received": true}')
    assert handler.bodies == [BODY]
    span = telemetry.delivery()
    assert span.name == "webhook stripe"
    assert span.status.status_code is StatusCode.UNSET
    assert telemetry.said("signature.valid") is True
    assert telemetry.said("signature.key_index") == 0
    assert telemetry.said("signature.reason") is None
    assert 0 <= telemetry.said("signature.age") < 10
    assert telemetry.said("event.type") == "charge.succeeded"
    assert telemetry.said("event.id") == "evt_1"


@pytest.mark.parametrize("signed", ["github", "shopify", "svix", "clerk", "slack"])
def test_every_provider_of_the_reference_page_is_verified(
    signed: str, each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    handler = Witness()
    headers = deliveries.svix() if signed == "clerk" else getattr(deliveries, signed)()
    monitor({PATH: TrackOptions(signed, signature_secret=SECRET)})
    app = each.serve(handler)
    assert app.post(BODY, headers).status == 200
    assert app.post(BODY + b" ", headers).status == 401
    good, bad = telemetry.deliveries()
    assert good.attributes["outworx.webhook.signature.valid"] is True
    assert bad.attributes["outworx.webhook.signature.valid"] is False
    assert handler.bodies == [BODY]


def test_a_signed_url_is_taken_to_the_letter(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    query = "city=S%C3%A3o%2FPaulo&note=a+b%20c&none"
    address = f"https://shop.example{PATH}?{query}"
    headers = sign("twilio", b"Body=hi", SECRET, url=address, headers=deliveries.FORM)
    monitor({PATH: TrackOptions("twilio", signature_secret=SECRET, public_url="https://shop.example")})
    answer = framework.serve(Witness()).post(b"Body=hi", {**deliveries.FORM, **headers}, f"{PATH}?{query}")
    assert (answer.status, telemetry.said("signature.valid")) == (200, True)


CASES: dict[str, Callable[[], tuple[bytes, dict[str, str]]]] = {
    "missing_header": lambda: (BODY, dict(deliveries.JSON)),
    "malformed_header": lambda: (BODY, {**deliveries.JSON, "stripe-signature": "t=soon,v1=zz"}),
    "timestamp_drift": lambda: (BODY, deliveries.stripe(at=time.time() - 301)),
    "hmac_mismatch": lambda: (BODY, deliveries.stripe(secret=deliveries.WRONG)),
    "parsed_body": lambda: (json.dumps(json.loads(BODY)).encode(), deliveries.stripe(BODY)),
}


@pytest.mark.parametrize("reason", CASES)
def test_a_delivery_that_is_not_genuine_is_turned_away_and_its_reason_recorded(
    reason: str, framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    handler = Witness()
    monitor({PATH: STRIPE})
    body, headers = CASES[reason]()
    if reason == "parsed_body":
        # The provider signed what it sent compactly; a middleware on the way wrote it out anew.
        headers = deliveries.stripe(json.dumps(json.loads(body), separators=(",", ":")).encode())
    answer = framework.serve(handler).post(body, headers)
    assert (answer.status, answer.body) == (401, rejection(framework))
    assert handler.calls == []
    assert telemetry.said("signature.valid") is False
    assert telemetry.said("signature.reason") == reason
    assert telemetry.said("signature.hint")
    span = telemetry.delivery()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["http.response.status_code"] == 401
    assert span.attributes["error.type"] == reason
    assert telemetry.said("processing.status") is None
    (point,) = telemetry.points("deliveries")
    assert point[0]["outworx.webhook.outcome"] == "rejected"
    assert point[0]["outworx.webhook.signature.reason"] == reason
    assert "outworx.webhook.event.type" not in point[0]


@pytest.mark.parametrize("reason", ["hmac_mismatch", "missing_header"])
def test_without_rejection_a_bad_delivery_is_reported_and_handled(
    reason: str, framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    handler = Witness()
    monitor({PATH: TrackOptions("stripe", signature_secret=SECRET, reject_invalid_signatures=False)})
    body, headers = CASES[reason]()
    assert framework.serve(handler).post(body, headers).status == 200
    assert handler.bodies == [body]
    assert telemetry.said("signature.reason") == reason
    assert telemetry.delivery().status.status_code is StatusCode.UNSET


def test_a_provider_without_a_row_is_unsupported(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    handler = Witness()
    monitor({PATH: TrackOptions("the-shop-next-door", signature_secret=SECRET)})
    assert framework.serve(handler).post(BODY, deliveries.JSON).status == 401
    assert telemetry.said("signature.reason") == "unsupported_provider"
    assert handler.calls == []


def test_any_secret_of_a_rotation_is_good_and_its_index_recorded(
    each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("stripe", signature_secret=["whsec_new", SECRET])})
    assert each.serve(Witness()).post(BODY, deliveries.stripe()).status == 200
    assert telemetry.said("signature.key_index") == 1
    assert telemetry.said("signature.key_count") == 2


@pytest.mark.parametrize("given", ["at once", "by a function"])
def test_a_token_authenticates_the_sender_and_is_seen_nowhere(
    given: str, each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    header = "Odd"
    secret = f"{header}: an-endpoints-token"
    monitor(
        {PATH: TrackOptions("token", signature_secret=secret if given == "at once" else lambda req: secret)}
    )
    app = each.serve(Witness())

    assert app.post(BODY, {**deliveries.JSON, header: "an-endpoints-token"}).status == 200
    assert app.post(BODY, {**deliveries.JSON, header: "another-token"}).status == 401

    good, bad = telemetry.deliveries()
    assert good.attributes["outworx.webhook.signature.kind"] == "authenticated"
    assert bad.attributes["outworx.webhook.signature.reason"] == "credentials_mismatch"
    assert "outworx.webhook.signature.kind" not in bad.attributes
    assert "s-token" not in repr([dict(span.attributes) for span in (good, bad)])
    assert "another-token" not in repr(dict(bad.attributes))
    counted = telemetry.points("deliveries")
    kinds = [labels.get("outworx.webhook.signature.kind") for labels, _ in counted]
    assert sorted(map(str, kinds)) == ["None", "authenticated"]


@pytest.mark.parametrize(("tolerance", "status"), [(None, 401), (3600, 200), (float("inf"), 200), (10, 401)])
def test_the_tolerance_is_the_option_or_the_providers_own(
    tolerance: float | None, status: int, each: Framework, monitor: Monitor
) -> None:
    monitor({PATH: TrackOptions("stripe", signature_secret=SECRET, signature_tolerance=tolerance)})
    headers = deliveries.stripe(at=time.time() - 400)
    assert each.serve(Witness()).post(BODY, headers).status == status


def checks_text(raw_body: Any, headers: Any) -> bool:
    return str(raw_body).startswith("{") and raw_body == BODY and headers.get("X-My-Signature") == "right"


async def checks_text_later(raw_body: Any, headers: Any) -> bool:
    return checks_text(raw_body, headers)


@pytest.mark.parametrize("verifier", [checks_text, checks_text_later])
@pytest.mark.parametrize(("sent", "status"), [("right", 200), ("wrong", 401)])
def test_a_custom_verifier_sync_or_async_decides(
    sent: str, status: int, verifier: Any, framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    handler = Witness()
    monitor({PATH: TrackOptions("my-service", signature_verifier=verifier)})
    answer = framework.serve(handler).post(BODY, {**deliveries.JSON, "x-my-signature": sent})
    assert answer.status == status
    assert handler.bodies == ([BODY] if status == 200 else [])
    assert telemetry.said("signature.valid") is (status == 200)
    assert telemetry.said("signature.reason") == (None if status == 200 else "hmac_mismatch")


def raises(raw_body: Any, headers: Any) -> bool:
    raise KeyError("X-My-Signature")


async def raises_later(raw_body: Any, headers: Any) -> bool:
    raise KeyError("X-My-Signature")


@pytest.mark.parametrize("verifier", [raises, raises_later])
@pytest.mark.parametrize("rejects", [True, False])
def test_a_verifier_that_raises_lets_nothing_in_and_breaks_nothing(
    verifier: Any,
    rejects: bool,
    framework: Framework,
    monitor: Monitor,
    telemetry: Telemetry,
    errors: list[Exception],
) -> None:
    handler = Witness()
    options = TrackOptions("mine", signature_verifier=verifier, reject_invalid_signatures=rejects)
    monitor({PATH: options})
    assert framework.serve(handler).post(BODY, deliveries.JSON).status == (401 if rejects else 200)
    assert handler.bodies == ([] if rejects else [BODY])
    assert telemetry.said("signature.reason") == "verifier_threw"
    (error,) = errors
    assert isinstance(error, VerifierError)
    assert isinstance(error.__cause__, KeyError)


def gateway_says(request: Any) -> bool:
    return request.headers["X-Checked"] == "yes"


async def gateway_says_later(request: Any) -> bool:
    return gateway_says(request)


@pytest.mark.parametrize("verdict", [gateway_says, gateway_says_later])
@pytest.mark.parametrize(("checked", "status"), [("yes", 200), ("no", 401)])
def test_the_verdict_may_be_a_function_of_the_request(
    checked: str, status: int, verdict: Any, framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    handler = Witness()
    monitor({PATH: TrackOptions("mine", signature_valid=verdict)})
    answer = framework.serve(handler).post(BODY, {**deliveries.JSON, "x-checked": checked})
    assert answer.status == status
    assert telemetry.said("signature.valid") is (status == 200)
    assert handler.bodies == ([BODY] if status == 200 else [])


@pytest.mark.parametrize(("verdict", "status"), [(True, 200), (False, 401)])
def test_the_verdict_may_be_given(
    verdict: bool, status: int, each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("mine", signature_valid=verdict)})
    assert each.serve(Witness()).post(BODY, deliveries.JSON).status == status
    assert telemetry.said("signature.valid") is verdict


def test_an_endpoint_whose_secret_is_missing_turns_deliveries_away(
    framework: Framework, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from outworx_otel.integrations.django import DjangoInstrumentor
    from outworx_otel.integrations.fastapi import FastAPIInstrumentor
    from outworx_otel.integrations.flask import FlaskInstrumentor
    from outworx_otel.setup.bootstrap import prepare

    monkeypatch.setenv("OUTWORX_ROUTES", f"{PATH}=stripe")
    monkeypatch.setenv("OUTWORX_SECRET_STRIPE", "")
    handler = Witness()
    prepare(tracer_provider=telemetry.tracer_provider)
    for instrumentor in (DjangoInstrumentor(), FastAPIInstrumentor(), FlaskInstrumentor()):
        instrumentor.instrument(skip_dep_check=True)
    assert framework.serve(handler).post(BODY, deliveries.stripe()).status == 401
    assert telemetry.said("signature.reason") == "missing_secret"
    assert "OUTWORX_SECRET_STRIPE" in telemetry.said("signature.hint")
    assert handler.calls == []
