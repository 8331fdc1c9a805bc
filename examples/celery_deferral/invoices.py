"""Invoices that Celery writes: the web application answers at once, and the task says what became of the event."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from fastapi import FastAPI, Request

from outworx_otel import TrackOptions, current_track, init, instrument

init(
    endpoints={
        "/webhooks/stripe": TrackOptions(
            provider="stripe",
            signature_secret_env="STRIPE_WEBHOOK_SECRET",
            require_processing_mark=True,
        )
    }
)
instrument()

app = FastAPI()
queue = Celery("invoices", broker=os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"))
queue.conf.broker_connection_retry_on_startup = True


@app.post("/webhooks/stripe")
async def stripe(request: Request) -> dict[str, bool]:
    event = await request.json()
    request.state.outworx_track.defer()  # before the task is sent: it carries the delivery along
    write_invoice.delay(event["data"]["object"])
    return {"received": True}


@queue.task
def write_invoice(charge: dict[str, Any]) -> None:
    # A task that raises has failed, and one that returns has processed the event; a mark says more.
    current_track().processed({"invoice": f"INV-{charge['id']}"})
