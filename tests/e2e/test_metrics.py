"""Webhook metrics out of real servers: deltas, so that several workers add up."""

from __future__ import annotations

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA
from support.deployment import SPAWNED, Deployment, gunicorn, uvicorn
from support.process import wait_until
from support.scale import rows
from support.sender import deliver_to_every_worker, post

from .arrivals import COUNTER, counted_deliveries, metrics
from .conftest import Receive, Serve

DURATION = "outworx.webhook.duration"


@pytest.mark.parametrize(
    "deployment",
    rows(
        [pytest.param(gunicorn("flask_site:app", "--preload", workers=2), id="gunicorn-preload")],
        [pytest.param(uvicorn("fastapi_site:app", workers=2), id="uvicorn-workers", marks=SPAWNED)],
    ),
)
def test_the_deltas_of_all_workers_add_up_to_what_was_delivered(
    deployment: Deployment, receive: Receive, serve: Serve
) -> None:
    receiver = receive()
    server = serve(
        deployment,
        OTEL_TRACES_EXPORTER="none",
        OTEL_METRICS_EXPORTER="outworx",
        OTEL_LOGS_EXPORTER="none",
        OTEL_METRIC_EXPORT_INTERVAL="150",
        OUTWORX_HOOKS_ENDPOINT=receiver.endpoint,
        OUTWORX_HOOKS_API_KEY="ohk_metrics",
    )
    sent = deliver_to_every_worker(f"{server.url}/webhooks/github", 24, deployment.workers)
    wait_until(lambda: counted_deliveries(metrics(receiver)) >= sent, server.log)
    # More of them after the first export, and some that only the shutdown exports.
    sent += deliver_to_every_worker(f"{server.url}/webhooks/github", 24, deployment.workers)
    assert post(f"{server.url}/webhooks/github", key="wrong").status_code == 401
    server.terminate()
    arrived = metrics(receiver)
    counters = [metric for metric in arrived if metric.name == COUNTER]
    durations = [metric for metric in arrived if metric.name == DURATION]
    assert counted_deliveries(arrived) == sent + 1
    assert sum(point.count for metric in durations for point in metric.histogram.data_points) == sent + 1
    temporalities = {metric.sum.aggregation_temporality for metric in counters} | {
        metric.histogram.aggregation_temporality for metric in durations
    }
    assert temporalities == {AGGREGATION_TEMPORALITY_DELTA}
    assert counted_deliveries(arrived, "hmac_mismatch") == 1
    assert {call.headers["authorization"] for call in receiver.calls} == {"Bearer ohk_metrics"}
