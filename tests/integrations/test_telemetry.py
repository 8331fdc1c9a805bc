"""What a delivery's span and metrics say, and what they never do."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import SpanKind

from outworx_otel import TrackOptions

from . import deliveries
from .calls import PATH, Call, Framework, Reply, Witness
from .conftest import Telemetry
from .deliveries import BODY, JSON, SECRET

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
    framework.serve(Witness()).post(BODY, deliveries.stripe(**{"ce-source": "/acct/1"}))
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
        "outworx.webhook.signature.key_index": 0,
        "outworx.webhook.metadata.team": "pay",
        "cloudevents.event_type": "charge.succeeded",
        "cloudevents.event_id": "evt_1",
        "cloudevents.event_source": "/acct/1",
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


def test_bodies_are_captured_only_when_asked_for(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("stripe")})
    framework.serve(Witness()).post(BODY, JSON)
    assert telemetry.said("request.body") is None
    assert telemetry.said("response.body") is None


def test_captured_bodies_are_redacted_by_name_by_path_and_by_shape(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    body = json.dumps(
        {
            "id": "evt_1",
            "password": "hunter2",
            "customer": {"email": "a@example.org"},
            "items": [{"price": 5}, {"price": 6}],
            "note": "use sk_live_abcdefghijklmnop here",
        }
    ).encode()
    options = TrackOptions("stripe", capture_body=True, redact=["body.customer.email", "$.items.*.price"])
    monitor({PATH: options})
    framework.serve(Witness(replies=Reply(body=b'{"token": "s3cr3t"}'))).post(body, JSON)
    assert json.loads(telemetry.said("request.body")) == {
        "id": "evt_1",
        "password": "[redacted]",
        "customer": {"email": "[redacted]"},
        "items": [{"price": "[redacted]"}, {"price": "[redacted]"}],
        "note": "use [redacted] here",
    }
    assert json.loads(telemetry.said("response.body")) == {"token": "[redacted]"}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"token=s3cr3t&user%5Bpassword%5D=s3cr3t&text=fine"),
        ("application/json", b'{"text": "fine", "password": "s3cr3t"'),
        ("application/json", b'{"text": "fine"}\n{"password": "s3cr3t"}\n'),
        (
            "multipart/form-data; boundary=cut",
            b'--cut\r\nContent-Disposition: form-data; name="text"\r\n\r\nfine\r\n'
            b'--cut\r\nContent-Disposition: form-data; name="password"\r\n\r\ns3cr3t\r\n--cut--\r\n',
        ),
    ],
)
def test_secrets_are_taken_out_of_bodies_that_are_no_whole_json(
    content_type: str, body: bytes, each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("slack", capture_body=True)})
    each.serve(Witness()).post(body, {"content-type": content_type})
    assert "fine" in telemetry.said("request.body")
    assert "s3cr3t" not in telemetry.said("request.body")


def test_bytes_that_are_no_text_are_captured_as_base64(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    body = b"\xff\x00\xfe"
    monitor({PATH: TrackOptions("stripe", capture_body=True)})
    framework.serve(Witness()).post(body, {"content-type": "application/octet-stream"})
    assert base64.b64decode(telemetry.said("request.body")) == body


def test_captured_bodies_end_at_64_kib(framework: Framework, monitor: Monitor, telemetry: Telemetry) -> None:
    monitor({PATH: TrackOptions("stripe", capture_body=True)})
    framework.serve(Witness()).post(b"x" * 70_000, {"content-type": "text/plain"})
    assert len(telemetry.said("request.body")) == 65_536


def test_a_flood_of_rejected_deliveries_is_counted_in_full_and_traced_in_part(
    each: Framework, monitor: Monitor, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outworx_otel.endpoints.time.monotonic", lambda: 1000.0)
    monitor({PATH: STRIPE})
    app = each.serve(Witness())
    for _ in range(25):
        app.post(BODY, JSON)
    assert len(telemetry.deliveries()) == 10
    assert sum(count for _, count in telemetry.points("deliveries")) == 25
    app.post(BODY, deliveries.stripe())
    assert len(telemetry.deliveries()) == 11


class Broken(SpanProcessor):
    """Raises wherever the SDK calls it."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise RuntimeError("on_start")

    def on_end(self, span: Any) -> None:
        raise RuntimeError("on_end")


class BrokenAtTheEnd(Broken):
    """Raises at the end alone."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Lets it start."""


@pytest.mark.parametrize("processor", [Broken, BrokenAtTheEnd])
def test_a_span_processor_that_raises_never_reaches_the_caller(
    processor: type[SpanProcessor], framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    telemetry.tracer_provider.add_span_processor(processor())
    handler = Witness()
    monitor({PATH: STRIPE})
    app = framework.serve(handler, raises=True)
    assert app.post(BODY, deliveries.stripe()).status == 200
    assert app.post(BODY, JSON).status == 401
    assert handler.bodies == [BODY]


def test_a_redaction_that_raises_never_reaches_the_caller(
    framework: Framework, monitor: Monitor, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any) -> Any:
        raise RuntimeError("redaction")

    monkeypatch.setattr("outworx_otel.redaction.Redactor.add_headers", broken)
    monkeypatch.setattr("outworx_otel.redaction.Redactor.body", broken)
    monitor({PATH: TrackOptions("stripe", signature_secret=SECRET, capture_body=True)})
    app = framework.serve(Witness(), raises=True)
    assert app.post(BODY, deliveries.stripe()).status == 200
    assert app.post(BODY, JSON).status == 401


def test_an_error_callback_that_raises_never_reaches_the_caller(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    def broken(error: Exception) -> None:
        raise RuntimeError("on_error")

    def verifier(body: bytes, headers: Any) -> bool:
        raise KeyError

    monitor({PATH: TrackOptions("mine", signature_verifier=verifier)}, on_error=broken)
    assert framework.serve(Witness(), raises=True).post(BODY, JSON).status == 401


def test_metadata_that_cannot_be_shown_costs_nothing_else(
    each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    class Shy:
        def __str__(self) -> str:
            raise RuntimeError("no")

    def marks(call: Call) -> None:
        assert call.track is not None
        call.track.processed({"shy": Shy(), "bold": 1})

    monitor({PATH: TrackOptions("stripe", metadata={"shy": Shy()})})
    assert each.serve(Witness(marks)).post(BODY, JSON).status == 200
    assert telemetry.said("processing.status") == "completed"
    assert telemetry.said("metadata.bold") == 1
