"""The requests that every variant is given: Stripe deliveries of three sizes, and two that are no webhook."""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass
from typing import Final

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - the specification's published example
HOOK_PATH: Final = "/webhooks/stripe"
PLAIN_PATH: Final = "/orders"
KIB: Final = 1024
CHUNK: Final = 64 * KIB
"""An ASGI server hands a large body over in pieces; uvicorn stops reading at 64 KiB."""

# What a proxy and a provider really send along.
_FROM_STRIPE: Final = (
    ("host", "shop.example.com"),
    ("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)"),
    ("content-type", "application/json; charset=utf-8"),
    ("accept", "*/*; q=0.5, application/xml"),
    ("cache-control", "no-cache"),
    ("x-forwarded-for", "203.0.113.7"),
    ("x-forwarded-proto", "https"),
)
_FROM_A_BROWSER: Final = (
    ("host", "shop.example.com"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", "application/json"),
    ("accept-language", "en-GB,en;q=0.8"),
    ("accept-encoding", "gzip, deflate, br"),
    ("origin", "https://shop.example.com"),
    ("referer", "https://shop.example.com/basket"),
    ("cookie", "session=0123456789abcdef0123456789abcdef"),
)


@dataclass(frozen=True)
class Shape:
    """One kind of request.

    Args:
        name: as it is called in tables.
        requests: how many make up a round.
        body_size: bytes of JSON; 0 is a GET.
        signed: whether it is a delivery.
    """

    name: str
    requests: int
    body_size: int
    signed: bool

    @property
    def method(self) -> str:
        return "POST" if self.body_size else "GET"

    @property
    def path(self) -> str:
        return HOOK_PATH if self.signed else PLAIN_PATH


HOOKS: Final = (
    Shape("1 KB", 48, KIB, True),
    Shape("16 KB", 36, 16 * KIB, True),
    Shape("256 KB", 12, 256 * KIB, True),
)
PLAIN: Final = (Shape("GET", 64, 0, False), Shape("POST", 64, 300, False))
SHAPES: Final = {shape.name: shape for shape in HOOKS + PLAIN}


@dataclass(frozen=True)
class Inbound:
    """A request, ready to be put into a server interface's form."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def inbound(shape: Shape, secret: str = SECRET) -> Inbound:
    """A request of this shape; a delivery is signed now, with `secret`."""
    if not shape.body_size:
        return Inbound("GET", shape.path, _FROM_A_BROWSER, b"")
    body = json_body(shape.body_size)
    headers: tuple[tuple[str, str], ...]
    headers = _FROM_STRIPE if shape.signed else (*_FROM_A_BROWSER, ("content-type", "application/json"))
    headers += (("content-length", str(len(body))),)
    if shape.signed:
        stamp = str(int(time.time()))
        signature = hmac.digest(secret.encode(), stamp.encode() + b"." + body, "sha256").hex()
        headers += (("stripe-signature", f"t={stamp},v1={signature}"),)
    return Inbound("POST", shape.path, headers, body)


def json_body(size: int) -> bytes:
    """An event of this many bytes: mostly a list of small objects, as large events are."""
    head = b'{"id":"evt_1PgZ0y2eZvKYlo2C","object":"event","data":{"items":['
    tail = b'],"note":"'
    end = b'"},"type":"charge.succeeded"}'
    item = b'{"id":"li_%06d","amount":4200,"currency":"eur","paid":true},'
    count = max(0, size - len(head) - len(tail) - len(end)) // len(item % 0)
    items = b"".join([item % number for number in range(count)])[:-1]
    body = head + items + tail
    return body + b"x" * (size - len(body) - len(end)) + end
