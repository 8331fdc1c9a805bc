"""GitHub."""

from __future__ import annotations

from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="github",
        title="GitHub",
        signature_header="x-hub-signature-256",
        prefix="sha256=",
        event_id="header.x-github-delivery",
        event_type="header.x-github-event",
        detection_headers=("x-github-event", "x-github-delivery"),
        weaker_headers=(("x-hub-signature", "hmac-sha1"),),
        source="https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
    ),
    source_kind="docs",
    other_credentials={
        "ghp_": "a GitHub token",
        "gho_": "a GitHub token",
        "ghs_": "a GitHub token",
        "github_pat_": "a GitHub token",
    },
    gives_up=GivesUp(
        0, "https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries"
    ),
    samples=Samples(
        headers={
            "Accept": "*/*",
            "User-Agent": "GitHub-Hookshot/${hex7:agent}",
            "X-GitHub-Delivery": "${uuid:delivery}",
            "X-GitHub-Event": "${kind}",
            "X-GitHub-Hook-ID": "480112233",
            "X-GitHub-Hook-Installation-Target-ID": "771204556",
            "X-GitHub-Hook-Installation-Target-Type": "repository",
        },
    ),
)
