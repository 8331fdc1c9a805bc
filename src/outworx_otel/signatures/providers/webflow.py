"""Webflow."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="webflow",
        title="Webflow",
        signature_header="x-webflow-signature",
        timestamp_header="x-webflow-timestamp",
        timestamp_unit="ms",
        message="{timestamp}:{body}",
        tolerance=300,
        window="past",
        event_type="body.triggerType",
        detection_headers=("x-webflow-signature",),
        note="The secret is the OAuth application's client secret, or the webhook's own.",
        source="https://www.npmjs.com/package/webflow-api",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "form_submission": {
                "triggerType": "form_submission",
                "payload": {
                    "name": "Contact",
                    "siteId": "${hex24:site}",
                    "data": {"Name": "Nora Vale"},
                    "submittedAt": "${iso_ms}",
                    "id": "${hex24:form}",
                },
            }
        },
    ),
)
