"""GitLab."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import STANDARD
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

_SIGNED = replace(
    STANDARD,
    provider="gitlab",
    title="GitLab",
    event_id="header.idempotency-key",
    event_type="header.x-gitlab-event",
)

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        # The older way: the secret token is sent along. GitLab's signing tokens begin with "whsec_".
        provider="gitlab",
        title="GitLab",
        signature_header="x-gitlab-token",
        encoding="text",
        algorithm="token",
        message="",
        event_id="header.idempotency-key",
        event_type="header.x-gitlab-event",
        detection_headers=("x-gitlab-event",),
        alternatives=(("whsec_", _SIGNED),),
        note=(
            "A signing token (whsec_…) is verified as Standard Webhooks; an older secret token only proves "
            "who sent the request, not that its body is unchanged."
        ),
        source="https://gitlab.com/gitlab-org/gitlab/-/merge_requests/230944",
    ),
    source_kind="code",
    other_credentials={"glpat-": "a GitLab token for its API"},
    samples=Samples(
        headers={
            "User-Agent": "GitLab/17.11.0",
            "X-Gitlab-Event": "${event}",
            "X-Gitlab-Instance": "https://gitlab.example.com",
            "X-Gitlab-Webhook-UUID": "${uuid:hook}",
            "X-Gitlab-Event-UUID": "${uuid:event}",
            "Idempotency-Key": "${uuid:delivery}",
        },
        names={"push": "Push Hook", "merge_request": "Merge Request Hook", "pipeline": "Pipeline Hook"},
    ),
)
