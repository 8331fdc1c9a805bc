"""Every silent drop there is, in FastAPI, async and sync; and how it looks when it is done right.

`uvicorn fastapi_app:app` in this directory, then send `{"type": "charge.succeeded", "data": {"object": {"id":
"ch_1", "amount": 4200}}}` to one of the routes. All of them answer 200.
"""

from __future__ import annotations

import logging
from typing import Annotated, Any

from business import (
    SUPPORTED,
    PaymentDeclined,
    charge_customer,
    discount,
    record_payment,
    refund,
    refund_later,
)
from fastapi import Body, FastAPI, Request

from outworx_otel import instrument, webhook

logger = logging.getLogger(__name__)

instrument()
app = FastAPI()
monitored = webhook("stripe", require_processing_mark=True)

Event = Annotated[dict[str, Any], Body()]

RECEIVED = {"received": True}


@app.post("/async/early-return")
@monitored
async def early_return(request: Request) -> dict[str, bool]:
    event = await request.json()
    if event["type"] != SUPPORTED:
        return {"received": True}  # drop: fastapi async early return
    charge_customer(event["data"]["object"])
    request.state.outworx_track.processed()
    return {"received": True}


@app.post("/async/swallowed-exception")
@monitored
async def swallowed_exception(request: Request) -> dict[str, bool]:
    event = await request.json()
    try:
        charge_customer(event["data"]["object"])
        request.state.outworx_track.processed()
    except KeyError:
        request.state.outworx_track.failed("the event holds no payment")
    except PaymentDeclined:  # drop: fastapi async swallowed exception
        logger.warning("declined")
    return RECEIVED


@app.post("/async/missing-await")
@monitored
async def missing_await(request: Request) -> dict[str, bool]:
    event = await request.json()
    record_payment(event["data"]["object"], request.state.outworx_track)  # drop: fastapi async missing await
    return RECEIVED


@app.post("/async/helper")
@monitored
async def in_an_awaited_helper(request: Request) -> dict[str, bool]:
    event = await request.json()
    await refund_later(event["data"]["object"], request.state.outworx_track)
    return RECEIVED


@app.post("/async/never-marked")
@monitored
async def never_marked(request: Request) -> dict[str, bool]:
    event = await request.json()
    charge_customer(event["data"]["object"])
    return RECEIVED  # drop: fastapi async never marked


@app.post("/async/correct")
@monitored
async def correct(request: Request) -> dict[str, bool]:
    event = await request.json()
    payment = event["data"]["object"]
    payment["amount"] -= discount(payment)
    try:
        await record_payment(payment, request.state.outworx_track)
    except PaymentDeclined as declined:
        request.state.outworx_track.failed(f"declined: {declined}")
    return RECEIVED


@app.post("/sync/early-return")
@monitored
def sync_early_return(request: Request, event: Event) -> dict[str, bool]:
    if event["type"] != SUPPORTED:
        return RECEIVED  # drop: fastapi sync early return
    charge_customer(event["data"]["object"])
    request.state.outworx_track.processed()
    return RECEIVED


@app.post("/sync/swallowed-exception")
@monitored
def sync_swallowed_exception(request: Request, event: Event) -> dict[str, bool]:
    try:
        charge_customer(event["data"]["object"])
    except Exception:  # noqa: BLE001  # drop: fastapi sync swallowed exception
        return RECEIVED
    request.state.outworx_track.processed()
    return RECEIVED


@app.post("/sync/missing-await")
@monitored
def sync_missing_await(request: Request, event: Event) -> dict[str, bool]:
    record_payment(event["data"]["object"], request.state.outworx_track)  # drop: fastapi sync missing await
    return RECEIVED


@app.post("/sync/helper")
@monitored
def in_a_helper(request: Request, event: Event) -> dict[str, bool]:
    refund(event["data"]["object"], request.state.outworx_track)
    return RECEIVED


@app.post("/sync/correct")
@monitored
def sync_correct(request: Request, event: Event) -> dict[str, bool]:
    payment = event["data"]["object"]
    payment["amount"] -= discount(payment)
    try:
        charge_customer(payment)
    except PaymentDeclined as declined:
        request.state.outworx_track.failed(f"declined: {declined}")
    else:
        request.state.outworx_track.processed()
    return RECEIVED
