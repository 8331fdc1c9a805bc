"""OpenAI."""

from __future__ import annotations

from dataclasses import replace

from outworx_otel.signatures.families import STANDARD
from outworx_otel.signatures.provider import Samples, WebhookProvider

PROVIDER = WebhookProvider(
    scheme=replace(
        STANDARD,
        provider="openai",
        title="OpenAI",
        key="whsec-or-utf8",
        untagged=True,
        source="https://github.com/openai/openai-python/blob/main/src/openai/lib/_webhooks.py",
    ),
    source_kind="code",
    samples=Samples(
        headers={"User-Agent": "OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)"},
    ),
)
