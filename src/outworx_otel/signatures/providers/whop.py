"""Whop."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import STANDARD
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        STANDARD,
        provider="whop",
        title="Whop",
        key="utf8",
        source="https://pypi.org/project/whop-sdk/",
    ),
    source_kind="code",
    secret_prefixes=("ws_",),
    samples=Samples(
        payloads={
            "payment.succeeded": {
                "id": "msg_${alnum:message}",
                "type": "payment.succeeded",
                "timestamp": "${iso_ms}",
                "data": {"id": "pay_${alnum:payment}", "status": "paid"},
            }
        },
    ),
)
