"""X."""

from __future__ import annotations

from outworx_otel.signatures.handshake import Handshake, hmac_base64
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="x",
        title="X",
        signature_header="x-twitter-webhooks-signature",
        prefix="sha256=",
        encoding="base64",
        detection_headers=("x-twitter-webhooks-signature",),
        note="The secret is the consumer secret",
        source="https://github.com/xdevplatform/docs/blob/main/x-api/webhooks/quickstart.mdx",
    ),
    source_kind="code",
    handshakes=(
        Handshake(
            method="GET",
            challenge="query.crc_token",
            # Deliveries are JSON, signed with the same key: neither an object, nor a number or a word of JSON's.
            allowed=r"(?!(?:[-+0-9.eE]+|true|false|null|NaN|-?Infinity)\Z)[A-Za-z0-9._~+/=-]+",
            key="secret",
            make=hmac_base64,
            document={"response_token": "{made}"},
            source="https://docs.x.com/x-api/webhooks/quickstart",
        ),
    ),
    samples=Samples(
        payloads={
            "tweet_create_events": {
                "for_user_id": "${digits:user}",
                "tweet_create_events": [
                    {
                        "id_str": "${digits:post}",
                        "text": "The bees are well.",
                        "user": {"id_str": "${digits:author}", "screen_name": "nora"},
                    }
                ],
            }
        },
    ),
)
