"""Dropbox Sign."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.dropbox_sign.procedure import DropboxSignEvent
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="dropbox_sign",
        title="Dropbox Sign",
        signature_header=(),
        procedure=DropboxSignEvent(),
        note=(
            "The secret is the API key; only the event's time and type are signed, so fetch what it is about. It "
            "wants the answer `Hello API Event Received`."
        ),
        source="https://pypi.org/project/dropbox-sign/",
    ),
    source_kind="code",
    signed="`event_time`, `event_type`",
    samples=Samples(
        content_type="application/x-www-form-urlencoded",
    ),
)
