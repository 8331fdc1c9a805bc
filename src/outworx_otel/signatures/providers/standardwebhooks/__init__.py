"""Standard Webhooks."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import STANDARD
from outworx_otel.signatures.provider import Samples, WebhookProvider

# Entries tagged v1a, for senders that give out a public key ("whpk_…") instead of sharing a secret.
_ASYMMETRIC = replace(STANDARD, signature_field="v1a", algorithm="ed25519", key="public")

PROVIDER = WebhookProvider(
    scheme=replace(
        STANDARD,
        detection_headers=("webhook-id",),
        alternatives=(("whpk_", _ASYMMETRIC), ("whsk_", _ASYMMETRIC)),
        note="A secret that begins with whpk_ is a public key: the signatures tagged v1a are checked with it.",
    ),
    source_kind="code",
    secret_prefixes=("whsec_", "whpk_"),
    samples=Samples(
        headers={"User-Agent": "example-sender/1.0"},
    ),
)
