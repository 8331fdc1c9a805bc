"""Braintree."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.braintree.procedure import BraintreeForm
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="braintree",
        title="Braintree",
        signature_header=(),
        algorithm="hmac-sha1",
        key="sha1",
        procedure=BraintreeForm(),
        note="The secret is the private key; of the form, `bt_payload` is signed.",
        source="https://pypi.org/project/braintree/",
    ),
    source_kind="code",
    signed="`bt_payload`",
    samples=Samples(
        content_type="application/x-www-form-urlencoded",
    ),
)
