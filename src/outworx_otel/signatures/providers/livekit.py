"""LiveKit."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.tokens import SignedToken

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="livekit",
        title="LiveKit",
        signature_header="authorization",
        timestamp_field="exp",
        tolerance=60,
        event_id="body.id",
        event_type="body.event",
        procedure=SignedToken(
            header="authorization", needs=("exp",), body_claim="sha256", body_encoding="base64"
        ),
        note="The secret is the API secret.",
        source="https://pypi.org/project/livekit-api/",
    ),
    source_kind="code",
    signed="token with a hash of the body",
    samples=Samples(
        payloads={
            "room_started": {
                "event": "room_started",
                "room": {"sid": "RM_${alnum:room}", "name": "shop"},
                "id": "EV_${alnum:event}",
                "createdAt": "${unix}",
            }
        },
    ),
)
