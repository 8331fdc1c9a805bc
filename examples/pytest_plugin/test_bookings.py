"""Signed deliveries to the application, and what was made of them."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from outworx_otel.testing import Webhooks, post_webhook

SECRET = "whsec_0123456789abcdef"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", SECRET)  # before the application is imported
    from bookings import app

    return TestClient(app)


def event(kind: str, **charge: Any) -> dict[str, Any]:
    return {"id": "evt_1", "type": kind, "data": {"object": charge}}


def test_a_payment_confirms_its_booking(client: TestClient, webhooks: Webhooks) -> None:
    paid = event("charge.succeeded", metadata={"booking": "b_1"})
    assert post_webhook(client, "/webhooks/stripe", "stripe", paid, SECRET).status_code == 200
    assert webhooks.last.processing == "completed"
    assert webhooks.last.signature_valid


def test_a_payment_for_no_booking_is_a_failure_that_somebody_hears_of(
    client: TestClient, webhooks: Webhooks
) -> None:
    paid = event("charge.succeeded", metadata={"booking": "b_9"})
    assert post_webhook(client, "/webhooks/stripe", "stripe", paid, SECRET).status_code == 200
    assert (webhooks.last.processing, webhooks.last.reason) == ("failed", "no booking b_9")


def test_what_is_not_signed_does_not_reach_the_handler(client: TestClient, webhooks: Webhooks) -> None:
    forged = post_webhook(client, "/webhooks/stripe", "stripe", event("charge.succeeded"), "whsec_another")
    assert forged.status_code == 401
    assert webhooks.last.outcome == "rejected"
