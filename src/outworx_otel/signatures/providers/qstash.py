"""Upstash QStash."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.tokens import SignedToken, url_itself

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="qstash",
        title="Upstash QStash",
        signature_header="upstash-signature",
        timestamp_field="exp",
        tolerance=0,
        event_id="header.upstash-message-id",
        detection_headers=("upstash-signature",),
        procedure=SignedToken(
            header="upstash-signature",
            issuer="Upstash",
            needs=("nbf", "exp"),
            body_claim="body",
            body_encoding="base64url",
            url_claim="sub",
            url_value=url_itself,
        ),
        note="The secrets are the current and the next signing key.",
        source="https://pypi.org/project/qstash/",
    ),
    source_kind="code",
    signed="token with the URL and a hash of the body",
    secret_prefixes=("sig_",),
    samples=Samples(
        headers={"Upstash-Message-Id": "msg_${alnum:message}"},
        payloads={"message": {"order": "${uuid:order}"}},
    ),
)
