"""Twitch."""

from __future__ import annotations

from outworx_otel.signatures.handshake import Handshake
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="twitch",
        title="Twitch",
        signature_header="twitch-eventsub-message-signature",
        prefix="sha256=",
        timestamp_header="twitch-eventsub-message-timestamp",
        timestamp_unit="iso8601",
        id_header="twitch-eventsub-message-id",
        message="{id}{timestamp}{body}",
        tolerance=600,
        event_id="header.twitch-eventsub-message-id",
        event_type="header.twitch-eventsub-subscription-type",
        detection_headers=("twitch-eventsub-message-signature",),
        source="https://dev.twitch.tv/docs/eventsub/handling-webhook-events",
    ),
    source_kind="docs",
    handshakes=(
        Handshake(
            when={"header.twitch-eventsub-message-type": "webhook_callback_verification"},
            challenge="body.challenge",
            proof="signature",
            text="{challenge}",
            source="https://github.com/twitchdev/twitch-cli/blob/main/internal/events/verify/subscription_verify.go",
        ),
    ),
    samples=Samples(
        headers={
            "Twitch-Eventsub-Message-Retry": "0",
            "Twitch-Eventsub-Message-Type": "notification",
            "Twitch-Eventsub-Subscription-Type": "${event}",
            "Twitch-Eventsub-Subscription-Version": "1",
        },
        event_headers={
            "channel.follow": {"Twitch-Eventsub-Subscription-Version": "2"},
            "webhook_callback_verification": {
                "Twitch-Eventsub-Message-Type": "webhook_callback_verification",
                "Twitch-Eventsub-Subscription-Type": "stream.online",
            },
        },
    ),
)
