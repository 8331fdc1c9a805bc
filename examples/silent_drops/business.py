"""What the three applications have in common: a payment gateway that declines, and a ledger."""

from __future__ import annotations

import asyncio
from typing import Any

from outworx_otel import TrackContext

LIMIT = 10_000
SUPPORTED = "charge.succeeded"

ledger: dict[str, int] = {}


class PaymentDeclined(Exception):
    """The gateway says no."""


def charge_customer(payment: dict[str, Any]) -> None:
    """Takes the money."""
    if payment["amount"] > LIMIT:
        raise PaymentDeclined(payment["id"])  # raised here
    ledger[payment["id"]] = payment["amount"]


async def record_payment(payment: dict[str, Any], track: TrackContext) -> None:
    """Takes the money, and says so."""
    await asyncio.sleep(0)
    charge_customer(payment)
    track.processed({"amount": payment["amount"]})


def refund(payment: dict[str, Any], track: TrackContext) -> None:
    """Gives the money back, if it was taken."""
    if payment["id"] not in ledger:
        return  # drop: helper
    del ledger[payment["id"]]
    track.processed()


async def refund_later(payment: dict[str, Any], track: TrackContext) -> None:
    """The same, awaited."""
    await asyncio.sleep(0)
    if payment["id"] not in ledger:
        return  # drop: awaited helper
    del ledger[payment["id"]]
    track.processed()


def discount(payment: dict[str, Any]) -> int:
    """Most payments carry none, and that is no mistake."""
    try:
        return int(payment["discount"])
    except (KeyError, ValueError):
        return 0
