"""Standard Webhooks and the providers that sign by it."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.scheme import SignatureScheme

_SYMMETRIC = SignatureScheme(
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

# Entries tagged v1a, for senders that give out a public key ("whpk_…") instead of sharing a secret.
_ASYMMETRIC = replace(_SYMMETRIC, signature_field="v1a", algorithm="ed25519", key="public")

_STANDARD = replace(
    _SYMMETRIC,
    detection_headers=("webhook-id",),
    alternatives=(("whpk_", _ASYMMETRIC), ("whsk_", _ASYMMETRIC)),
    note="A secret that begins with whpk_ is a public key: the signatures tagged v1a are checked with it.",
)

_SVIX = replace(
    _SYMMETRIC,
    provider="svix",
    title="Svix",
    signature_header=("svix-signature", "webhook-signature"),
    timestamp_header=("svix-timestamp", "webhook-timestamp"),
    id_header=("svix-id", "webhook-id"),
    event_id="header.svix-id",
    detection_headers=("svix-id",),
    source="https://github.com/svix/svix-webhooks/blob/main/python/svix/webhooks.py",
)

_OPENAI = replace(
    _SYMMETRIC,
    provider="openai",
    title="OpenAI",
    key="whsec-or-utf8",
    untagged=True,
    source="https://github.com/openai/openai-python/blob/main/src/openai/lib/_webhooks.py",
)

_GITLAB_SIGNED = replace(
    _SYMMETRIC,
    provider="gitlab",
    title="GitLab",
    event_id="header.idempotency-key",
    event_type="header.x-gitlab-event",
)

# The older way: the secret token is sent along. GitLab's signing tokens begin with "whsec_".
_GITLAB = SignatureScheme(
    provider="gitlab",
    title="GitLab",
    signature_header="x-gitlab-token",
    encoding="text",
    algorithm="token",
    message="",
    event_id="header.idempotency-key",
    event_type="header.x-gitlab-event",
    detection_headers=("x-gitlab-event",),
    alternatives=(("whsec_", _GITLAB_SIGNED),),
    note=(
        "A signing token (whsec_…) is verified as Standard Webhooks; an older secret token only proves "
        "who sent the request, not that its body is unchanged."
    ),
    source="https://gitlab.com/gitlab-org/gitlab/-/merge_requests/230944",
)

ROWS: tuple[SignatureScheme, ...] = (
    _STANDARD,
    _SVIX,
    replace(
        _SVIX,
        provider="clerk",
        title="Clerk",
        detection_headers=(),
        source="https://clerk.com/docs/webhooks/sync-data",
    ),
    replace(
        _SVIX,
        provider="resend",
        title="Resend",
        detection_headers=(),
        source="https://resend.com/docs/dashboard/webhooks/verify-webhooks-requests",
    ),
    _OPENAI,
    replace(
        _SYMMETRIC,
        provider="supabase",
        title="Supabase",
        source="https://supabase.com/docs/guides/auth/auth-hooks",
    ),
    replace(_SYMMETRIC, provider="render", title="Render", source="https://render.com/docs/webhooks"),
    replace(
        _SYMMETRIC,
        provider="replicate",
        title="Replicate",
        event_type="body.status",
        source="https://replicate.com/docs/topics/webhooks/verify-webhook",
    ),
    _GITLAB,
)
