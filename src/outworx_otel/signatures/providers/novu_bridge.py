"""Novu bridge."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="novu_bridge",
        title="Novu bridge",
        signature_header="novu-signature",
        layout="pairs",
        timestamp_field="t",
        timestamp_unit="ms",
        message="{timestamp}.{body}",
        tolerance=300,
        detection_headers=("novu-signature",),
        note="The secret is the environment's secret key.",
        source="https://www.npmjs.com/package/@novu/framework",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "execute": {
                "payload": {"order": "${uuid:order}"},
                "controls": {},
                "subscriber": {"subscriberId": "${uuid:subscriber}"},
                "state": [],
            }
        },
    ),
)
