"""Discord."""

from __future__ import annotations

from outworx_otel.signatures.handshake import Handshake
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="discord",
        title="Discord",
        signature_header="x-signature-ed25519",
        timestamp_header="x-signature-timestamp",
        message="{timestamp}{body}",
        algorithm="ed25519",
        key="public",
        event_id="body.id",
        event_type="body.type",
        detection_headers=("x-signature-ed25519",),
        note="The secret is the application's public key.",
        source="https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint",
    ),
    source_kind="docs",
    handshakes=(
        Handshake(
            when={"body.type": 1},
            absent=("body.event",),
            proof="signature",
            document={"type": 1},
            source="https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint",
        ),
        Handshake(
            when={"body.type": 0},
            absent=("body.event",),
            proof="signature",
            status=204,
            headers={"content-type": "application/json"},
            source="https://github.com/discord/discord-api-docs/blob/main/developers/events/webhook-events.mdx",
        ),
    ),
    samples=Samples(
        headers={"User-Agent": "Discord-Interactions/1.0 (+https://discord.com)"},
        names={"application_command": "application_command"},
    ),
)
