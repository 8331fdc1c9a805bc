"""Deliveries as providers send them, signed by the providers' own rules."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  # for tests alone
WRONG = "whsec_another"
EVENT = {"id": "evt_1", "type": "charge.succeeded", "data": {"object": {"amount": 42}}}
BODY = json.dumps(EVENT, indent=1).encode()
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


def stripe(
    body: bytes = BODY, secret: str = SECRET, at: float | None = None, **others: str
) -> dict[str, str]:
    """Headers of a Stripe delivery."""
    moment = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), b"%d." % moment + body, hashlib.sha256).hexdigest()
    return {**JSON, "stripe-signature": f"t={moment},v1={digest}", **others}


def github(body: bytes = BODY, secret: str = SECRET, **others: str) -> dict[str, str]:
    """Headers of a GitHub delivery."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        **JSON,
        "x-github-event": "push",
        "x-github-delivery": "guid-1",
        "x-hub-signature-256": f"sha256={digest}",
        **others,
    }


def shopify(body: bytes = BODY, secret: str = SECRET) -> dict[str, str]:
    """Headers of a Shopify delivery."""
    digest = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    return {
        **JSON,
        "x-shopify-topic": "orders/paid",
        "x-shopify-webhook-id": "wh-1",
        "x-shopify-hmac-sha256": digest,
    }


def svix(body: bytes = BODY, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    """Headers of a Svix (or Clerk) delivery."""
    moment = int(time.time() if at is None else at)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, b"msg_1.%d." % moment + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    return {**JSON, "svix-id": "msg_1", "svix-timestamp": str(moment), "svix-signature": signature}


def slack(body: bytes = BODY, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    """Headers of a Slack delivery."""
    moment = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), b"v0:%d:" % moment + body, hashlib.sha256).hexdigest()
    return {**JSON, "x-slack-request-timestamp": str(moment), "x-slack-signature": f"v0={digest}"}
