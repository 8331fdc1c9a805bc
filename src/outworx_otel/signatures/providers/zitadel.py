"""Zitadel."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="zitadel",
        title="Zitadel",
        signature_header="zitadel-signature",
        layout="pairs",
        timestamp_field="t",
        message="{timestamp}.{body}",
        tolerance=300,
        window="past",
        event_type="body.event_type",
        detection_headers=("zitadel-signature",),
        note="For targets of actions; the secret is the target's signing key.",
        source="https://github.com/zitadel/zitadel/blob/main/pkg/actions/signing.go",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "user.human.added": {
                "aggregateID": "${number:user}",
                "aggregateType": "user",
                "resourceOwner": "${number:organization}",
                "instanceID": "${number:instance}",
                "version": "v2",
                "sequence": 4,
                "event_type": "user.human.added",
                "created_at": "${iso}",
                "userID": "${number:actor}",
                "event_payload": {"userName": "nora"},
            }
        },
    ),
)
