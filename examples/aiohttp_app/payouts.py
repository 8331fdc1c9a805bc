"""Payouts of a market place: aiohttp's server, with the adapter as its first middleware."""

from __future__ import annotations

import os

from aiohttp import web

from outworx_otel import TrackOptions
from outworx_otel.integrations.aiohttp import outworx_middleware

paid: dict[str, int] = {}


async def stripe(request: web.Request) -> web.Response:
    event = await request.json()
    track = request["outworx_track"]
    if event["type"] == "charge.succeeded":
        charge = event["data"]["object"]
        paid[charge["id"]] = charge["amount"]
        track.processed({"amount": charge["amount"]})
    else:
        track.ignored(f"not concerned with {event['type']}")
    return web.json_response({"received": True})


options = TrackOptions(
    provider="stripe",
    signature_secret_env="STRIPE_WEBHOOK_SECRET",
    require_processing_mark=True,
    paths=["/webhooks/stripe"],
)
app = web.Application(middlewares=[outworx_middleware(options)])  # the first in the list
app.router.add_post("/webhooks/stripe", stripe)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
