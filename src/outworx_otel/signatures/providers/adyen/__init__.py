"""Adyen."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.adyen.procedure import AdyenItems
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="adyen",
        title="Adyen",
        signature_header=(),
        encoding="base64",
        key="hex",
        procedure=AdyenItems(),
        note="Of every item, only the eight fields that Adyen signs are covered.",
        source="https://github.com/Adyen/adyen-python-api-library/blob/main/Adyen/util.py",
    ),
    source_kind="code",
    signed="eight fields of each item",
    samples=Samples(
        headers={"User-Agent": "Adyen HttpClient 1.0"},
    ),
)
