"""HubSpot."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.urls import hubspot_forms

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="hubspot",
        title="HubSpot",
        signature_header="x-hubspot-signature-v3",
        encoding="base64",
        timestamp_header="x-hubspot-request-timestamp",
        timestamp_unit="ms",
        message="{method}{url}{body}{timestamp}",
        tolerance=300,
        window="past",
        inclusive=False,
        url_forms=hubspot_forms,
        detection_headers=("x-hubspot-signature-v3",),
        source=(
            "https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/"
            "request-validation"
        ),
    ),
    source_kind="docs",
    samples=Samples(
        headers={"User-Agent": "HubSpot Connect 2.0 (http://dev.hubspot.com/)"},
    ),
)
