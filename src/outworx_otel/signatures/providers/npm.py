"""npm."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="npm",
        title="npm",
        signature_header="x-npm-signature",
        prefix="sha256=",
        event_type="body.event",
        detection_headers=("x-npm-signature",),
        source="https://github.com/npm/npm-hook-receiver/blob/latest/index.js",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "package:publish": {
                "event": "package:publish",
                "name": "@acme/bees",
                "type": "package",
                "version": "1.0.0",
                "hookOwner": {"username": "nora"},
                "payload": {"_rev": "1-${hex:rev}"},
                "change": {"version": "1.0.0"},
                "time": "${unix_ms}",
            }
        },
    ),
)
