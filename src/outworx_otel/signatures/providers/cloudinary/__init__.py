"""Cloudinary."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.cloudinary.procedure import CloudinaryHash
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="cloudinary",
        title="Cloudinary",
        signature_header="x-cld-signature",
        timestamp_header="x-cld-timestamp",
        algorithm="hash-sha1-or-sha256",
        tolerance=7200,
        window="past",
        event_type="body.notification_type",
        detection_headers=("x-cld-signature",),
        procedure=CloudinaryHash(),
        note="The secret is the API secret.",
        source="https://pypi.org/project/cloudinary/",
    ),
    source_kind="code",
    signed="`{body}{timestamp}` and the secret",
    samples=Samples(
        payloads={
            "upload": {
                "notification_type": "upload",
                "timestamp": "${iso}",
                "request_id": "${hex:request}",
                "asset_id": "${hex:asset}",
                "public_id": "order",
                "version": "${unix}",
                "format": "png",
                "resource_type": "image",
            }
        },
    ),
)
