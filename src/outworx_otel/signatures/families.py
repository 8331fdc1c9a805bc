"""Rows that several providers share: Standard Webhooks, Svix (its forerunner), HTTP Basic, Meta and its handshake."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.handshake import Handshake
from outworx_otel.signatures.scheme import SignatureScheme

STANDARD = SignatureScheme(
    provider="standardwebhooks",
    title="Standard Webhooks",
    signature_header="webhook-signature",
    timestamp_header="webhook-timestamp",
    id_header="webhook-id",
    layout="tagged",
    encoding="base64",
    key="whsec",
    message="{id}.{timestamp}.{body}",
    tolerance=300,
    event_id="header.webhook-id",
    event_type="body.type",
    source="https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
)

SVIX = replace(
    STANDARD,
    provider="svix",
    title="Svix",
    signature_header=("svix-signature", "webhook-signature"),
    timestamp_header=("svix-timestamp", "webhook-timestamp"),
    id_header=("svix-id", "webhook-id"),
    event_id="header.svix-id",
    detection_headers=("svix-id",),
    source="https://github.com/svix/svix-webhooks/blob/main/python/svix/webhooks.py",
)

BASIC = SignatureScheme(
    provider="basic",
    title="HTTP Basic",
    signature_header="authorization",
    prefix="Basic ",
    encoding="base64",
    algorithm="token",
    key="user-password",
    message="",
    own_header=True,
    source="https://www.rfc-editor.org/rfc/rfc7617.html",
)

META = SignatureScheme(
    provider="meta",
    title="Meta",
    signature_header="x-hub-signature-256",
    prefix="sha256=",
    event_type="body.object",
    weaker_headers=(("x-hub-signature", "hmac-sha1"),),
    note="The secret is the app secret, not the verify token.",
    source="https://developers.facebook.com/docs/graph-api/webhooks/getting-started",
)

META_SUBSCRIPTION = Handshake(
    method="GET",
    when={"query.hub.mode": "subscribe"},
    proof="token",
    shared="query.hub.verify_token",
    challenge="query.hub.challenge",
    text="{challenge}",
    source="https://github.com/fbsamples/graph-api-webhooks-samples/blob/main/typescript-server/src/routes/subscribe.ts",
)
