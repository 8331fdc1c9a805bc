"""monday.com."""

from __future__ import annotations

from outworx_otel.signatures.handshake import Handshake
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.tokens import SignedToken, url_itself

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="monday",
        title="monday.com",
        signature_header="authorization",
        timestamp_field="exp",
        tolerance=0,
        event_id="body.event.triggerUuid",
        event_type="body.event.type",
        procedure=SignedToken(header="authorization", needs=("exp",), url_claim="aud", url_value=url_itself),
        note="The URL is signed, not the body; the secret is the app's signing secret.",
        source="https://github.com/mondaycom/welcome-apps/blob/master/apps/jira-node/src/middlewares/authentication.js",
    ),
    source_kind="code",
    signed="token with the URL",
    handshakes=(
        Handshake(
            only=frozenset({"challenge"}),
            challenge="body.challenge",
            document={"challenge": "{challenge}"},
            source="https://developer.monday.com/api-reference/docs/webhooks",
        ),
    ),
    samples=Samples(
        payloads={
            "create_pulse": {
                "event": {
                    "userId": "${number:user}",
                    "boardId": "${number:board}",
                    "pulseId": "${number:pulse}",
                    "pulseName": "Two pots",
                    "type": "create_pulse",
                    "triggerTime": "${iso_ms}",
                    "subscriptionId": "${number:subscription}",
                    "triggerUuid": "${hex:trigger}",
                }
            }
        },
    ),
)
