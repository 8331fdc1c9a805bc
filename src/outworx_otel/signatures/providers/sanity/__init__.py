"""Sanity."""

from __future__ import annotations

from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="sanity",
        title="Sanity",
        signature_header="sanity-webhook-signature",
        layout="pairs",
        encoding="base64url",
        timestamp_field="t",
        timestamp_unit="ms",
        message="{timestamp}.{body}",
        event_id="header.idempotency-key",
        detection_headers=("sanity-webhook-signature",),
        source="https://github.com/sanity-io/webhook-toolkit",
    ),
    source_kind="code",
    gives_up=GivesUp(60, "https://www.sanity.io/docs/changelog/50ec6abf-fe0c-475b-ae72-314148860132"),
    samples=Samples(
        headers={
            "User-Agent": "Sanity.io webhook delivery",
            "sanity-project-id": "v4l3h0n3",
            "sanity-dataset": "production",
            "sanity-document-id": "${uuid:document}",
            "sanity-operation": "${event}",
            "sanity-transaction-id": "${alnum:transaction}",
            "sanity-transaction-time": "${iso_ms}",
            "sanity-webhook-id": "whkHoney01",
            "idempotency-key": "${alnum:delivery}",
        },
    ),
)
