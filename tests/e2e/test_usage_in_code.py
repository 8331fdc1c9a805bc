"""Set up in code: without `opentelemetry-instrument`, and beside what an application has of its own."""

from __future__ import annotations

import httpx
import pytest
from support.deployment import Deployment, gunicorn, uvicorn
from support.scale import rows, scaled
from support.sender import deliver, deliver_to_every_worker

from .arrivals import counted_deliveries, metrics, spans, webhooks
from .conftest import Receive, Serve

DELIVERIES = scaled(1000, 200)
BY_HAND_IN_DJANGO = {"DJANGO_SETTINGS_MODULE": "init_django_settings"}


@pytest.mark.parametrize(
    "deployment",
    rows(
        [
            pytest.param(uvicorn("init_fastapi_site:app", workers=2).bare(), id="fastapi-uvicorn-workers"),
            pytest.param(
                gunicorn("init_flask_site:app", "--preload", workers=2).bare(), id="flask-gunicorn-preload"
            ),
            pytest.param(
                uvicorn("django_site:asgi").bare().with_environ(**BY_HAND_IN_DJANGO), id="django-uvicorn"
            ),
        ],
        [
            pytest.param(uvicorn("init_fastapi_site:app").bare(), id="fastapi-uvicorn"),
            pytest.param(
                gunicorn(
                    "init_fastapi_site:app", "-k", "uvicorn_worker.UvicornWorker", "--preload", workers=2
                ).bare(),
                id="fastapi-gunicorn-preload-uvicorn-worker",
            ),
            pytest.param(
                gunicorn("django_site:wsgi", "--preload", workers=2).bare().with_environ(**BY_HAND_IN_DJANGO),
                id="django-gunicorn-preload",
            ),
        ],
    ),
)
def test_init_and_a_hand_mounted_adapter_deliver_all_spans_of_all_workers(
    deployment: Deployment, receive: Receive, serve: Serve
) -> None:
    receiver = receive()
    server = serve(deployment, configuration="", RECEIVER=receiver.endpoint)
    sent = deliver_to_every_worker(f"{server.url}/webhooks/github", DELIVERIES, deployment.workers)
    server.terminate()
    arrived = webhooks(receiver)
    assert (len(arrived), len({span.span_id for span in arrived})) == (sent, sent)
    assert {span.short("signature.valid") for span in arrived} == {True}
    assert {call.headers["authorization"] for call in receiver.calls} == {"Bearer ohk_in_code"}
    assert "Traceback" not in server.log()


@pytest.mark.needs("fastapi >=0.142")
def test_a_processor_added_by_hand_exports_webhook_spans_beside_the_applications_own_exporter(
    receive: Receive, serve: Serve
) -> None:
    ours, backend = receive(), receive()
    server = serve(uvicorn("own_provider_site:app").bare(), RECEIVER=ours.endpoint, BACKEND=backend.endpoint)
    deliver(f"{server.url}/webhooks/github", 20)
    httpx.post(f"{server.url}/plain", content=b"{}")
    server.terminate()
    assert len(webhooks(ours)) == len(spans(ours)) == 20
    assert {span.span_id for span in webhooks(backend)} == {span.span_id for span in webhooks(ours)}
    below_server_spans = {span.span_id for span in spans(backend) if span.is_server}
    assert {span.parent_id for span in webhooks(ours)} < below_server_spans
    assert {call.headers.get("authorization") for call in backend.calls} == {None}


@pytest.mark.parametrize("order", ["ours,official", "official,ours"])
def test_the_order_in_which_instrumentors_are_applied_makes_no_difference(
    order: str, receive: Receive, serve: Serve
) -> None:
    ours, backend = receive(), receive()
    server = serve(
        uvicorn("load_order_site:app").bare(),
        RECEIVER=ours.endpoint,
        BACKEND=backend.endpoint,
        LOAD_ORDER=order,
        OTEL_PYTHON_FASTAPI_EXCLUDED_URLS="healthz",
    )
    deliver(f"{server.url}/webhooks/github", 10)
    server.terminate()
    traced = {span.span_id for span in spans(backend) if span.is_server}
    assert len(traced) == 10
    assert len(webhooks(ours)) == 10
    assert {span.parent_id for span in webhooks(ours)} == traced


def test_init_in_code_beside_the_exporter_variable_sends_nothing_twice(
    receive: Receive, serve: Serve
) -> None:
    receiver = receive()
    server = serve(
        uvicorn("init_fastapi_site:app"),
        RECEIVER=receiver.endpoint,
        OUTWORX_HOOKS_ENDPOINT=receiver.endpoint,
        OUTWORX_HOOKS_API_KEY="ohk_in_code",
        OTEL_TRACES_EXPORTER="outworx",
        OTEL_METRICS_EXPORTER="outworx",
        OTEL_LOGS_EXPORTER="none",
    )
    deliver(f"{server.url}/webhooks/github", 20)
    server.terminate()
    assert len(webhooks(receiver)) == 20
    assert counted_deliveries(metrics(receiver)) == 20
