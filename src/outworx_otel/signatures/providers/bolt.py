"""Bolt."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="bolt",
        title="Bolt",
        signature_header="x-bolt-hmac-sha256",
        encoding="base64",
        detection_headers=("x-bolt-hmac-sha256",),
        source="https://github.com/BoltApp/bolt-php/blob/master/lib/SignatureVerifier.php",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "payment": {
                "id": "TA${alnum:transaction}",
                "reference": "${upper14:reference}",
                "order": "${digits:order}",
                "type": "payment",
                "amount": 1200,
                "currency": "USD",
                "status": "completed",
            }
        },
    ),
)
