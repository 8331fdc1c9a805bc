"""Payments: a FastAPI application that Stripe and GitHub call.

It imports nothing of Outworx: the endpoints stand in `outworx.toml`, the secrets in the environment. By hand,
with `pip install 'outworx-otel[auto,fastapi]' uvicorn`:

    cd examples/fastapi_app
    export STRIPE_WEBHOOK_SECRET=whsec_... GITHUB_WEBHOOK_SECRET=... OUTWORX_API_KEY=...
    export OTEL_SERVICE_NAME=payments OTEL_TRACES_EXPORTER=outworx OTEL_METRICS_EXPORTER=outworx
    opentelemetry-instrument uvicorn payments:app
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request

app = FastAPI(title="Payments")

orders: dict[str, str] = {"ch_4821": "waiting for payment"}
subscribers: dict[str, str] = {"cus_117": "team plan"}


@app.post("/webhooks/stripe")
async def stripe(request: Request) -> dict[str, bool]:
    """Whatever changes an order or a customer."""
    event: dict[str, Any] = await request.json()
    thing = event["data"]["object"]
    track = request.state.outworx_track
    match event["type"]:
        case "charge.succeeded":
            orders[thing["id"]] = "paid"
            track.processed({"amount": thing["amount"], "currency": thing["currency"]})
        case "charge.refunded":
            if thing["id"] not in orders:
                # 200 all the same: Stripe sending it again would not make the order appear.
                track.failed(f"no order for charge {thing['id']}")
            else:
                orders[thing["id"]] = "refunded"
                track.processed()
        case "customer.deleted":
            plan = subscribers.pop(thing["id"], None)
            if plan is None:
                # A bug of the common kind: Stripe is told 200, and somebody goes on paying.
                return {"received": True}
            track.processed({"plan": plan})
        case other:
            track.ignored(f"not concerned with {other}")
    return {"received": True}


@app.post("/webhooks/github")
async def github(request: Request) -> dict[str, str]:
    """Pushes to the main branch start a deployment."""
    push = await request.json()
    track = request.state.outworx_track
    if push.get("ref") != "refs/heads/main":
        track.ignored("not the main branch")
        return {"deployment": "none"}
    track.processed({"commit": push["after"]})
    return {"deployment": push["after"][:7]}
