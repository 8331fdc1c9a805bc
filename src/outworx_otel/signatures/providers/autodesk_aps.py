"""Autodesk Platform Services."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="autodesk_aps",
        title="Autodesk Platform Services",
        signature_header="x-adsk-signature",
        prefix="sha1hash=",
        algorithm="hmac-sha1",
        detection_headers=("x-adsk-signature",),
        source="https://aps.autodesk.com/en/docs/webhooks/v1/tutorials/how-to-verify-payload-signature",
    ),
    source_kind="docs",
    samples=Samples(
        payloads={
            "dm.version.added": {
                "version": "1.0",
                "resourceUrn": "urn:adsk.wipprod:fs.file:vf.${alnum22:file}?version=1",
                "hook": {"hookId": "${uuid:hook}", "system": "data", "event": "dm.version.added"},
                "payload": {"ext": "txt", "name": "plan.txt", "version": "1"},
            }
        },
    ),
)
