"""Dropbox."""

from __future__ import annotations

from outworx_otel.signatures.handshake import Handshake
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="dropbox",
        title="Dropbox",
        signature_header="x-dropbox-signature",
        detection_headers=("x-dropbox-signature",),
        note="The secret is the app secret; a delivery says who changed something, not what.",
        source="https://github.com/dropbox/mdwebhook/blob/master/app.py",
    ),
    source_kind="code",
    handshakes=(
        Handshake(
            method="GET",
            challenge="query.challenge",
            text="{challenge}",
            source="https://github.com/dropbox/mdwebhook/blob/master/app.py",
        ),
    ),
    samples=Samples(
        payloads={
            "list_folder": {
                "list_folder": {"accounts": ["dbid:${alnum:account}"]},
                "delta": {"users": ["${number:user}"]},
            }
        },
    ),
)
