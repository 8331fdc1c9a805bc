"""The same mistakes in Flask, sync and async, and in a view class.

`flask --app flask_app run` in this directory; the asynchronous ones need `pip install 'flask[async]'`.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from business import SUPPORTED, PaymentDeclined, charge_customer, discount, record_payment, refund
from flask import Flask, g, request
from flask.views import MethodView

from outworx_otel import instrument, webhook

logger = logging.getLogger(__name__)

instrument()
app = Flask(__name__)
monitored = webhook("stripe", require_processing_mark=True)

RECEIVED = {"received": True}


def from_stripe(view: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator of the application's own."""

    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return wrapper


@app.post("/sync/early-return")
@monitored
@from_stripe
def early_return() -> dict[str, bool]:
    event = request.get_json()
    if event["type"] != SUPPORTED:
        return RECEIVED  # drop: flask sync early return
    charge_customer(event["data"]["object"])
    g.outworx_track.processed()
    return RECEIVED


@app.post("/sync/swallowed-exception")
@monitored
def swallowed_exception() -> dict[str, bool]:
    event = request.get_json()
    try:
        charge_customer(event["data"]["object"])
        g.outworx_track.processed()
    except Exception:  # drop: flask sync swallowed exception
        logger.exception("payment failed")
    return RECEIVED


@app.post("/sync/missing-await")
@monitored
def missing_await() -> dict[str, bool]:
    event = request.get_json()
    record_payment(event["data"]["object"], g.outworx_track)  # drop: flask sync missing await
    return RECEIVED


@app.post("/sync/helper")
@monitored
def in_a_helper() -> dict[str, bool]:
    refund(request.get_json()["data"]["object"], g.outworx_track)
    return RECEIVED


@app.post("/sync/correct")
@monitored
def correct() -> dict[str, bool]:
    payment = request.get_json()["data"]["object"]
    payment["amount"] -= discount(payment)
    try:
        charge_customer(payment)
    except PaymentDeclined as declined:
        g.outworx_track.failed(f"declined: {declined}")
    else:
        g.outworx_track.processed()
    return RECEIVED


@app.post("/async/early-return")
@monitored
async def async_early_return() -> dict[str, bool]:
    event = request.get_json()
    if event["type"] != SUPPORTED:
        return RECEIVED  # drop: flask async early return
    await record_payment(event["data"]["object"], g.outworx_track)
    return RECEIVED


@app.post("/async/swallowed-exception")
@monitored
async def async_swallowed_exception() -> dict[str, bool]:
    event = request.get_json()
    try:
        await record_payment(event["data"]["object"], g.outworx_track)
    except PaymentDeclined:  # drop: flask async swallowed exception
        logger.warning("declined")
    return RECEIVED


@app.post("/async/missing-await")
@monitored
async def async_missing_await() -> dict[str, bool]:
    event = request.get_json()
    record_payment(event["data"]["object"], g.outworx_track)  # drop: flask async missing await
    return RECEIVED


class Payments(MethodView):
    """A view class whose work is done in a method of its own."""

    @monitored
    def post(self) -> dict[str, bool]:
        self.handle(request.get_json())
        return RECEIVED

    def handle(self, event: dict[str, Any]) -> None:
        if event["type"] != SUPPORTED:
            return  # drop: flask class early return
        charge_customer(event["data"]["object"])
        g.outworx_track.processed()


app.add_url_rule("/class/early-return", view_func=Payments.as_view("payments"))
