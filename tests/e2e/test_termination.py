"""Nothing that was delivered is lost when a server ends, whoever ends it and however it forks."""

from __future__ import annotations

import signal
import threading

import httpx
import pytest
from support.deployment import SPAWNED, Deployment, gunicorn, uvicorn
from support.process import wait_until
from support.scale import rows, scaled
from support.sender import deliver, post

from .arrivals import webhooks
from .conftest import Receive, Serve

EXPORTING = {
    "OTEL_TRACES_EXPORTER": "outworx",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OUTWORX_HOOKS_API_KEY": "ohk_termination",
}
MANY = scaled(1000, 300)
SERVERS = rows(
    [
        pytest.param(uvicorn("fastapi_site:app"), 1000, id="uvicorn"),
        pytest.param(uvicorn("fastapi_site:app", workers=2), MANY, id="uvicorn-workers", marks=SPAWNED),
        pytest.param(gunicorn("flask_site:app", "--preload", workers=2), MANY, id="gunicorn-preload"),
    ],
    [
        pytest.param(
            gunicorn("fastapi_site:app", "-k", "uvicorn_worker.UvicornWorker", workers=2),
            MANY,
            id="gunicorn-uvicorn-worker",
        ),
        pytest.param(gunicorn("django_site:wsgi", workers=2), MANY, id="gunicorn-django"),
        pytest.param(gunicorn("fastapi_site:app", "-k", "asgi", "--preload"), MANY, id="gunicorn-asgi"),
    ],
)
# Of each server and number of workers, found out once.
STATUS_WITHOUT_US: dict[tuple[str, int], int] = {}


@pytest.mark.parametrize(("deployment", "count"), SERVERS)
def test_deliveries_and_then_sigterm_lose_no_span_and_change_no_exit_status(
    deployment: Deployment, count: int, receive: Receive, serve: Serve
) -> None:
    receiver = receive()
    server = serve(deployment, OUTWORX_HOOKS_ENDPOINT=receiver.endpoint, **EXPORTING)
    deliver(f"{server.url}/webhooks/github", count)
    status = server.terminate()
    arrived = [span.span_id for span in webhooks(receiver)]
    assert (len(arrived), len(set(arrived))) == (count, count)
    assert "Traceback" not in server.log()
    kind = (deployment.command[1], deployment.workers)
    if kind not in STATUS_WITHOUT_US:
        STATUS_WITHOUT_US[kind] = serve(deployment.bare()).terminate()
    assert status == STATUS_WITHOUT_US[kind]


def test_an_interrupt_from_the_keyboard_loses_no_span_either(receive: Receive, serve: Serve) -> None:
    receiver = receive()
    deployment = uvicorn("fastapi_site:app")
    server = serve(deployment, OUTWORX_HOOKS_ENDPOINT=receiver.endpoint, **EXPORTING)
    deliver(f"{server.url}/webhooks/github", 100)
    status = server.terminate(signal.SIGINT)
    assert len(webhooks(receiver)) == 100
    assert serve(deployment.bare()).terminate(signal.SIGINT) == status


@pytest.mark.parametrize(
    "deployment",
    [uvicorn("fastapi_site:app"), gunicorn("flask_site:app", "--preload", workers=2)],
    ids=["uvicorn", "gunicorn-preload"],
)
def test_every_delivery_that_was_answered_while_the_server_shut_down_has_its_span(
    deployment: Deployment, receive: Receive, serve: Serve
) -> None:
    receiver = receive()
    server = serve(deployment, OUTWORX_HOOKS_ENDPOINT=receiver.endpoint, **EXPORTING)
    answered: list[int] = []

    def send_until_refused() -> None:
        try:
            while True:
                answered.append(post(f"{server.url}/webhooks/github").status_code)
        except httpx.TransportError:
            return

    senders = [threading.Thread(target=send_until_refused) for _ in range(4)]
    for sender in senders:
        sender.start()
    wait_until(lambda: len(answered) > 50, lambda: "no deliveries are answered")
    server.terminate()
    for sender in senders:
        sender.join(20)
    assert set(answered) == {200}
    # One whose answer was lost on the way may well have a span too.
    assert len(answered) <= len(webhooks(receiver)) <= len(answered) + len(senders)


def test_workers_that_gunicorn_replaces_in_the_middle_of_a_burst_leave_no_gap(
    receive: Receive, serve: Serve
) -> None:
    receiver = receive()
    server = serve(
        gunicorn("flask_site:app", "--preload", "--max-requests", "40", workers=2),
        OUTWORX_HOOKS_ENDPOINT=receiver.endpoint,
        **EXPORTING,
    )
    workers = deliver(f"{server.url}/webhooks/github", 300)
    assert len(workers) > 2
    server.terminate()
    arrived = [span.span_id for span in webhooks(receiver)]
    assert (len(arrived), len(set(arrived))) == (300, 300)
