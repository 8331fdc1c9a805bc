"""What the demo sends: deliveries signed as their providers sign, some of them with something wrong."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from outworx_otel.signatures import sign

REQUEST_ID: Final = "x-request-id"
AN_HOUR: Final = 3600.0

SECRETS: Final[Mapping[str, str]] = {
    "STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(16)}",
    "GITHUB_WEBHOOK_SECRET": secrets.token_hex(16),
    "SHOPIFY_WEBHOOK_SECRET": secrets.token_hex(16),
    "SLACK_SIGNING_SECRET": secrets.token_hex(16),
    "SVIX_WEBHOOK_SECRET": f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}",
}
_VARIABLES: Final = {
    "stripe": "STRIPE_WEBHOOK_SECRET",
    "github": "GITHUB_WEBHOOK_SECRET",
    "shopify": "SHOPIFY_WEBHOOK_SECRET",
    "slack": "SLACK_SIGNING_SECRET",
    "svix": "SVIX_WEBHOOK_SECRET",
}
# Secrets that belong to nobody, in the form that each provider gives out.
_STRANGERS: Final = {
    "stripe": f"whsec_{secrets.token_hex(16)}",
    "svix": f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}",
}


@dataclass(frozen=True)
class Verdict:
    """What the span must say.

    Args:
        status: the HTTP answer's.
        signature: `valid`, or the reason why it is not.
        processing: the processing status; `replayed` for a duplicate; None where no handler ran.
    """

    status: int
    signature: str
    processing: str | None


@dataclass(frozen=True)
class Event:
    """Something that happened at a provider."""

    provider: str
    kind: str
    payload: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    message_id: str | None = None


@dataclass(frozen=True)
class Delivery:
    """One HTTP request to one of the applications, and what is to become of it."""

    id: str
    framework: str
    event: Event
    sent: str
    body: bytes
    headers: Mapping[str, str]
    expected: Verdict

    @property
    def path(self) -> str:
        """Where the provider was told to call."""
        return f"/webhooks/{self.event.provider}"


def _stripe(kind: str, event_id: str, **thing: Any) -> Event:
    return Event("stripe", kind, {"id": event_id, "type": kind, "data": {"object": thing}})


def _github(kind: str, guid: str, **payload: Any) -> Event:
    return Event("github", kind, payload, {"x-github-event": kind, "x-github-delivery": guid})


def _shopify(topic: str, webhook_id: str, **order: Any) -> Event:
    return Event("shopify", topic, order, {"x-shopify-topic": topic, "x-shopify-webhook-id": webhook_id})


def _slack(event_id: str, text: str) -> Event:
    event = {"type": "app_mention", "user": "U061F7AUR", "text": text}
    return Event("slack", "app_mention", {"type": "event_callback", "event_id": event_id, "event": event})


def _svix(kind: str, message_id: str, **user: Any) -> Event:
    return Event("svix", kind, {"type": kind, "data": user}, message_id=message_id)


_CHARGE = _stripe("charge.succeeded", "evt_4821", id="ch_4821", amount=4900, currency="eur")
_PUSH = _github("push", "72d3162e", ref="refs/heads/main", after="6dcb09b5b57875f334f61ae0b8a95e2f")
_ORDER = _shopify("orders/create", "b54557e4", id=820982, line_items=[{"sku": "MUG-01", "quantity": 2}])
_USER = _svix("user.created", "msg_2b7", id="user_29w", email="ada@example.com")

_GOOD: Final = "genuine"
_AGAIN: Final = "the same again"
_STRANGER: Final = "wrong secret"
_NEIGHBOUR: Final = "another's secret"
_REWRITTEN: Final = "re-serialised body"
_STALE: Final = "signed an hour ago"

_DONE: Final = Verdict(200, "valid", "completed")
_REPLAYED: Final = Verdict(200, "valid", "replayed")
_DROPPED: Final = Verdict(200, "valid", "silent_drop")
_FAILED: Final = Verdict(200, "valid", "failed")
_MISMATCH: Final = Verdict(401, "hmac_mismatch", None)
_PARSED: Final = Verdict(401, "parsed_body", None)
_DRIFT: Final = Verdict(401, "timestamp_drift", None)

_PLAN: Final[Mapping[str, tuple[tuple[Event, str, Verdict], ...]]] = {
    "FastAPI": (
        (_CHARGE, _GOOD, _DONE),
        (_CHARGE, _AGAIN, _REPLAYED),
        (_CHARGE, _STRANGER, _MISMATCH),
        (_PUSH, _REWRITTEN, _PARSED),
        (_CHARGE, _STALE, _DRIFT),
        (_stripe("customer.deleted", "evt_4822", id="cus_404"), _GOOD, _DROPPED),
        (_stripe("charge.refunded", "evt_4823", id="ch_0000"), _GOOD, _FAILED),
    ),
    "Flask": (
        (_ORDER, _GOOD, _DONE),
        (_ORDER, _AGAIN, _REPLAYED),
        (_ORDER, _NEIGHBOUR, _MISMATCH),
        (_ORDER, _REWRITTEN, _PARSED),
        (_slack("Ev08MFMKH6", "Is the mug back?"), _STALE, _DRIFT),
        (_shopify("orders/cancelled", "b54557e5", id=111111), _GOOD, _DROPPED),
        (_shopify("refunds/create", "b54557e6", order_id=820982), _GOOD, _FAILED),
    ),
    "Django": (
        (_USER, _GOOD, _DONE),
        (_USER, _AGAIN, _REPLAYED),
        (_USER, _STRANGER, _MISMATCH),
        (_PUSH, _REWRITTEN, _PARSED),
        (_USER, _STALE, _DRIFT),
        (_github("release", "72d3162f", release={"tag_name": "v2.1.0"}), _GOOD, _DROPPED),
        (_svix("user.deleted", "msg_2b8", id="user_000"), _GOOD, _FAILED),
    ),
}


def planned() -> Iterator[Delivery]:
    """Every delivery of the demo, in the order of sending, signed as of now."""
    number = 0
    for framework, steps in _PLAN.items():
        for event, sent, expected in steps:
            number += 1
            delivery_id = f"demo-{number:02}"
            signed = json.dumps(event.payload, separators=(",", ":")).encode()
            headers = {
                "content-type": "application/json",
                REQUEST_ID: delivery_id,
                **event.headers,
                **sign(
                    event.provider,
                    signed,
                    _secret(event.provider, sent),
                    now=time.time() - AN_HOUR if sent == _STALE else None,
                    message_id=event.message_id,
                ),
            }
            # What a framework or a proxy makes of JSON that it has parsed: the same, with other white space.
            body = json.dumps(event.payload).encode() if sent == _REWRITTEN else signed
            yield Delivery(delivery_id, framework, event, sent, body, headers, expected)


def _secret(provider: str, sent: str) -> str:
    if sent == _STRANGER:
        return _STRANGERS[provider]
    return SECRETS[_VARIABLES["slack" if sent == _NEIGHBOUR else provider]]
