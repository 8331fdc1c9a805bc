"""Polar."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import STANDARD
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        STANDARD,
        provider="polar",
        title="Polar",
        key="whsec-or-utf8",
        source="https://pypi.org/project/polar-sdk/",
    ),
    source_kind="code",
    secret_prefixes=("polar_whs_",),
    samples=Samples(
        payloads={
            "order.paid": {
                "type": "order.paid",
                "timestamp": "${iso_ms}",
                "data": {"id": "${uuid:order}", "status": "paid", "total_amount": 4200, "currency": "eur"},
            }
        },
    ),
)
