"""A shop: a Flask application that Shopify and Slack call.

The endpoints stand in `outworx.toml`, the secrets in the environment; the code only says what became of an
event. By hand, with `pip install 'outworx-otel[auto,flask]' gunicorn`:

    cd examples/flask_app
    export SHOPIFY_WEBHOOK_SECRET=... SLACK_SIGNING_SECRET=... OUTWORX_API_KEY=...
    export OTEL_SERVICE_NAME=shop OTEL_TRACES_EXPORTER=outworx OTEL_METRICS_EXPORTER=outworx
    opentelemetry-instrument gunicorn shop:app
"""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, g, request

logger = logging.getLogger(__name__)
app = Flask(__name__)

stock: dict[str, int] = {"MUG-01": 12}
shipments: dict[int, str] = {}


def reserve(order: dict[str, Any]) -> None:
    """Takes an order's items out of the stock."""
    for item in order["line_items"]:
        stock[item["sku"]] -= item["quantity"]
    shipments[order["id"]] = "waiting for the parcel service"


@app.post("/webhooks/shopify")
def shopify() -> dict[str, bool]:
    """Orders, from their creation to their refund."""
    order = request.get_json()
    topic = request.headers["X-Shopify-Topic"]
    if topic == "orders/create":
        reserve(order)
        g.outworx_track.processed({"items": len(order["line_items"])})
    elif topic == "orders/cancelled":
        try:
            del shipments[order["id"]]
            g.outworx_track.processed()
        except KeyError:
            # A bug of the common kind: logged where nobody looks, answered with 200, and the parcel leaves.
            logger.info("cancelled order %s has no shipment", order["id"])
    elif topic == "refunds/create":
        g.outworx_track.failed("the bank refused the refund", {"order_id": order["order_id"]})
    else:
        g.outworx_track.ignored(f"not concerned with {topic}")
    return {"received": True}


@app.post("/webhooks/slack")
def slack() -> dict[str, str]:
    """Questions to the shop's bot, and Slack's own check that this address is ours."""
    message = request.get_json()
    if message["type"] == "url_verification":
        g.outworx_track.ignored("address check")
        return {"challenge": message["challenge"]}
    logger.info("%s asks: %s", message["event"]["user"], message["event"]["text"])
    g.outworx_track.processed()
    return {}
