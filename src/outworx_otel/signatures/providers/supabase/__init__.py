"""Supabase."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import STANDARD
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        STANDARD,
        provider="supabase",
        title="Supabase",
        source="https://supabase.com/docs/guides/auth/auth-hooks",
    ),
    source_kind="docs",
    samples=Samples(
        headers={"User-Agent": "Go-http-client/2.0"},
    ),
)
