"""What a delivery's span and metrics say, and what they never do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from opentelemetry.trace import SpanKind
from support import deliveries
from support.calls import PATH, Call, Framework, Witness
from support.deliveries import BODY, JSON, SECRET
from support.own_clock import set_clock

from outworx_otel import TrackOptions

from .conftest import Telemetry

Monitor = Callable[..., None]
STRIPE = TrackOptions("stripe", signature_secret=SECRET)


def test_a_deliverys_span_says_what_the_contract_names(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor(
        {
            PATH: TrackOptions(
                "stripe", signature_secret=SECRET, capture_headers=False, metadata={"team": "pay"}
            )
        }
    )
    framework.serve(Witness()).post(BODY, deliveries.stripe())
    span = telemetry.delivery()
    assert span.kind is SpanKind.CONSUMER
    assert span.instrumentation_scope.name == "outworx_otel"
    said = dict(span.attributes)
    assert said.pop("outworx.webhook.signature.age") < 60
    assert said.pop("http.route").strip("/") == PATH.strip("/")
    assert said == {
        "outworx.webhook.provider": "stripe",
        "outworx.webhook.event.type": "charge.succeeded",
        "outworx.webhook.event.id": "evt_1",
        "outworx.webhook.signature.valid": True,
        "outworx.webhook.signature.kind": "verified",
        "outworx.webhook.signature.key_index": 0,
        "outworx.webhook.metadata.team": "pay",
        "outworx.webhook.outcome": "accepted",
        "http.request.method": "POST",
        "http.request.body.size": len(BODY),
        "http.response.status_code": 200,
        "url.path": PATH,
    }


def test_the_metrics_are_three_and_bounded(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: STRIPE})
    app = framework.serve(Witness())
    app.post(BODY, deliveries.stripe())
    app.post(BODY, deliveries.stripe(secret=deliveries.WRONG))
    counted = telemetry.points("deliveries")
    assert sum(count for _, count in counted) == 2
    good = next(point for point, _ in counted if point["outworx.webhook.outcome"] == "accepted")
    assert good["outworx.webhook.event.type"] == "charge.succeeded"
    assert good["outworx.webhook.provider"] == "stripe"
    assert len(telemetry.points("duration")) == 2
    assert sum(count for _, count in telemetry.points("signature.age")) == 1


def test_secrets_in_headers_are_taken_out(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    sent = deliveries.stripe(
        **{
            "authorization": "Bearer s3cr3t-value",
            "cookie": "id=s3cr3t-value",
            "x-api-key": "s3cr3t-value",
            "x-internal-trace": "s3cr3t-value",
            "x-plain": "shown",
        }
    )
    monitor({PATH: TrackOptions("stripe", signature_secret=SECRET, redact=["x-internal-*"])})
    framework.serve(Witness()).post(BODY, sent)
    attributes = telemetry.delivery().attributes
    shown = {name: value for name, value in attributes.items() if name.startswith("http.request.header.")}
    assert shown["http.request.header.x-plain"] == ("shown",)
    for name in ("stripe-signature", "authorization", "cookie", "x-api-key", "x-internal-trace"):
        assert shown[f"http.request.header.{name}"] == ("[redacted]",)
    assert "s3cr3t" not in str(dict(attributes))
    assert sent["stripe-signature"][-20:] not in str(dict(attributes))


def test_a_strangers_130_headers_do_not_push_out_the_verdict(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: STRIPE})
    sent = deliveries.stripe(**{f"x-flood-{number}": "y" * 3000 for number in range(130)})
    framework.serve(Witness()).post(BODY, sent)
    attributes = telemetry.delivery().attributes
    shown = {name: value for name, value in attributes.items() if name.startswith("http.request.header.")}
    assert len(shown) == 32
    assert shown["http.request.header.content-type"] == ("application/json",)
    assert shown["http.request.header.stripe-signature"] == ("[redacted]",)
    assert max(len(value) for (value,) in shown.values()) == 1024
    assert attributes["outworx.webhook.headers_omitted"] >= 100
    assert attributes["outworx.webhook.signature.valid"] is True
    assert telemetry.delivery().dropped_attributes == 0


def test_metadata_is_bounded_and_what_is_over_is_counted(
    each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    def marks(call: Call) -> None:
        assert call.track is not None
        call.track.processed({f"k{number}": "x" * 5000 for number in range(40)})

    monitor({PATH: TrackOptions("stripe", metadata={f"m{number}": number for number in range(40)})})
    each.serve(Witness(marks)).post(BODY, deliveries.stripe(**{f"x-{n}": "1" for n in range(60)}))
    attributes = telemetry.delivery().attributes
    kept = [name for name in attributes if name.startswith("outworx.webhook.metadata.")]
    assert len(kept) == 64
    assert len(attributes["outworx.webhook.metadata.k0"]) == 1024
    assert attributes["outworx.webhook.metadata_omitted"] == 16
    assert telemetry.delivery().dropped_attributes == 0


def test_a_flood_of_rejected_deliveries_is_counted_in_full_and_traced_in_part(
    each: Framework, monitor: Monitor, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, "process.rates", lambda: 1000.0)
    monitor({PATH: STRIPE})
    app = each.serve(Witness())
    for _ in range(25):
        app.post(BODY, JSON)
    assert len(telemetry.deliveries()) == 10
    assert sum(count for _, count in telemetry.points("deliveries")) == 25
    app.post(BODY, deliveries.stripe())
    assert len(telemetry.deliveries()) == 11
