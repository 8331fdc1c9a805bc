"""One webhook span per delivery, below the right parent: server by framework by whoever else traces.

Pairs are covered, not the product: every server with each kind of tracing, every framework likewise.
"""

from __future__ import annotations

import pytest
from support.deployment import OFFICIAL, SPAWNED, Deployment, gunicorn, uvicorn
from support.scale import rows, scaled
from support.sender import deliver_to_every_worker

from .arrivals import Span, await_spans, spans, webhooks
from .conftest import Receive, Serve

DELIVERIES = scaled(200, 16)

NATIVE = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": OFFICIAL}
UNTRACED = {**NATIVE, "SITE_NATIVE_TRACING": "false"}
CONTRIB = {"SITE_NATIVE_TRACING": "true"}

GITHUB = "/webhooks/github"
ASYNC_VIEW = "/webhooks/async"

TRACES_ITSELF = pytest.mark.needs("fastapi >=0.142")
TRACED_BY_SOMEBODY = rows(
    [
        pytest.param(
            uvicorn("fastapi_site:app", workers=2),
            NATIVE,
            GITHUB,
            id="uvicorn-workers-fastapi-native",
            marks=[SPAWNED, TRACES_ITSELF],
        ),
        pytest.param(
            gunicorn("fastapi_site:app", "-k", "uvicorn_worker.UvicornWorker"),
            NATIVE,
            GITHUB,
            id="gunicorn-uvicorn-worker-fastapi-native",
            marks=TRACES_ITSELF,
        ),
        pytest.param(
            gunicorn("flask_site:app", "--preload", workers=2),
            CONTRIB,
            GITHUB,
            id="gunicorn-preload-flask-contrib",
        ),
        pytest.param(
            gunicorn("django_site:wsgi", workers=2), CONTRIB, ASYNC_VIEW, id="gunicorn-async-django-contrib"
        ),
    ],
    [
        pytest.param(uvicorn("fastapi_site:app"), CONTRIB, GITHUB, id="uvicorn-fastapi-contrib"),
        pytest.param(
            gunicorn("starlette_site:app", "-k", "asgi", "--preload", workers=2),
            CONTRIB,
            GITHUB,
            id="gunicorn-asgi-preload-starlette-contrib",
        ),
        pytest.param(uvicorn("django_site:asgi"), CONTRIB, ASYNC_VIEW, id="uvicorn-async-django-contrib"),
        pytest.param(
            gunicorn("flask_site:app", "-k", "gthread", "--threads", "4"),
            CONTRIB,
            GITHUB,
            id="gunicorn-threads-flask-contrib",
        ),
    ],
)
TRACED_BY_NOBODY = rows(
    [
        pytest.param(
            gunicorn("fastapi_site:app", "-k", "uvicorn_worker.UvicornWorker", "--preload"),
            id="gunicorn-uvicorn-worker-preload-fastapi",
        ),
        pytest.param(uvicorn("django_site:asgi", workers=2), id="uvicorn-workers-django", marks=SPAWNED),
    ],
    [
        pytest.param(gunicorn("flask_site:app", workers=2), id="gunicorn-flask"),
        pytest.param(gunicorn("django_site:wsgi", "--preload"), id="gunicorn-preload-django"),
        pytest.param(uvicorn("starlette_site:app"), id="uvicorn-starlette"),
        pytest.param(gunicorn("fastapi_site:app", "-k", "asgi"), id="gunicorn-asgi-fastapi"),
    ],
)


def both_exporters(ours: str, another: str) -> dict[str, str]:
    """Webhook spans to us, and everything to another OTLP back-end."""
    return {
        "OTEL_TRACES_EXPORTER": "otlp,outworx",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": another,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OUTWORX_HOOKS_ENDPOINT": ours,
        "OUTWORX_HOOKS_API_KEY": "ohk_topology",
    }


def is_deliverys_server_span(span: Span) -> bool:
    return span.is_server and "healthz" not in span.name


def assert_genuine(span: Span) -> None:
    assert (span.name, span.kind, span.is_error) == ("webhook github", "CONSUMER", False)
    assert span.short("signature.valid") is True
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["http.route"].startswith("/webhooks/")


@pytest.mark.parametrize(("deployment", "tracing", "path"), TRACED_BY_SOMEBODY)
def test_a_delivery_is_one_webhook_span_below_the_one_server_span(
    deployment: Deployment, tracing: dict[str, str], path: str, receive: Receive, serve: Serve
) -> None:
    ours, another = receive(), receive()
    server = serve(deployment, **both_exporters(ours.endpoint, another.endpoint), **tracing)
    sent = deliver_to_every_worker(f"{server.url}{path}", DELIVERIES, deployment.workers)
    delivered, _ = await_spans(ours, sent), await_spans(another, sent, is_deliverys_server_span)
    server.terminate()  # whatever else was to come has come
    traced = [span for span in spans(another) if is_deliverys_server_span(span)]
    assert (len(webhooks(ours)), len(webhooks(another)), len(traced)) == (sent, sent, sent)
    server_spans = {span.span_id: span for span in traced}
    assert len({span.parent_id for span in delivered}) == sent
    for span in delivered:
        assert_genuine(span)
        assert server_spans[span.parent_id].trace_id == span.trace_id
        assert server_spans[span.parent_id].parent_id == ""
    assert {span.span_id for span in webhooks(another)} == {span.span_id for span in delivered}


@pytest.mark.parametrize("deployment", TRACED_BY_NOBODY)
def test_where_nobody_else_traces_the_webhook_span_is_the_local_root(
    deployment: Deployment, receive: Receive, serve: Serve
) -> None:
    ours, another = receive(), receive()
    server = serve(deployment, **both_exporters(ours.endpoint, another.endpoint), **UNTRACED)
    sent = deliver_to_every_worker(f"{server.url}/webhooks/github", DELIVERIES, deployment.workers)
    delivered = await_spans(ours, sent)
    await_spans(another, sent)
    server.terminate()
    assert len(webhooks(ours)) == sent
    for span in delivered:
        assert_genuine(span)
        assert span.parent_id == ""
    assert len({span.trace_id for span in delivered}) == sent
    assert [span for span in spans(another) if not span.is_webhook] == []
