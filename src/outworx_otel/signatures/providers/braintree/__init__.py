"""Braintree."""

from __future__ import annotations

from outworx_otel.signatures.handshake import Handshake, public_key_and_hmac
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
    handshakes=(
        Handshake(
            method="GET",
            challenge="query.bt_challenge",
            # Deliveries are signed in base64, with the same key; of this form none is taken.
            allowed="[a-f0-9]{20,32}",
            key="both",
            make=public_key_and_hmac,
            text="{made}",
            source="https://github.com/braintree/braintree_python/blob/master/braintree/webhook_notification_gateway.py",
        ),
    ),
    samples=Samples(
        content_type="application/x-www-form-urlencoded",
    ),
)
