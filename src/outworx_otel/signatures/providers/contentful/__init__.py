"""Contentful."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.contentful.procedure import ContentfulRequest
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="contentful",
        title="Contentful",
        signature_header="x-contentful-signature",
        timestamp_header="x-contentful-timestamp",
        timestamp_unit="ms",
        tolerance=30,
        window="past",
        inclusive=False,
        event_type="header.x-contentful-topic",
        detection_headers=("x-contentful-topic", "x-contentful-signature"),
        procedure=ContentfulRequest(),
        source="https://www.npmjs.com/package/@contentful/node-apps-toolkit",
    ),
    source_kind="code",
    signed="method, path, the headers that it names, body",
    samples=Samples(
        headers={"X-Contentful-Topic": "${event}"},
        payloads={
            "ContentManagement.Entry.publish": {
                "sys": {
                    "type": "Entry",
                    "id": "${alnum:entry}",
                    "space": {"sys": {"type": "Link", "linkType": "Space", "id": "${alnum:space}"}},
                    "createdAt": "${iso_ms}",
                    "revision": 2,
                },
                "fields": {"title": {"en-US": "Two pots"}},
            }
        },
    ),
)
