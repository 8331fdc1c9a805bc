"""Slack."""

from __future__ import annotations

from outworx_otel.signatures.handshake import Handshake
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="slack",
        title="Slack",
        signature_header="x-slack-signature",
        prefix="v0=",
        timestamp_header="x-slack-request-timestamp",
        message="v0:{timestamp}:{body}",
        tolerance=300,
        event_id="body.event_id",
        event_type="body.event.type",
        detection_headers=("x-slack-signature",),
        source="https://docs.slack.dev/authentication/verifying-requests-from-slack",
    ),
    source_kind="docs",
    other_credentials={
        "xoxb-": "a Slack bot token",
        "xoxp-": "a Slack user token",
        "xapp-": "a Slack app token",
    },
    handshakes=(
        Handshake(
            when={"body.type": "url_verification"},
            challenge="body.challenge",
            proof="signature",
            text="{challenge}",
            source="https://docs.slack.dev/reference/events/url_verification/",
        ),
    ),
    samples=Samples(
        headers={"User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)", "Accept": "*/*"},
        names={"slash_command": "slash_command", "interactivity": "block_actions"},
    ),
)
