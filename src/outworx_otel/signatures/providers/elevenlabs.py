"""ElevenLabs."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="elevenlabs",
        title="ElevenLabs",
        signature_header="elevenlabs-signature",
        layout="pairs",
        timestamp_field="t",
        signature_field="v0",
        message="{timestamp}.{body}",
        tolerance=1800,
        window="past",
        event_type="body.type",
        detection_headers=("elevenlabs-signature",),
        source="https://pypi.org/project/elevenlabs/",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "post_call_transcription": {
                "type": "post_call_transcription",
                "event_timestamp": "${unix}",
                "data": {
                    "agent_id": "agent_${lower:agent}",
                    "conversation_id": "conv_${lower:conversation}",
                    "status": "done",
                },
            }
        },
    ),
)
