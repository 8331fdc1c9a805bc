"""HTTP Basic, whoever sends it."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import BASIC
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(BASIC, note="For whoever sends a user and a password; the secret is user:password."),
    source_kind="docs",
    samples=Samples(payloads={"event": {"id": "${uuid:event}"}}),
)
