"""X."""

from __future__ import annotations

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
