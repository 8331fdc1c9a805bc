"""A receiver that is away, or turns us away, while a real server takes deliveries."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest
from support.deployment import SPAWNED, Deployment, gunicorn, uvicorn
from support.process import wait_until
from support.receiver import Call, Receiver, Reply, free_port
from support.scale import rows, scaled
from support.sender import deliver

from .arrivals import await_spans, webhooks
from .conftest import Receive, Serve

AWAY = 3.0
EXPORTING = {
    "OTEL_TRACES_EXPORTER": "outworx",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OUTWORX_HOOKS_API_KEY": "ohk_outage",
}


@pytest.mark.parametrize(
    "deployment",
    rows(
        [uvicorn("fastapi_site:app"), gunicorn("django_site:wsgi", "--preload", workers=2)],
        [pytest.param(uvicorn("fastapi_site:app", workers=2), marks=SPAWNED)],
    ),
    ids=lambda deployment: f"{Path(deployment.command[1]).name}-{deployment.workers}",
)
def test_a_receiver_that_is_down_for_three_seconds_at_the_start_of_a_burst_gets_everything(
    deployment: Deployment, receive: Receive, serve: Serve
) -> None:
    port = free_port()
    server = serve(deployment, OUTWORX_HOOKS_ENDPOINT=f"http://127.0.0.1:{port}", **EXPORTING)
    began = time.monotonic()
    count = scaled(2000, 300)
    deliver(f"{server.url}/webhooks/github", count)
    time.sleep(max(AWAY - (time.monotonic() - began), 0.0))  # the outage itself, not a wait for readiness
    receiver = receive(port=port)
    arrived = await_spans(receiver, count)
    assert len({span.span_id for span in arrived}) == count
    server.terminate()
    assert len(webhooks(receiver)) == count
    assert "dropped" not in server.log()


def test_a_receiver_that_hangs_holds_nobody_up_and_every_delivery_is_sent_or_counted(
    receive: Receive, serve: Serve
) -> None:
    woken = threading.Event()

    def hang(call: Call, index: int) -> Reply:
        woken.wait(60)
        return Reply()

    receiver = receive(hang)
    server = serve(
        uvicorn("in_code:app").bare(),
        SITE="fastapi_site:app",
        OUTWORX_HOOKS_ENDPOINT=receiver.endpoint,
        OUTWORX_HOOKS_API_KEY="ohk_outage",
        OTEL_BSP_MAX_QUEUE_SIZE="50",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="25",
        OTEL_BSP_SCHEDULE_DELAY="50",
    )
    deliver(f"{server.url}/webhooks/github", 300)
    woken.set()
    server.terminate()
    lost = sum(map(int, re.findall(r"(\d+) \(the queue is full", server.log())))
    assert lost >= 200
    assert len({span.span_id for span in webhooks(receiver)}) + lost == 300


def test_a_rejected_key_is_said_once_and_deliveries_go_on(receive: Receive, serve: Serve) -> None:
    def reject(call: Call, index: int) -> Reply:
        return Reply(401, {"content-type": "application/json"}, b'{"error":"unknown key"}')

    receiver: Receiver = receive(reject)
    server = serve(
        uvicorn("fastapi_site:app"),
        **{
            **EXPORTING,
            "OUTWORX_HOOKS_ENDPOINT": receiver.endpoint,
            "OTEL_METRICS_EXPORTER": "outworx",
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "OTEL_METRIC_EXPORT_INTERVAL": "100",
        },
    )
    for _ in range(5):
        deliver(f"{server.url}/webhooks/github", 20)
    wait_until(lambda: "the API key was rejected" in server.log(), server.log)
    server.terminate()
    assert server.log().count("the API key was rejected") == 1
    assert server.log().count("OUTWORX_API_KEY") == 1
    assert "ohk_outage" not in server.log()
    # One attempt for each signal, and perhaps a last one for each at the end.
    assert len(receiver.calls) <= 4
