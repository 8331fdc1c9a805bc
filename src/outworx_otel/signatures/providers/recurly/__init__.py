"""Recurly."""

from __future__ import annotations

from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider
from outworx_otel.signatures.providers.recurly.procedure import RecurlySignature
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="recurly",
        title="Recurly",
        signature_header="recurly-signature",
        layout="list",
        timestamp_field="t",
        timestamp_unit="auto",
        tolerance=300,
        event_id="header.recurly-notification-id",
        event_type="body.event_type",
        detection_headers=("recurly-signature",),
        procedure=RecurlySignature(),
        note="Only JSON is signed, XML is not.",
        source="https://github.com/recurly/recurly-client-ruby/blob/v3-v2021-02-25/lib/recurly/webhooks.rb",
    ),
    source_kind="code",
    signed="`{timestamp}.{body}`",
    # Ten times, after 10 + x * 2 ** (x + 5) seconds each.
    gives_up=GivesUp(262_308, "https://docs.recurly.com/recurly-subscriptions/docs/automatic-retries"),
    samples=Samples(
        headers={"Recurly-Notification-Id": "${uuid:notification}"},
        payloads={
            "created": {
                "id": "${alnum:notification}",
                "object_type": "account",
                "site_id": "${alnum:site}",
                "event_type": "created",
                "event_time": "${iso}",
                "account": {"id": "${alnum:account}", "code": "nora"},
            }
        },
    ),
)
