"""Stream."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.stream.inflation import inflated
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.signed_payload import SignedPayload

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="stream",
        title="Stream",
        signature_header="x-signature",
        event_type="body.type",
        procedure=SignedPayload("x-signature", inflated),
        note="The secret is the API secret; what came compressed was signed before",
        source="https://pypi.org/project/stream-chat/",
    ),
    source_kind="code",
    signed="the body, inflated where it is gzip",
    samples=Samples(
        payloads={
            "message.new": {
                "type": "message.new",
                "cid": "messaging:bees",
                "created_at": "${iso_ms}",
                "message": {"id": "${uuid:message}", "text": "The kettle is on", "type": "regular"},
                "user": {"id": "nora"},
            }
        },
    ),
)
