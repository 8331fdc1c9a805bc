"""A shop that gets a delivery of each kind and prints its answers; where telemetry goes, the environment says."""

import json

from fastapi import FastAPI, Request
from opentelemetry import trace
from starlette.testclient import TestClient

import outworx_otel
from outworx_otel.testing import sign

SECRET = "a-secret-between-two"  # noqa: S105  # made up
outworx_otel.init(
    endpoints={
        "/webhooks/github": outworx_otel.TrackOptions(
            "github", signature_secret=SECRET, idempotency_key=True, require_processing_mark=True
        )
    },
    idempotency_store="memory://",
)
outworx_otel.instrument()
app = FastAPI()


@app.post("/webhooks/github")
async def github(request: Request) -> dict[str, bool]:
    event = await request.json()
    with trace.get_tracer("shop").start_as_current_span("reserve the stock"):
        if event["does"] == "raise":
            raise RuntimeError("the ledger is closed")
    if event["does"] == "fail":
        request.state.outworx_track.failed("no stock")
    elif event["does"] != "forget":
        request.state.outworx_track.processed({"order": 4711})
    return {"ok": True}


def deliver(client: TestClient, event: str, does: str, secret: str = SECRET) -> int:
    body = json.dumps({"does": does}).encode()
    headers = {"content-type": "application/json", "x-github-event": "push", "x-github-delivery": event}
    return client.post(
        "/webhooks/github", content=body, headers=headers | sign("github", body, secret)
    ).status_code


with TestClient(app, raise_server_exceptions=False) as client:
    answers = [
        deliver(client, "event-1", "well"),
        deliver(client, "event-1", "well"),
        deliver(client, "event-2", "fail"),
        deliver(client, "event-3", "raise"),
        deliver(client, "event-4", "forget"),
        deliver(client, "event-5", "well", "another secret"),
    ]
print(json.dumps(answers))
outworx_otel.shutdown(10)
