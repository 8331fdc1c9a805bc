"""A newsletter that hears of new customers: Litestar, switched on by `instrument()`."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request, post

from outworx_otel import TrackOptions, current_track, init, instrument

init(
    endpoints={
        "/webhooks/shopify": TrackOptions(
            provider="shopify",
            signature_secret_env="SHOPIFY_WEBHOOK_SECRET",
            require_processing_mark=True,
        )
    }
)
instrument()

readers: set[str] = set()


@post("/webhooks/shopify", status_code=200)
async def shopify(request: Request[Any, Any, Any]) -> dict[str, bool]:
    event = await request.json()
    topic = request.headers["x-shopify-topic"]
    if topic == "orders/create":
        readers.add(event["email"])
        current_track().processed()
    else:
        current_track().ignored(f"not concerned with {topic}")
    return {"received": True}


app = Litestar([shopify])
