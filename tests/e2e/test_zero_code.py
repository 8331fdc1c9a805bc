"""`opentelemetry-instrument` and a server: variables and files say everything, the application nothing."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from support.deployment import OFFICIAL, Deployment, gunicorn, uvicorn
from support.process import wait_until
from support.scale import rows
from support.sender import SECRET, deliver, post

from .arrivals import await_spans, spans, webhooks
from .conftest import CONFIGURATION, Receive, Serve

FASTAPI = uvicorn("fastapi_site:app")
FLASK = gunicorn("flask_site:app")
DJANGO = gunicorn("django_site:wsgi")

EXPORTING = {
    "OTEL_TRACES_EXPORTER": "outworx",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OUTWORX_HOOKS_API_KEY": "ohk_zero_code",
}


def test_both_exporters_get_webhook_spans_and_the_key_goes_to_ours_alone(
    receive: Receive, serve: Serve
) -> None:
    ours, another = receive(), receive()
    server = serve(
        FLASK,
        **{**EXPORTING, "OTEL_TRACES_EXPORTER": "otlp,outworx"},
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        OTEL_EXPORTER_OTLP_ENDPOINT=another.endpoint,
        OTEL_EXPORTER_OTLP_HEADERS="x-vendor-key=theirs",
        OUTWORX_HOOKS_ENDPOINT=ours.endpoint,
    )
    deliver(f"{server.url}/webhooks/github", 5)
    httpx.get(f"{server.url}/healthz")
    server.terminate()
    assert len(spans(ours)) == len(webhooks(ours)) == len(webhooks(another)) == 5
    assert any(span.is_server for span in spans(another))
    assert {call.headers.get("authorization") for call in ours.calls} == {"Bearer ohk_zero_code"}
    assert {call.headers.get("x-vendor-key") for call in ours.calls} == {None}
    assert {call.headers.get("authorization") for call in another.calls} == {None}
    assert {call.headers.get("x-vendor-key") for call in another.calls} == {"theirs"}


def test_the_webhook_sampler_keeps_every_delivery_and_nothing_else_at_ratio_zero(
    receive: Receive, serve: Serve
) -> None:
    ours, another = receive(), receive()
    server = serve(
        FASTAPI,
        **{**EXPORTING, "OTEL_TRACES_EXPORTER": "otlp,outworx"},
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        OTEL_EXPORTER_OTLP_ENDPOINT=another.endpoint,
        OTEL_TRACES_SAMPLER="outworx_webhook",
        OTEL_TRACES_SAMPLER_ARG="0",
        OUTWORX_HOOKS_ENDPOINT=ours.endpoint,
    )
    unsampled = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}
    deliver(f"{server.url}/webhooks/github", 10)
    assert post(f"{server.url}/webhooks/github", headers=unsampled).status_code == 200
    assert post(f"{server.url}/plain").status_code == 200  # detected only: a stranger's headers cost nothing
    server.terminate()
    delivered = webhooks(ours)
    assert len(delivered) == 11
    assert {span.span_id for span in webhooks(another)} == {span.span_id for span in delivered}
    others = [span for span in spans(another) if not span.is_webhook]
    # What hangs below a delivery comes along under a parent-based sampler.
    assert {span.parent_id for span in others} <= {span.span_id for span in delivered}
    assert not any(span.is_server for span in others)


@pytest.mark.parametrize("place", ["variables", "pyproject", "named file"])
def test_endpoints_come_from_wherever_they_may_stand(
    place: str, receive: Receive, serve: Serve, tmp_path: Path
) -> None:
    receiver = receive()
    environ = {**EXPORTING, "OUTWORX_HOOKS_ENDPOINT": receiver.endpoint}
    if place == "variables":
        environ |= {"OUTWORX_ROUTES": "/webhooks/*=github", "OUTWORX_SECRET_GITHUB": SECRET}
    else:
        name = "pyproject.toml" if place == "pyproject" else "settings.toml"
        table = "tool.outworx.endpoints" if place == "pyproject" else "endpoints"
        (tmp_path / name).write_text(CONFIGURATION.replace("endpoints", table))
        if place == "named file":
            environ["OUTWORX_CONFIG_FILE"] = str(tmp_path / name)
    server = serve(DJANGO, configuration=None, **environ)
    assert post(f"{server.url}/webhooks/github").status_code == 200
    forged = post(f"{server.url}/webhooks/github", headers={"x-github-delivery": "forged"}, key="wrong")
    assert forged.status_code == 401
    server.terminate()
    assert [span.short("signature.valid") for span in webhooks(receiver)] == [True, False]


def test_a_rejected_delivery_never_reaches_the_handler_and_says_why(receive: Receive, serve: Serve) -> None:
    receiver = receive()
    server = serve(FASTAPI, OUTWORX_HOOKS_ENDPOINT=receiver.endpoint, **EXPORTING)
    answer = post(f"{server.url}/webhooks/github", key="not the secret")
    assert (answer.status_code, answer.text) == (401, "Invalid webhook signature")
    server.terminate()
    (span,) = webhooks(receiver)
    assert span.is_error
    assert (span.short("signature.valid"), span.short("signature.reason")) == (False, "hmac_mismatch")
    assert span.trace_id in server.log()
    assert SECRET not in server.log()


def test_a_provider_is_detected_on_a_route_that_nobody_configured(receive: Receive, serve: Serve) -> None:
    receiver = receive()
    server = serve(FLASK, configuration="", OUTWORX_HOOKS_ENDPOINT=receiver.endpoint, **EXPORTING)
    assert post(f"{server.url}/plain", key="any").status_code == 200
    assert httpx.post(f"{server.url}/plain", content=b"{}").status_code == 200
    server.terminate()
    (span,) = webhooks(receiver)
    assert (span.short("provider"), span.short("detected")) == ("github", True)
    assert span.short("signature.valid") is None


@pytest.mark.parametrize(
    "deployment",
    rows(
        [pytest.param(FLASK, id="flask")],
        [pytest.param(FASTAPI, id="fastapi"), pytest.param(DJANGO, id="django")],
    ),
)
def test_without_a_configurator_our_instrumentors_set_the_sdk_up(
    deployment: Deployment, receive: Receive, serve: Serve
) -> None:
    receiver = receive()
    server = serve(
        deployment.beside_all(),
        OTEL_PYTHON_CONFIGURATOR="none of those installed",
        OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=OFFICIAL,
        OUTWORX_HOOKS_ENDPOINT=receiver.endpoint,
        OUTWORX_HOOKS_API_KEY="ohk_fallback",
    )
    deliver(f"{server.url}/webhooks/github", 30)
    server.terminate()
    assert len(webhooks(receiver)) == 30


def test_without_a_configurator_and_a_destination_it_says_once_what_to_install(serve: Serve) -> None:
    server = serve(FASTAPI, OTEL_PYTHON_CONFIGURATOR="none of those installed")
    assert post(f"{server.url}/webhooks/github").status_code == 200
    assert post(f"{server.url}/webhooks/github", key="wrong").status_code == 401
    assert server.log().count("outworx-otel[auto]") == 1


def test_debug_tells_the_endpoints_at_the_start_and_every_delivery(receive: Receive, serve: Serve) -> None:
    receiver = receive()
    server = serve(
        FASTAPI,
        OUTWORX_HOOKS_ENDPOINT=receiver.endpoint,
        OUTWORX_HOOKS_DEBUG="true",
        OTEL_BSP_SCHEDULE_DELAY="20",
        **EXPORTING,
    )
    assert server.log().count("endpoint /webhooks/*: provider=github") == 1
    post(f"{server.url}/webhooks/github")
    wait_until(lambda: "webhook provider=github" in server.log(), server.log)
    await_spans(receiver, 1)
    wait_until(lambda: "delivered 1 spans" in server.log(), server.log)
    assert SECRET not in server.log()
    assert "ohk_zero_code" not in server.log()
