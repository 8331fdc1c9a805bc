"""Bookings that a payment confirms; `test_bookings.py` shows how such a handler is tested."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from outworx_otel import current_track, init, instrument, webhook

init()
instrument()

app = FastAPI()
bookings: dict[str, str] = {"b_1": "reserved"}


@app.post("/webhooks/stripe")
@webhook("stripe", signature_secret_env="STRIPE_WEBHOOK_SECRET", require_processing_mark=True)
def stripe(event: dict[str, Any]) -> dict[str, bool]:
    if event["type"] != "charge.succeeded":
        current_track().ignored(f"not concerned with {event['type']}")
        return {"received": True}
    booking = event["data"]["object"]["metadata"]["booking"]
    if booking not in bookings:
        current_track().failed(f"no booking {booking}")
    else:
        bookings[booking] = "paid"
        current_track().processed({"booking": booking})
    return {"received": True}
