"""Functions as a service: the host freezes the process when it has answered, and may never thaw it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.arrivals import counted_deliveries, metrics, webhooks
from support.receiver import Receiver, accept

pytestmark = pytest.mark.needs("mangum >=0.19", "azure-functions >=1.21")

# The host is asked through its real adapter, and ends without a goodbye as soon as it has the answer.
PROGRAM = """
import os
import sys

sys.path[:0] = {paths!r}
import outworx_otel
from support.sender import SECRET, signed
from outworx_otel import TrackOptions

outworx_otel.init(endpoints={{"/webhooks/github": TrackOptions("github", signature_secret=SECRET)}})
outworx_otel.instrument()
body = b'{{"ref": "main"}}'
headers = {{"host": "testserver", **signed(body)}}

{host}

status = deliver()
print(status, flush=True)
os._exit(0)
"""
MANGUM = """
from fastapi_site import app
from mangum import Mangum

handler = Mangum(app, lifespan="off")

def deliver():
    http = {"method": "POST", "path": "/webhooks/github", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"}
    event = {
        "version": "2.0", "rawPath": "/webhooks/github", "rawQueryString": "", "headers": headers,
        "requestContext": {"http": http, "stage": "$default"}, "body": body.decode(), "isBase64Encoded": False,
    }
    return handler(event, None)["statusCode"]
"""
CONTEXT = """
import azure.functions

class Context:
    function_directory = function_name = invocation_id = ""
    thread_local_storage = trace_context = retry_context = None

request = azure.functions.HttpRequest("POST", "http://testserver/webhooks/github", headers=headers, body=body)
"""
AZURE_WSGI = f"""{CONTEXT}
from flask_site import app

def deliver():
    return azure.functions.WsgiMiddleware(app).handle(request, Context()).status_code
"""
AZURE_ASGI = f"""{CONTEXT}
import asyncio
from fastapi_site import app

def deliver():
    return asyncio.run(azure.functions.AsgiMiddleware(app).handle_async(request, Context())).status_code
"""
BY_HAND = """
from flask_site import app

def deliver():
    status = app.test_client().post("/webhooks/github", data=body, headers=headers).status_code
    assert outworx_otel.flush(10)
    return status
"""
ENDED = """
from flask_site import app

def deliver():
    status = app.test_client().post("/webhooks/github", data=body, headers=headers).status_code
    assert outworx_otel.shutdown(10)
    return status
"""
HOSTS = [
    pytest.param(
        MANGUM, {"AWS_LAMBDA_FUNCTION_NAME": "hooks", "AWS_LAMBDA_RUNTIME_API": "x"}, id="Lambda, Mangum"
    ),
    pytest.param(AZURE_WSGI, {"FUNCTIONS_WORKER_RUNTIME": "python"}, id="Azure, WSGI"),
    pytest.param(AZURE_ASGI, {"FUNCTIONS_WORKER_RUNTIME": "python"}, id="Azure, ASGI"),
    pytest.param(AZURE_ASGI, {"OUTWORX_FLUSH_EACH": "true"}, id="told"),
    pytest.param(BY_HAND, {}, id="flush()"),
    pytest.param(ENDED, {}, id="shutdown()"),
]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    started = Receiver(accept, 0).start()
    yield started
    started.stop()


def run(host: str, environ: dict[str, str], endpoint: str) -> str:
    tests = Path(__file__).parent.parent
    program = PROGRAM.format(paths=[str(tests), str(tests / "e2e" / "sites")], host=host)
    exports = {"OUTWORX_HOOKS_ENDPOINT": endpoint, "OUTWORX_HOOKS_API_KEY": "ohk_frozen"}
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program],
        env={**exports, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(("host", "environ"), HOSTS)
def test_nothing_is_queued_any_more_when_the_host_has_the_answer(
    host: str, environ: dict[str, str], receiver: Receiver
) -> None:
    assert run(host, environ, receiver.endpoint) == "200"
    assert len(webhooks(receiver)) == 1
    assert counted_deliveries(metrics(receiver)) == 1


def test_elsewhere_no_answer_waits_for_its_telemetry(receiver: Receiver) -> None:
    assert run(MANGUM, {}, receiver.endpoint) == "200"
    assert webhooks(receiver) == []
    assert run(MANGUM, {"AWS_LAMBDA_RUNTIME_API": "x", "OUTWORX_FLUSH_EACH": "false"}, receiver.endpoint)
    assert webhooks(receiver) == []


def test_a_receiver_that_never_answers_holds_an_answer_up_for_a_bounded_time() -> None:
    from export.test_exit import hang

    hanging = Receiver(hang, 0).start()
    try:
        assert run(MANGUM, {"AWS_LAMBDA_RUNTIME_API": "x"}, hanging.endpoint) == "200"
    finally:
        hanging.stop()
