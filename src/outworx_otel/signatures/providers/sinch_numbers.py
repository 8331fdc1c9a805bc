"""Sinch Numbers."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="sinch_numbers",
        title="Sinch Numbers",
        signature_header="x-sinch-signature",
        algorithm="hmac-sha1",
        event_id="body.eventId",
        event_type="body.eventType",
        source="https://pypi.org/project/sinch/",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "PROVISIONING_TO_SMS_PLATFORM": {
                "eventId": "${lower26:event}",
                "timestamp": "${iso_ms}",
                "projectId": "${uuid:project}",
                "resourceId": "+31612345678",
                "resourceType": "ACTIVE_NUMBER",
                "eventType": "PROVISIONING_TO_SMS_PLATFORM",
                "status": "SUCCEEDED",
                "failureCode": "",
            }
        },
    ),
)
